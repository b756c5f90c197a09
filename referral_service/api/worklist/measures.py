"""Measures: where referrals stand, how long each step takes, whether loops are closed, and what came of it.

Of a calendar year in the site's zone. Each measure is a chart, a table that says the same, and a CSV.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from referral_service.api.errors import HttpProblem
from referral_service.api.worklist import words
from referral_service.api.worklist.chart import Bar, Chart, chart
from referral_service.api.worklist.lists import line
from referral_service.api.worklist.site import Visit
from referral_service.core.deadline import SENT_WITHIN, WORKING_DAYS
from referral_service.core.pathway import Numbers
from referral_service.store import measuring
from referral_service.store.measuring import Lasted, Loop, Yield

_OCTOBER: Final = 10
_DAY: Final = timedelta(days=1)
LOOP: Final = (
    "CMS50v14, Closing the Referral Loop: Receipt of Specialist Report, performance period 2026. Counted are "
    "patients, each with the first referral that was sent from January 1 to October 31, and of them those "
    "whose report came by December 31. As published it counts only patients with an encounter in the year, "
    "which this service cannot know; so everybody who was referred is counted."
)
YIELD: Final = (
    "Of surgical referrals sent in the year whose report has come: how many had spine surgery on or after "
    "the day of the visit. Known only where the EHR has sent the operation as a Procedure; what a report "
    "says is not read, and no operation on record does not mean that there was none."
)


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


def _steps(numbers: Numbers) -> list[tuple[str, str]]:
    """Each step that `measuring` knows, and how long it may take."""
    visited = numbers.booked_within.value + numbers.seen_within.value
    return [
        ("Drafted to reviewed", f"{WORKING_DAYS} working days"),
        ("Approved to sent", _lasting(SENT_WITHIN)),
        ("Sent to accepted", words.amount(numbers.accepted_within.value, "d")),
        ("Accepted to visit", words.amount(visited, "d")),
        ("Visit to report", words.amount(numbers.report_within.value, "d")),
    ]


def view(visit: Visit, query: Mapping[str, str]) -> dict[str, Any]:
    """What measures.html shows; 400 for what is no year."""
    year = _year(visit, query.get("year", ""))
    first, end = (datetime(it, 1, 1, tzinfo=visit.zone) for it in (year, year + 1))
    of = (visit.service.store.engine, visit.tenant, first)
    found = measuring.measured(*of, end)
    tables = [
        _stages(visit),
        _times(found.steps, _steps(visit.service.pathway.numbers)),
        _loop(measuring.loop(*of, first.replace(month=_OCTOBER + 1), end)),
        _declines(found.declines),
        _yield(measuring.surgical_yield(*of, end)),
    ]
    return {"year": year, "this_year": visit.today().year, "tables": tables, "number": found.drafted}


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
    if not (said.isascii() and said.isdecimal() and len(said) == 4 and "1999" < said < "9999"):
        raise HttpProblem(400, "value", "year: not a year.")
    return int(said)


def _stages(visit: Visit) -> Table:
    counted = measuring.stages(visit.service.store.engine, visit.tenant)
    pairs = [(words.LISTS[stage].name, number) for stage, number in counted.items()]
    says = "Of all years."
    if measuring.MOST_COUNTED in counted.values():
        says += f" No list is counted further than {measuring.MOST_COUNTED:,}."
    return _counted("stages", "Where referrals stand now", ("list", "referrals"), pairs, says)


def _times(found: Sequence[Lasted], steps: Sequence[tuple[str, str]]) -> Table:
    rows, bars = [], []
    for (name, within), it in zip(steps, found, strict=True):
        has_any = bool(it.number)
        said = (_lasting(it.median), _lasting(it.ninth)) if has_any else ("–", "–")
        rows.append((name, str(it.number), *said, within))
        bars += [
            Bar(name, it.median / _DAY, said[0], "median", has_any),
            Bar("", it.ninth / _DAY, said[1], "ninth", has_any),
        ]
    heads = ("step", "referrals", "median", "90th percentile", "due within")
    key = (("median", "median"), ("ninth", "90th percentile: nine of ten took no longer"))
    says = "Of referrals drafted in the year that have taken the step. A visit is dated by its appointment."
    return Table("times", heads, rows, chart("times", "How long each step takes", bars, key), says)


def _loop(found: Loop) -> Table:
    heads = ("patients referred", "report received")
    return _share("loop", "Loop closed (CMS50)", heads, (found.patients, found.closed), LOOP)


def _declines(found: Sequence[tuple[str, int]]) -> Table:
    pairs = [(words.DECLINE_REASONS.get(code, code or "no reason"), number) for code, number in found]
    says = "Of referrals drafted in the year." if pairs else "None of the year's referrals was declined."
    return _counted("declines", "Why reviewers declined", ("reason", "referrals"), pairs, says)


def _yield(found: Yield) -> Table:
    heads = ("surgical, with a report", "operation afterwards")
    return _share("yield", "Surgical yield", heads, (found.reported, found.operated), YIELD)


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
