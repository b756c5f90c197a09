"""Reasons to wait: pregnancy, age, an open human-made referral, a refusal. Source: pathway section 8."""

from referral_service.core.dates import Horizon, add_months
from referral_service.core.episode import has_begun, is_active
from referral_service.core.record import Record
from referral_service.core.timeline import Meaning, Tie


def is_deceased(record: Record, horizon: Horizon) -> bool:
    """Whether the patient has died by the day asked for."""
    person = record.person
    if person is None or not (person.is_deceased or person.died):
        return False
    return person.died is None or horizon.has_come(person.died.day)


def is_pregnant(record: Record, horizon: Horizon, *, is_sure: bool = False) -> bool:
    """An active Condition, or an observation that says so and is recent enough.

    `is_sure`: by what carries no unknown modifier.
    """
    numbers = record.pathway.numbers
    within = numbers.pregnancy_within.value
    months = numbers.active_without_status.value
    expecting = [
        c
        for c in record.conditions
        if any(m.role == "contraindication_or_hold" for m in c.meanings) and not (is_sure and c.is_modified)
    ]
    if any(has_begun(c, horizon) and is_active(c, horizon, months) for c in expecting):
        return True
    return any(
        f.is_pregnant and f.at and horizon.has_come(f.at.day) and horizon.still(f.at.day + within)
        for f in record.pregnancies
        if not (is_sure and f.is_modified)
    )


def is_minor(record: Record, horizon: Horizon) -> bool:
    """Younger than an adult."""
    person = record.person
    assert person and person.birth, "an unknown birthDate has been settled"
    return not horizon.has_come(add_months(person.birth.day, record.pathway.numbers.adult_months))


def _may_concern(record: Record, tie: Tie, region: str) -> bool:
    """Tied to the region or to nothing: what a person asked or refused is heeded wherever it may be."""
    return record.place(tie).belongs(region, with_untied=True)


def open_referrals(record: Record, region: str, horizon: Horizon) -> tuple[str, ...]:
    """Open spine referrals that people made and that may be for the region, as versioned references."""
    concepts = record.pathway.concepts
    spinal = concepts.surgical_referral | concepts.intradiscal_referral
    found = []
    for order in record.orders:
        if not _may_concern(record, order.tie, region) or (order.at and not horizon.has_come(order.at.day)):
            continue
        meant = {m.concept for m in order.meanings}
        generic = bool(meant & concepts.generic_referral) and record.reasons(order.tie)[1]
        if meant & spinal or generic:
            found.append(order.evidence)
    return tuple(found)


def refusals(record: Record, target: str, region: str, horizon: Horizon) -> tuple[str, ...]:
    """What records that the patient refuses this target, as versioned references."""

    def refuses(meanings: tuple[Meaning, ...]) -> bool:
        return any(target in _refused_by(meaning, record) for meaning in meanings)

    found = [
        f.evidence
        for f in record.refusals  # one for each period of a Consent
        if refuses(f.meanings)
        and (f.at is None or horizon.has_come(f.at.day))
        and (f.until is None or horizon.still(f.until.day))
    ]
    found += [
        p.evidence
        for p in record.procedures
        if p.status == "not-done"
        and p.declined
        and refuses(p.meanings)
        and _may_concern(record, p.tie, region)
        and (p.start is None or horizon.has_come(p.start.day))
    ]
    return tuple(dict.fromkeys(found))


def _refused_by(meaning: Meaning, record: Record) -> frozenset[str]:
    """The targets that refusing this meaning refuses; a generic referral stands for both."""
    concepts = record.pathway.concepts
    if meaning.role == "prior_surgery" or meaning.concept in concepts.surgical_referral:
        return frozenset({"surgical"})
    if meaning.role == "prior_or_target_intradiscal" or meaning.concept in concepts.intradiscal_referral:
        return frozenset({"intradiscal"})
    if meaning.concept in concepts.generic_referral:
        return frozenset({"surgical", "intradiscal"})
    return frozenset()
