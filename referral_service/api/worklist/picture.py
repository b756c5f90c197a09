"""The picture of one decision: the patient's conservative care over time, for an SVG and a table beside it.

A pure function of the facts, the policy, the decision and the day. What it says of trial, cover and scores
it asks of the core; see `picture_shown`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from referral_service.api.worklist import picture_lanes, picture_scores, picture_trial
from referral_service.api.worklist import picture_words as words
from referral_service.api.worklist.picture_axis import WIDTH, Axis, Tick
from referral_service.api.worklist.picture_head import Head, head
from referral_service.api.worklist.picture_parts import Band, Lane, Row, Text, units, wrapped
from referral_service.api.worklist.picture_shown import Shown
from referral_service.api.worklist.picture_trial import Moment
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import AnyFact

NAMES_WIDTH: Final = 124.0
_LETTERS: Final = 19
_FOOT: Final = 26.0
_NAME_LINE: Final = 14.0

_MEANINGS: Final = {
    "covered": "covered by care",
    "gap": "without care",
    "coming": "covered in days to come",
    "improved": "would count as improved",
    "ring": "compared: baseline and latest",
    "outside": "hollow: does not count in the trial",
    "noted": "noted, never counted",
    "inexact": "dashed: the date is not exact",
}


class Placed(NamedTuple):
    """A lane and where it begins."""

    top: float
    lane: Lane
    name: tuple[Text, ...]


class Key(NamedTuple):
    """One line of the key: which look, and what it means."""

    look: str
    means: str


class Group(NamedTuple):
    """One part of the table."""

    name: str
    says: str
    rows: tuple[Row, ...]


class PictureView(NamedTuple):
    """All that picture.html needs; `id` is different for every episode of a patient."""

    id: str
    title: str
    description: str
    width: float
    names_width: float
    height: float
    head: Head
    bands: tuple[Band, ...]
    lanes: tuple[Placed, ...]
    ticks: tuple[Tick, ...]
    foot: float
    key: tuple[Key, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def view(facts: Sequence[AnyFact], pathway: Pathway, decision: Decision, as_of: date) -> PictureView:
    """The picture of the decision's region on its day; `facts` are all that is known of the patient."""
    shown = Shown(facts, pathway, decision, as_of)
    days = picture_trial.moments(shown)
    axis = _axis(shown, days)
    lanes = sorted(
        (
            *picture_scores.lanes(shown, axis),
            picture_trial.lane(shown, axis),
            *picture_lanes.lanes(shown, axis),
        ),
        key=lambda lane: lane.look != "alarm",
    )
    found = [lane._replace(height=max(lane.height, len(_name(lane)) * _NAME_LINE + 8)) for lane in lanes]
    height = sum(lane.height for lane in found)
    top = head(axis, days, height)
    groups = (Group("Days", "", _days(days)), *(_group(lane) for lane in found))
    return PictureView(
        id=f"picture-{decision.region or 'none'}-{decision.begun_on or 'none'}",
        title=_title(shown),
        description=_description(groups, shown),
        width=WIDTH,
        names_width=NAMES_WIDTH,
        height=units(top.height + height + _FOOT),
        head=top,
        bands=tuple(picture_trial.bands(shown, axis, top.height, height)),
        lanes=tuple(_placed(found, top.height)),
        ticks=axis.ticks(),
        foot=units(top.height + height),
        key=tuple(_key(found)),
        groups=groups,
        notes=tuple(_notes(shown, found)),
    )


def _axis(shown: Shown, days: Sequence[Moment]) -> Axis:
    """Care always, and what else lies near it."""
    kinds = ("active", "manual", "injection", "self", "passive")
    care = [i.first for i in shown.treatments(*kinds) if i.first and i.first >= shown.start]
    care += [i.first for _, i in shown.medications() if i.first and i.first >= shown.start]
    beside = [*shown.treatments(*kinds), *shown.operations(), *shown.imaging()]
    beside += [i for _, i in shown.medications()] + [i for *_, i in shown.flags()]
    near = [i.first for i in beside if i.first] + [p.day for s in shown.series() for p in s.points]
    near += [shown.start] if shown.start else []
    care += [i.first for i in beside if i.first and i.fact.evidence in shown.decision.evidence]
    if shown.trial:
        care.append(shown.trial.start)
    return Axis.of(shown.today, care, near, [it.day for it in days])


def _placed(found: Sequence[Lane], top: float) -> Iterator[Placed]:
    for lane in found:
        lines = _name(lane)
        first = (lane.height - len(lines) * _NAME_LINE) / 2 + 11
        name = (Text(6, units(first + _NAME_LINE * n), text, look) for n, (text, look) in enumerate(lines))
        yield Placed(units(top), lane, tuple(name))
        top += lane.height


def _name(lane: Lane) -> list[tuple[str, str]]:
    """The lines that stand beside a lane, each with its look."""
    lines = [(line, "name") for line in wrapped(lane.name, _LETTERS - 4)]
    return lines + [(line, "says") for says in lane.says for line in wrapped(says, _LETTERS)]


def _days(found: Sequence[Moment]) -> tuple[Row, ...]:
    return tuple(Row(words.day(it.day), it.name) for it in found)


def _group(lane: Lane) -> Group:
    return Group(lane.name, ", ".join(lane.says), lane.rows)


def _title(shown: Shown) -> str:
    """Different for every episode of a patient."""
    told = shown.decision
    of = f"of the {told.region} spine" if told.region else "without a region"
    since = f" since {told.begun_on}" if told.begun_on else ""
    return f"Conservative care {of}{since}, as of {words.day(shown.today)}"


def _description(groups: Sequence[Group], shown: Shown) -> str:
    """What the drawing shows, lane by lane, in sentences."""
    days = ", ".join(f"{row.what.lower()} {row.when}" for row in groups[0].rows)
    lanes = " ".join(f"{group.name}: {group.says}." for group in groups[1:] if group.says)
    return f"{days[:1].upper()}{days[1:]}. {lanes} Every entry is in the table that follows."


def _key(found: Sequence[Lane]) -> Iterator[Key]:
    """What needs words and is in this drawing."""
    looks = {look for lane in found for mark in lane.marks for look in mark.look.split()}
    looks |= {band.look for lane in found for band in lane.bands}
    looks |= {"ring" for lane in found for mark in lane.marks if mark.ring}
    looks |= {"outside" for look in looks if look == "passive"}
    yield from (Key(look, means) for look, means in _MEANINGS.items() if look in looks)


def _notes(shown: Shown, found: Sequence[Lane]) -> Iterator[str]:
    """What a reader must know of the drawing to trust it."""
    if not shown.is_current:
        yield "The record has changed since this was decided; the picture shows the record as it is now."
    if "region-unclear" in shown.decision.reasons:
        yield "Care that could belong to either region is not drawn."
    if any("inexact" in mark.look for lane in found for mark in lane.marks):
        yield "Where a date is not exact, the trial is drawn from the earliest day that it may mean."
    absent = sum("(not drawn" in row.what or "(before the" in row.what for lane in found for row in lane.rows)
    if absent:
        are = "is" if absent == 1 else "are"
        yield f"{words.count(absent, 'fact')} {are} in the table only: without a date, or before the drawing."
