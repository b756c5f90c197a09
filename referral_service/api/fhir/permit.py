"""Whether whoever asks may do what they ask for: by interaction, and by entry of a Bundle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from referral_service.api.fhir.exchange import Ask
from referral_service.auth.principal import Principal
from referral_service.auth.scopes import LETTERS, allows
from referral_service.core.answer import Verb
from referral_service.core.problem import Category, Issue, Problem, problem
from referral_service.fhir.bundle import Condition, Entry

# What a scope must allow: a type, and one of R4's interactions with it.
Need = tuple[str, str]
_AUDIT: Final = "AuditEvent"
_SEARCH: Final = "search-type"
# Operations read of others than the type that they belong to.
_OPERATIONS: Final[Mapping[str, tuple[Need, ...]]] = {
    "$assess": (("Patient", "read"), ("GuidanceResponse", "read")),
    "$apply": (("PlanDefinition", "read"), ("Patient", "read"), ("GuidanceResponse", "read")),
}
_BY_METHOD: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_ANSWERS: Final = frozenset(f"${verb}" for verb in get_args(Verb))
_ANSWERING: Final = frozenset({"coordinator", "clinician"})


def permit(ask: Ask, code: str) -> None:
    """FORBIDDEN unless the interaction of that code is allowed; one that is not known here never is."""
    principal = ask.principal
    if principal.is_open:
        return
    if ask.type == _AUDIT:
        _permit_audit(principal)
        return
    if code in _ANSWERS:
        _permit_answer(principal)
        return
    needs = _OPERATIONS.get(code) or _needs(ask, code)
    if lacking := _lacking(principal, needs):
        raise problem(Category.FORBIDDEN, lacking)


def permit_entries(ask: Ask, entries: Iterable[Entry], conditions: Mapping[Condition, str]) -> None:
    """FORBIDDEN, with an issue a fault, unless a transaction's writes and conditions (at their paths) are.

    Its reads are permitted one by one as they are carried out.
    """
    if ask.principal.is_open:
        return
    wanted = [
        (f"Bundle.entry[{entry.index}].request", (entry.type, _BY_METHOD[entry.method]))
        for entry in entries
        if entry.method in _BY_METHOD and not entry.is_passed_by
    ]
    wanted += [(where, (condition.type, _SEARCH)) for condition, where in conditions.items()]
    told = [(where, _lacking(ask.principal, [need])) for where, need in wanted]
    faults = [Issue("forbidden", lacking, where) for where, lacking in told if lacking]
    if faults:
        raise Problem(Category.FORBIDDEN, *faults)


def may(principal: Principal, type: str, code: str) -> bool:
    """Whether that interaction with a type is allowed; for what is looked at beside what was asked for."""
    return principal.is_open or not _lacking(principal, [(type, code)])


def _needs(ask: Ask, code: str) -> tuple[Need, ...]:
    """A condition finds out what there is, so it needs what a search does."""
    is_conditional = bool(ask.if_none_exist) if code == "create" else code == "update" and not ask.id
    return ((ask.type, code), (ask.type, _SEARCH)) if is_conditional else ((ask.type, code),)


def _lacking(principal: Principal, needs: Sequence[Need]) -> str:
    """What is missing, in words; "" if nothing is."""
    if principal.patient is not None:
        return "Whoever was led here from one patient's chart sees that patient's pages only."
    missing = [need for need in needs if not allows(principal.scopes, *need)]
    if any(code not in LETTERS for _, code in missing):
        return "No token brings this."
    said = " and ".join(f"system/{type}.{LETTERS[code]}" for type, code in dict.fromkeys(missing))
    return f"The token does not bring {said}." if said else ""


def _permit_audit(principal: Principal) -> None:
    if "auditor" not in principal.roles or principal.patient is not None:
        raise problem(Category.FORBIDDEN, "AuditEvents are for auditors, who sign in; no token brings them.")


def _permit_answer(principal: Principal) -> None:
    if principal.roles.isdisjoint(_ANSWERING) or principal.patient is not None:
        raise problem(Category.FORBIDDEN, "Coordinators and clinicians answer, never a system for them.")
