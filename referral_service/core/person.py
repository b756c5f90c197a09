"""Which patients are one person: what EHRs say with links, and identifiers that a site trusts.

A wrong join lends somebody another's treatment, so an identifier joins only where no birth date speaks
against it, and one that many patients have is no identifier. A link is an EHR's own word, and counts, unless
so many link to one that it stands for nobody.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from referral_service.core.dates import When
from referral_service.core.timeline import AnyFact, Person

MOST_HOLDERS: Final = 8
# No person has more records, even after years of merging: to link to more, or to be linked to by more, says
# nothing. An assumption.
MOST_LINKED: Final = 50


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a Patient says of who it is: patients that it links to, trusted identifiers as "system|value".

    `born` is the birth date as written, "" for none. `is_replaced`: another patient stands for it now.
    """

    links: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    born: str = ""
    is_replaced: bool = False


def people(patients: Iterable[str], known: Mapping[str, Identity]) -> set[frozenset[str]]:
    """Each of these patients with all who are the same person, among `known` and whoever is linked to."""
    neighbours = _linked(known)
    for same in _groups(known, _alike(known)):
        # one without a birth date must not make two who are not one person one
        if all(_agree(*both) for both in combinations({known[one].born for one in same}, 2)):
            for one in same:
                neighbours.setdefault(one, set()).update(same)
    return set(_groups(patients, neighbours))


def leader(members: Iterable[str], known: Mapping[str, Identity]) -> str:
    """The patient for whom the person's referrals are written: one that nobody replaces; the same always."""

    def order(patient: str) -> tuple[bool, str]:
        identity = known.get(patient)
        return (identity is None or identity.is_replaced, patient)

    return min(members, key=order)


def _linked(known: Mapping[str, Identity]) -> dict[str, set[str]]:
    linking: dict[str, list[str]] = {}
    for patient, identity in known.items():
        for other in identity.links:
            linking.setdefault(other, []).append(patient)
    found: dict[str, set[str]] = {}
    for other, patients in linking.items():
        for patient in patients if len(patients) <= MOST_LINKED else ():
            found.setdefault(patient, set()).add(other)
            found.setdefault(other, set()).add(patient)
    return found


def _alike(known: Mapping[str, Identity]) -> dict[str, set[str]]:
    """Who has an identifier of theirs, and a birth date that agrees."""
    found: dict[str, set[str]] = {}
    holders: dict[str, list[str]] = {}
    for patient, identity in known.items():
        for identifier in identity.identifiers:
            holders.setdefault(identifier, []).append(patient)
    for patients in holders.values():
        if len(patients) <= MOST_HOLDERS:
            for one in patients:
                same = (other for other in patients if _agree(known[one].born, known[other].born))
                found.setdefault(one, set()).update(same)
    return found


def _groups(patients: Iterable[str], neighbours: Mapping[str, set[str]]) -> Iterator[frozenset[str]]:
    """Whoever can be reached from each of these, each once."""
    seen: set[str] = set()
    for patient in patients:
        if patient not in seen:
            found, left = {patient}, [patient]
            while left:
                new = neighbours.get(left.pop(), set()) - found
                found |= new
                left += new
            seen |= found
            yield frozenset(found)


def _agree(born: str, other: str) -> bool:
    """Whether two birth dates say the same as far as both are written."""
    return born.startswith(other) or other.startswith(born)


def united(facts: Sequence[AnyFact]) -> tuple[AnyFact, ...]:
    """The same facts with one Person, whom all the Patients of a person describe.

    Birth dates that differ become the span that holds them, so that the decision holds for each of them.
    """
    people = [fact for fact in facts if isinstance(fact, Person)]
    if len(people) < 2:
        return tuple(facts)
    births = [it.birth for it in people if it.birth]
    deaths = [it.died for it in people if it.died]
    first = min(people, key=lambda it: it.source)
    one = msgspec.structs.replace(
        first,
        birth=_span(births),
        died=_span(deaths),
        is_deceased=any(it.is_deceased for it in people),
    )
    return (one, *(fact for fact in facts if not isinstance(fact, Person)))


def _span(days: Sequence[When]) -> When | None:
    if not days:
        return None
    return When(min(it.earliest for it in days), max(it.latest for it in days))
