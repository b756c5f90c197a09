"""The ledger replayed: from its lines alone, which resources there are and where each referral stands."""

from collections import Counter

from referral_service.workflow.ports import Happening
from tests.faults.machine_view import View

_PROPOSAL_BECOMES = {
    "suspended": "on-hold",
    "resumed": "draft",
    "withdrawn": "revoked",
    "approved": "completed",
    "declined": "revoked",
}
_REVIEW_BECOMES = {"asked": "draft", "review-closed": "revoked", "reviewed": "completed"}
# These say who did what, and leave every status that is replayed here as it was.
_LEAVES_ALL = {"restated", "acknowledged", "claimed", "released", "reassigned", "parked", "retried"}
_WORKERS = "Device/referral-service"  # drained and resumed, which is nothing to a referral


class Replay:
    """What the lines come to. A line that it does not know is a fault."""

    def __init__(self) -> None:
        """No lines yet."""
        self.lines = 0
        self.versions: Counter[str] = Counter()
        self.deleted: set[str] = set()
        self.proposals: dict[str, str] = {}
        self.orders: dict[str, tuple[str, str]] = {}
        self.reviews: dict[str, str] = {}
        self.decisions: dict[str, tuple[str, str]] = {}

    def follow(self, view: View) -> None:
        """The lines that are new, then compares."""
        for line in view.ledger[self.lines :]:
            self._read(line, view)
        assert len(view.ledger) >= self.lines, "the ledger lost a line"
        self.lines = len(view.ledger)
        self._check(view)

    def _read(self, line: Happening, view: View) -> None:
        kind, id = line.kind, line.subject.partition("/")[2]
        if kind in ("received", "deleted"):
            self.versions[line.subject] += 1
            self.deleted -= {line.subject}
            self.deleted |= {line.subject} if kind == "deleted" else set()
        elif kind == "decided":
            self.decisions[id] = (line.detail["outcome"], line.detail["reasons"])
        elif kind == "replaced":
            del self.decisions[id]
        elif kind in _REVIEW_BECOMES:
            self.reviews[id] = _REVIEW_BECOMES[kind]
        elif kind == "drafted" or line.subject.startswith("ServiceRequest/"):
            self._turn(id, line, view)
        else:
            assert kind in _LEAVES_ALL or line.subject == _WORKERS, f"{kind} was never heard of"

    def _turn(self, id: str, line: Happening, view: View) -> None:
        if line.kind == "drafted":
            is_suspended = line.detail["urgency"] == "elective" and self._is_red(id, view)
            self.proposals[id] = "on-hold" if is_suspended else "draft"
        elif line.kind not in _LEAVES_ALL:
            self.proposals[id] = _PROPOSAL_BECOMES[line.kind]
        if line.kind == "approved":
            self.orders[id] = (line.detail["order"], "active")
        if line.kind == "withdrawn" and id in self.orders:
            self.orders[id] = (self.orders[id][0], "revoked")

    def _is_red(self, request: str, view: View) -> bool:
        """Whether a red flag of the same patient stood; whose a line is, is not in the ledger itself."""
        patient = view.resources["ServiceRequest", request].patient
        return any(
            outcome == "urgent" or "possible-red-flag" in reasons
            for guidance, (outcome, reasons) in self.decisions.items()
            if view.resources["GuidanceResponse", guidance].patient == patient
        )

    def _check(self, view: View) -> None:
        kept = {f"{type}/{id}": it for (type, id), it in view.resources.items()}
        for subject, number in self.versions.items():
            assert kept[subject].version == number, (
                "a version without its line, or a line without its version"
            )
            assert kept[subject].is_deleted == (subject in self.deleted)
        rows = [one for _, one in view.referrals]
        assert self.proposals == {one.id: one.status for one in rows if one.target is not None}
        assert self.reviews == {one.task: one.status for one in rows if one.target is None}
        assert self.orders == {one.id: (one.order, one.order_status) for one in rows if one.order}
        assert self.decisions == {
            one.guidance: (one.decision.outcome, ",".join(one.decision.reasons))
            for it in view.patients.values()
            for one in it.episodes
            if one.decision.reasons
        }
