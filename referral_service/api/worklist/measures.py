"""Measures: where referrals stand, how long each step takes, whether loops are closed, and what came of it.

Of a calendar year in the site's zone. Each measure is a chart, a table that says the same, and a CSV.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any, Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.chart import Bar, Chart, chart
from referral_service.api.worklist.lists import line
from referral_service.api.worklist.site import Visit
from referral_service.core.deadline import SENT_WITHIN, WORKING_DAYS
from referral_service.core.pathway import Numbers
from referral_service.store import measuring
from referral_service.store.measuring import Course

_OCTOBER: Final = 10
_DAY: Final = timedelta(days=1)
LOOP: Final = (
    "CMS50v14, Closing the Referral Loop: Receipt of Specialist Report, performance period 2026. Counted are "
    "patients, each with the first referral that was sent from January 1 to October 31, and of them those "
    "whose report came by December 31. As published it counts only patients with an encounter in the year, "
    "which this service cannot know; so everybody who was referred is counted."
)
YIELD: Final = (
    "Of surgical referrals whose report has come: how many had spine surgery on or after the day of the "
    "visit. Known only where the EHR has sent the operation as a Procedure; what a report says is not read, "
    "and no operation on record does not mean that there was none."
)


class Step(NamedTuple):
    """One step: what it is counted from and to, and how long it may take."""

    name: str
    span: Callable[[Course], tuple[datetime | None, datetime | None]]
    within: str


class Table(NamedTuple):
    """A measure: its chart, the table that says the same, and what must be known to read it."""

    id: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    chart: Chart
    says: str

    @property
    def has_any(self) -> bool:
        """Whether anything is counted."""
        return any(placed.bar.value or placed.bar.is_counted for placed in self.chart.bars)


def _steps(numbers: Numbers) -> tuple[Step, ...]:
    visited = numbers.booked_within.value + numbers.seen_within.value
    return (
        Step(
            "Drafted to reviewed", lambda it: (it.drafted_at, it.reviewed_at), f"{WORKING_DAYS} working days"
        ),
        Step("Approved to sent", lambda it: (it.approved_at, it.sent_at), _lasting(SENT_WITHIN)),
        Step(
            "Sent to accepted",
            lambda it: (it.sent_at, it.accepted_at),
            f"{numbers.accepted_within.value} days",
        ),
        Step("Accepted to visit", lambda it: (it.accepted_at, it.visited_at), f"{visited} days"),
        Step(
            "Visit to report",
            lambda it: (it.visited_at, it.reported_at),
            f"{numbers.report_within.value} days",
        ),
    )


def view(visit: Visit, query: Mapping[str, str]) -> dict[str, Any]:
    """What measures.html shows; 400 for what is no year."""
    year = _year(visit, query.get("year", ""))
    first, end = (datetime(it, 1, 1, tzinfo=visit.zone) for it in (year, year + 1))
    engine = visit.service.store.engine
    found = measuring.courses(engine, visit.tenant, first, end)
    drafted = [it for it in found if first <= it.drafted_at < end]
    tables = [
        _stages(visit),
        _times(drafted, _steps(visit.service.pathway.numbers)),
        loop(found, first, end),
        _declines(drafted),
        _yield(visit, [it for it in found if it.target == "surgical" and it.reported_at]),
    ]
    return {"year": year, "this_year": visit.today().year, "tables": tables, "number": len(drafted)}


def file(visit: Visit, query: Mapping[str, str]) -> str:
    """The same as CSV: measure, then the cells of its table."""
    found: Sequence[Table] = view(visit, query)["tables"]
    lines = []
    for table in found:
        lines += [("measure", *table.heads), *((table.chart.title, *row) for row in table.rows)]
    return "".join(map(line, lines))


def _year(visit: Visit, said: str) -> int:
    if not said:
        return visit.today().year
    if not (said.isdecimal() and len(said) == 4 and said > "1999"):
        raise HttpProblem(400, "value", "year: not a year.")
    return int(said)


def _stages(visit: Visit) -> Table:
    counted = measuring.stages(visit.service.store.engine, visit.tenant)
    pairs = [(words.LISTS[stage].name, number) for stage, number in counted.items()]
    return _counted("stages", "Where referrals stand now", ("list", "referrals"), pairs, "Of all years.")


def _times(drafted: Sequence[Course], steps: Sequence[Step]) -> Table:
    rows, bars = [], []
    for step in steps:
        spans = [step.span(it) for it in drafted]
        lasted = sorted(max(end - begun, timedelta()) for begun, end in spans if begun and end)
        middle, most = (_middle(lasted), _ninth(lasted)) if lasted else (None, None)
        said = (_lasting(middle), _lasting(most)) if middle is not None and most is not None else ("–", "–")
        rows.append((step.name, str(len(lasted)), *said, step.within))
        bars += [
            Bar(step.name, (middle or timedelta()) / _DAY, said[0], "median", bool(lasted)),
            Bar("", (most or timedelta()) / _DAY, said[1], "ninth", bool(lasted)),
        ]
    heads = ("step", "referrals", "median", "90th percentile", "due within")
    key = (("median", "median"), ("ninth", "90th percentile: nine of ten took no longer"))
    says = "Of referrals drafted in the year that have taken the step. A visit is dated by its appointment."
    return Table("times", heads, rows, chart("times", "How long each step takes", bars, key), says)


def _middle(lasted: Sequence[timedelta]) -> timedelta:
    return timedelta(seconds=median(one.total_seconds() for one in lasted))


def _ninth(lasted: Sequence[timedelta]) -> timedelta:
    """The nearest rank."""
    return lasted[ceil(0.9 * len(lasted)) - 1]


def loop(found: Sequence[Course], first: datetime, end: datetime) -> Table:
    until = first.replace(month=_OCTOBER + 1)
    sent = sorted((it.sent_at, it.patient, it) for it in found if it.sent_at and first <= it.sent_at < until)
    of_patient: dict[str, Course] = {}
    for _, patient, one in sent:
        of_patient.setdefault(patient, one)
    closed = sum(bool(it.reported_at and it.reported_at < end) for it in of_patient.values())
    return _share(
        "loop",
        "Loop closed (CMS50)",
        ("patients referred", "report received"),
        (len(of_patient), closed),
        LOOP,
    )


def _declines(drafted: Sequence[Course]) -> Table:
    counted = Counter(it.declined_for for it in drafted if it.declined_for is not None)
    pairs = [(words.DECLINE_REASONS.get(code, code or "no reason"), n) for code, n in counted.most_common()]
    says = "Of referrals drafted in the year." if pairs else "None of the year's referrals was declined."
    return _counted("declines", "Why reviewers declined", ("reason", "referrals"), pairs, says)


def _yield(visit: Visit, surgical: Sequence[Course]) -> Table:
    engine, patients = visit.service.store.engine, [it.patient for it in surgical]
    operated = measuring.operations(engine, visit.tenant, patients)
    followed = 0
    for it in surgical:
        since = (it.visited_at or it.sent_at or it.drafted_at).date()
        followed += any(day >= since for day in operated.get(it.patient, ()))
    heads = ("surgical, with a report", "operation afterwards")
    return _share("yield", "Surgical yield", heads, (len(surgical), followed), YIELD)


def _counted(
    id: str, title: str, heads: tuple[str, ...], pairs: Sequence[tuple[str, int]], says: str
) -> Table:
    bars = [Bar(name, float(number), str(number)) for name, number in pairs]
    return Table(id, heads, [(name, str(number)) for name, number in pairs], chart(id, title, bars), says)


def _share(id: str, title: str, heads: tuple[str, str], numbers: tuple[int, int], says: str) -> Table:
    """A share of a whole, as two bars."""
    whole, part = numbers
    share = f"{part / whole:.0%}" if whole else "–"
    names = [head.capitalize() for head in heads]
    bars = [Bar(names[0], float(whole), str(whole)), Bar(names[1], float(part), f"{part} ({share})")]
    rows = [(str(whole), str(part), share)]
    return Table(id, (*heads, "share"), rows, chart(id, title, bars), says)


def _lasting(span: timedelta) -> str:
    """In the largest unit that tells enough."""
    minutes = span.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    if minutes < 48 * 60:
        return f"{minutes / 60:.0f} h"
    return f"{minutes / (24 * 60):.0f} days"
