"""What must hold once a service that was ill-treated is quiet again: nothing lost, nothing doubled."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import httpx
from sqlalchemy import func, select

from referral_service.clinic.answers import Answer, Reader
from referral_service.core.decide import ask
from referral_service.core.referral import LAPSED, OPEN, Referral
from referral_service.core.timeline import Timeline
from referral_service.fhir.read import Reader as FactReader
from referral_service.settings import Settings
from referral_service.store import bodies
from referral_service.store.engine import reading
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, referral
from referral_service.wiring import build_pathway, build_store, build_terminology
from tests.faults.sending import OURS, REVIEWER, Reviewer, Sender
from tests.kit.writes import TENANT

Json = dict[str, Any]
Faults = dict[str, list[str]]
_REFERRED = ("exhausted", "urgent")


class Promised(NamedTuple):
    """What senders and the reviewer hold the service to."""

    senders: Sequence[Sender]
    reviewer: Reviewer
    today: date

    @property
    def contents(self) -> dict[str, list[Json]]:
        """Every acknowledged content of each resource."""
        return {name: said for sender in self.senders for name, said in sender.contents.items()}

    @property
    def charts(self) -> dict[str, list[Json]]:
        """Every patient's."""
        return {patient: chart for sender in self.senders for patient, chart in sender.charts.items()}


class Audit:
    """`faults` says what does not hold: the kind, and each resource or patient that it is seen in."""

    def __init__(self, settings: Settings, address: str, promised: Promised) -> None:
        """`address` of /fhir of a service that is quiet; `settings` name its database."""
        self._settings = settings
        self._address = address
        self._promised = promised
        self._http = httpx.Client(timeout=30)

    def faults(self) -> Faults:
        """{} if everything holds."""
        store = build_store(self._settings)
        try:
            found = {
                **self._resources(),
                "created twice or never": list(self._created()),
                **self._decisions(store),
                **self._orders(store),
                **_bookkeeping(store, self._promised),
            }
        finally:
            store.close()
            self._http.close()
        return {kind: seen for kind, seen in found.items() if seen}

    def _resources(self) -> Faults:
        lost, changed, versions = [], [], []
        for name, contents in self._promised.contents.items():
            answer = self._http.get(f"{self._address}/{name}")
            if not answer.is_success:
                lost.append(name)
                continue
            found = answer.json()
            if found.pop("meta")["versionId"] != str(len(contents)):
                versions.append(name)
            if found != {key: it for key, it in contents[-1].items() if key != "meta"}:
                changed.append(name)
        return {"lost": lost, "not as acknowledged": changed, "stored more or less often": versions}

    def _created(self) -> Iterator[str]:
        for sender in self._promised.senders:
            for (kind, value), ids in sender.created.items():
                found = self._search(f"{kind}?identifier={OURS}|{value}")
                if len(ids) != 1 or {one["id"] for one in found} != ids:
                    yield f"{kind} {value}"

    def _decisions(self, store: SqlStore) -> Faults:
        undecided, otherwise, referred = [], [], []
        reader = Reader(self._address, self._http)
        kept = _referrals(store)
        for patient, expected in self._expected().items():
            found = Counter(decided.answer for decided in reader.decisions(patient))
            if not found:
                undecided.append(patient)
            elif found != expected:
                otherwise.append(f"{patient}: {found - expected} for {expected - found}")
            elif not _is_referred(expected, kept.get(patient, ())):
                referred.append(patient)
        return {"undecided": undecided, "decided otherwise": otherwise, "not referred once": referred}

    def _expected(self) -> dict[str, Counter[Answer]]:
        """What the pure function says of each chart, of closed episodes too."""
        terminology = build_terminology(self._settings)
        pathway = build_pathway(self._settings, terminology)
        facts = FactReader(terminology, self._settings.canonical_base)
        return {
            patient: Counter(
                (d.region, d.outcome, d.target, frozenset(d.reasons))
                for d in ask(
                    Timeline.of([fact for one in chart for fact in facts.facts(one)]),
                    pathway,
                    self._promised.today,
                ).decisions
            )
            for patient, chart in self._promised.charts.items()
        }

    def _orders(self, store: SqlStore) -> Faults:
        orders = [one for one in self._search("ServiceRequest?intent=order") if "basedOn" in one]
        of = Counter(one["basedOn"][0]["reference"].removeprefix("ServiceRequest/") for one in orders)
        known = {one["id"] for one in orders}
        reviewer = self._promised.reviewer
        with reading(store.engine) as connection:
            approved = connection.scalar(
                select(func.count()).where(ledger.c.kind == "approved", ledger.c.actor == REVIEWER)
            )
        return {
            "ordered unasked": sorted(of.keys() - reviewer.asked),
            "ordered twice": [proposal for proposal, number in of.items() if number > 1],
            "approval lost": [
                proposal
                for proposal, order in reviewer.orders.items()
                if proposal not in of or (order and order not in known)
            ],
            "orders without a line": [] if approved == len(orders) else [f"{approved}, {len(orders)}"],
        }

    def _search(self, query: str) -> list[Json]:
        found: list[Json] = []
        url: str | None = f"{self._address}/{query}&_count=200"
        while url:
            page = self._http.get(url).raise_for_status().json()
            found += (entry["resource"] for entry in page.get("entry", ()))
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        return found


def _referrals(store: SqlStore) -> Mapping[str, list[Referral]]:
    """The proposals of each patient."""
    found: dict[str, list[Referral]] = {}
    with reading(store.engine) as connection:
        rows = connection.execute(select(referral.c.patient, referral.c.body))
        for patient, body in rows:
            one = bodies.referral(body)
            if one.target is not None:
                found.setdefault(patient, []).append(one)
    return found


def _is_referred(decisions: Iterable[Answer], referrals: Iterable[Referral]) -> bool:
    """One referral for each decision that asks for one, open or ordered; never two open ones.

    An order for one red flag leaves room for another flag's, never for a second one for the same.
    """
    calls = Counter(
        (outcome == "urgent", None if outcome == "urgent" else region, target)
        for region, outcome, target, _ in decisions
        if outcome in _REFERRED
    )
    calls = Counter(set(calls))
    standing: Counter[tuple[bool, str | None, str | None]] = Counter()
    is_open: Counter[tuple[str | None, str | None, str]] = Counter()
    answered: Counter[str] = Counter()
    for one in referrals:
        urgent = one.urgency == "urgent"
        if one.status in OPEN:
            is_open[one.region, one.target, one.urgency] += 1
        if one.status in OPEN or (one.order and one.decision != LAPSED):
            standing[urgent, None if urgent else one.region, one.target] += 1
            if urgent and one.status not in OPEN:
                answered[one.decision] += 1
    is_asked = all(standing[key] >= 1 if key[0] else standing[key] == 1 for key in calls)
    return is_asked and all(number == 1 for number in (*is_open.values(), *answered.values()))


def _bookkeeping(store: SqlStore, promised: Promised) -> Faults:
    """The ledger holds and has a line for each version; nobody is set aside."""
    broken = store.verify_ledger(TENANT).broken_at
    parked = store.counts().patients_parked
    with reading(store.engine) as connection:
        lines = connection.scalar(select(func.count()).where(ledger.c.kind == "received"))
    versions = sum(map(len, promised.contents.values()))
    return {
        "ledger broken": [] if broken is None else [f"line {broken}"],
        "parked": [str(parked)] if parked else [],
        "lines of the ledger": [] if lines == versions else [f"{lines} for {versions} versions"],
    }
