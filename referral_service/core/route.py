"""Which consultation: the first line that applies, from active conditions. Source: pathway section 10."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, Protocol

from referral_service.core.dates import Horizon
from referral_service.core.episode import Episode, has_begun, is_active
from referral_service.core.flags import heals
from referral_service.core.record import Place, Record
from referral_service.core.timeline import Condition, Meaning, Procedure

Way = Literal["intradiscal", "surgical", "human"]
Lines = tuple[tuple[str, Callable[[], bool]], ...]
_DISC_ROLE = "qualifying_condition_disc"


class Route(NamedTuple):
    """The way, and the line of the table that said so."""

    way: Way
    because: str


class Assessed(Protocol):
    """What the route rests on. `alone`: it is the only open episode, to which regionless facts belong."""

    record: Record
    episode: Episode
    horizon: Horizon
    alone: bool

    @property
    def conditions(self) -> Sequence[Condition]:
        """The active conditions of the episode."""


class Picture:
    """What is coded and active for one episode, in the words that the table uses."""

    def __init__(self, a: "Assessed") -> None:
        """Reads what the assessment has found."""
        self._record, self._episode, self._horizon = a.record, a.episode, a.horizon
        self._alone = a.alone
        self._words = a.record.pathway.concepts
        self.meanings = [m for c in a.conditions for m in c.meanings if m.region in (None, a.episode.region)]
        self.concepts = frozenset(m.concept for m in self.meanings)

    def has(self, *groups: frozenset[str]) -> bool:
        """Whether a concept of one of the groups is coded."""
        return any(self.concepts & group for group in groups)

    @property
    def has_disc(self) -> bool:
        """Whether any disc diagnosis is coded."""
        return any(m.role == _DISC_ROLE for m in self.meanings)

    def has_detail(self, detail: str) -> bool:
        """Whether a code says this detail."""
        return any(m.detail == detail for m in self.meanings)

    def _belongs(self, meaning: Meaning) -> bool:
        return meaning.region == self._episode.region or (meaning.region is None and self._alone)

    @property
    def was_operated(self) -> bool:
        """Spine surgery in the region: an operation, or a Condition that says so."""
        months = self._record.pathway.numbers.active_without_status.value
        coded = any(
            has_begun(c, self._horizon) and is_active(c, self._horizon, months)
            for c in self._record.confirmed
            if any(m.role == "prior_surgery" and self._belongs(m) for m in c.meanings)
        )
        return coded or self._done(self._record.operations)

    @property
    def had_intradiscal(self) -> bool:
        """An earlier completed intradiscal treatment in the region."""
        return self._done(self._record.intradiscal)

    def _done(self, procedures: Iterable[tuple[Procedure, Place]]) -> bool:
        return any(
            place.belongs(self._episode.region, self._alone)
            and (p.start is None or self._horizon.has_come(p.start.day))
            for p, place in procedures
        )

    def has_finding(self, wanted: frozenset[str]) -> bool:
        """Whether imaging of the region codes one of these findings."""
        return any(
            wanted.intersection(f.findings)
            and f.at
            and self._horizon.has_come(f.at.day)
            and place.belongs(self._episode.region, self._alone)
            for f, place in self._record.imaging
        )

    @property
    def was_injected(self) -> bool:
        """A spinal injection of the region too recent to judge, in the episode or before it."""
        days = self._record.pathway.numbers.recent_injection.value
        return any(
            self._horizon.has_come(t.start) and self._horizon.still(t.end + days)
            for t in self._record.treatments
            if t.kind == "injection" and t.place.belongs(self._episode.region, self._alone)
        )

    @property
    def is_against_intradiscal(self) -> bool:
        """Active infection, malignancy or fracture, or an allergy to a component."""
        months = self._record.pathway.numbers.active_without_status.value

        def stands(condition: Condition) -> bool:
            begun = has_begun(condition, self._horizon)
            return begun and is_active(condition, self._horizon, months)

        serious = any(
            m.concept in self._record.pathway.red_flags.medical and not heals(c, m) and stands(c)
            for c in self._record.confirmed
            for m in c.meanings
        )
        return serious or any(
            m.concept in self._words.fibrin_allergy
            for a in self._record.allergies
            for m in a.meanings
            if a.at is None or self._horizon.has_come(a.at.day)
        )


def route(a: Assessed) -> Route:
    """The first line of the table that applies."""
    picture, record, episode = Picture(a), a.record, a.episode
    surgical = _surgical(picture, record)
    if surgical:
        return Route("surgical", surgical)
    human = _human(picture, record, episode)
    if human:
        return Route("human", human)
    words = record.pathway.concepts
    disc = picture.has(words.degeneration, words.displacement, words.annular_defect)
    if episode.region == "lumbar" and disc:
        if picture.is_against_intradiscal:
            return Route("surgical", "reason-against-intradiscal")
        return Route("intradiscal", "lumbar-disc")
    return Route("human", "other")


def _surgical(picture: Picture, record: Record) -> str | None:
    words = record.pathway.concepts
    pinched = picture.has(words.disc_with_radiculopathy) or (
        picture.has(words.displacement) and picture.has(words.radiculopathy_or_sciatica)
    )
    lines: Lines = (
        ("instability-or-deformity", lambda: picture.has(words.instability_or_deformity)),
        ("stenosis", lambda: picture.has(words.stenosis)),
        ("extrusion", lambda: picture.has_finding(words.extrusion)),
        ("displacement-with-radiculopathy", lambda: pinched and not picture.has(words.annular_defect)),
        ("earlier-intradiscal", lambda: picture.had_intradiscal),
    )
    return next((name for name, applies in lines if applies()), None)


def _human(picture: Picture, record: Record, episode: Episode) -> str | None:
    words = record.pathway.concepts
    radiating = picture.has(words.radiculopathy_or_sciatica)
    degenerated = picture.has(words.degeneration)
    structural = any(m.role == "surgical_structural" for m in picture.meanings)
    lines: Lines = (
        ("annular-defect-with-radiculopathy", lambda: picture.has(words.annular_defect) and radiating),
        (
            "degeneration-with-leg-symptoms",
            lambda: degenerated and (radiating or picture.has_detail("leg-only")),
        ),
        ("cervical-or-thoracic-disc", lambda: episode.region != "lumbar" and picture.has_disc),
        ("prior-surgery", lambda: picture.was_operated),
        ("vertebrogenic", lambda: picture.has_detail("vertebrogenic")),
        ("traumatic-disc-rupture", lambda: picture.has(words.traumatic_rupture)),
        ("recent-injection", lambda: picture.was_injected),
        ("no-structure-coded", lambda: not structural and not picture.has_disc),
    )
    return next((name for name, applies in lines if applies()), None)
