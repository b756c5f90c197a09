"""What `demo` prints: one line a decision, as a table on a terminal, plainly elsewhere; then totals."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from referral_service.clinic.answers import Answer, Decided, Referral, expected
from referral_service.clinic.stories import Story

_HEADINGS = ("Patient", "Story", "Region", "Decision", "Why", "Referral", "Look again")
_COLOURS = {
    "urgent": "bold red",
    "exhausted": "bold yellow",
    "review": "magenta",
    "responding": "green",
    "in-trial": "cyan",
}


class Row(NamedTuple):
    """One patient: the story, what was decided, what was drafted."""

    story: Story
    decisions: tuple[Decided, ...]
    referrals: tuple[Referral, ...]

    @property
    def differs(self) -> bool:
        """Whether the decisions are others than the story expects."""
        return {decided.answer for decided in self.decisions} != expected(self.story)

    @property
    def open_referrals(self) -> list[Referral]:
        """Proposals that wait for a human, or that one has approved."""
        stand = ("draft", "on-hold", "completed")
        return [one for one in self.referrals if one.intent == "proposal" and one.status in stand]


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Every decision."""
    lines = [line for row in rows for line in _lines(row)]
    if console.is_terminal:
        _print_table(lines, console)
    else:
        _print_plainly(lines)


def print_differences(rows: Sequence[Row], why: str) -> None:
    """Plainly, each patient who is decided otherwise than the story expects; `why` opens the line."""
    for row in rows:
        if row.differs:
            was, now = expected(row.story), {decided.answer for decided in row.decisions}
            print(f"{why}: {row.story['name']}: expected {_said(was - now)}; decided {_said(now - was)}")


def _said(answers: set[Answer]) -> str:
    said = [
        f"{region or 'no region'} {outcome}{f' {target}' if target else ''} ({', '.join(sorted(reasons))})"
        for region, outcome, target, reasons in answers
    ]
    return ", ".join(sorted(said)) or "nothing else"


def print_totals(rows: Sequence[Row], seconds: float, console: Console) -> None:
    """How many of each outcome, how many referrals of each priority, and how long it took."""
    outcomes = Counter(decided.outcome for row in rows for decided in row.decisions)
    referrals = Counter(referral.priority for row in rows for referral in row.open_referrals)
    console.print()
    console.print(f"{len(rows)} patients, {outcomes.total()} decisions: {_counts(outcomes)}.", soft_wrap=True)
    drafts = f"{referrals.total()} referrals drafted for a human to review: {_counts(referrals)}"
    console.print(f"{drafts}. {seconds:.0f} seconds.", soft_wrap=True)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common())


def _lines(row: Row) -> list[tuple[str, ...]]:
    left = row.open_referrals
    lines: list[tuple[str, ...]] = []
    for decided in row.decisions:
        drafted = left.pop(0) if decided.target and left else None
        lines.append(
            (
                row.story["name"],
                row.story["title"],
                decided.region or "-",
                decided.outcome,
                ", ".join(decided.reasons),
                f"{drafted.target}, {drafted.priority}" if drafted else "-",
                decided.wake_on or "-",
            )
        )
    return lines or [(row.story["name"], row.story["title"], "-", "(no decision)", "-", "-", "-")]


def _print_table(lines: Sequence[tuple[str, ...]], console: Console) -> None:
    table = Table(*_HEADINGS, header_style="bold")
    for line in lines:
        style = _COLOURS.get(line[3], "")
        table.add_row(*(Text(cell, style=style if place == 3 else "") for place, cell in enumerate(line)))
    console.print(table)


def _print_plainly(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(line[place]) for line in (_HEADINGS, *lines)) for place in range(len(_HEADINGS))]
    for line in (_HEADINGS, *lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
