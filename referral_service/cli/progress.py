"""How far a command has come with files: a bar on a terminal, plain lines elsewhere; all of it to stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_SECONDS = 10.0


class Shown:
    """Counts entries and shares of files of `total` bytes together; a context, as rich's own."""

    def __init__(self, what: str, total: int) -> None:
        """`what` is said of each file, such as "importing"."""
        self.console = Console(stderr=True)
        self.entries = 0
        self._what = what
        self._started = self._told = monotonic()
        self._done = 0.0
        self._rate = TextColumn("{task.fields[rate]}")
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            self._rate,
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task(what.capitalize(), total=max(total, 1), rate="")

    def __enter__(self) -> "Shown":
        """The bar appears."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The bar stays as it is."""
        self._bar.stop()

    @property
    def rate(self) -> float:
        """Entries a second, so far."""
        return self.entries / max(monotonic() - self._started, 0.001)

    @contextmanager
    def file(self, name: str, size: int) -> Iterator["File"]:
        """One of the files, of `size` bytes; however far it was told to be, at the end it is done."""
        self._bar.update(self._task, description=f"{self._what.capitalize()} {name}")
        one = File(self, name, size)
        yield one
        one.moved(1.0, 0)
        self._done += size
        self._line(f"{name}: done")

    def say(self, text: str) -> None:
        """A line, above the bar if there is one."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def move(self, name: str, at: float, share: float, entries: int) -> None:
        """`entries` more, of the file `name`, of which `share` is done, `at` bytes."""
        self.entries += entries
        self._bar.update(
            self._task, completed=self._done + at, rate=f"{self.entries:,} entries, {self.rate:,.0f}/s"
        )
        if monotonic() - self._told >= _LINE_SECONDS:
            self._line(f"{name}: {share:.0%}")

    def _line(self, text: str) -> None:
        if not self.console.is_terminal:
            self._told = monotonic()
            self.say(f"{self._what} {text}; {self.entries:,} entries, {self.rate:,.0f}/s")


class File:
    """One file of those shown."""

    def __init__(self, shown: Shown, name: str, size: int) -> None:
        """Nothing of it is done."""
        self._shown, self._name, self._size = shown, name, size

    def moved(self, share: float, entries: int) -> None:
        """This share of it is done, and so many more entries."""
        self._shown.move(self._name, share * self._size, share, entries)
