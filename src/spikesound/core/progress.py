"""Progress of long work: what is done, how fast, how long it will take, and what went wrong."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from tqdm import tqdm

T = TypeVar("T")

LINE_EVERY_S = 30.0
"""How often a line is written where there is no terminal to draw on."""

SPAN_S = 60.0
"""The speed is that of the last minute: it changes, and the time left hangs on it."""


def track(items: Iterable[T], *, total: int, what: str, unit: str = "clip") -> Iterator[T]:
    """Yield the items while a bar on stderr shows how many are done, the rate and the time left."""
    return iter(tqdm(items, total=total, desc=what, unit=unit, dynamic_ncols=True, mininterval=0.5))


class Board:
    """A live table on stderr of work whose pieces end in different states.

    On a terminal it is drawn in place; elsewhere (a log, a batch job) a line comes twice a minute,
    and one at the end.

    Parameters
    ----------
    what
        Name of the work.
    total
        Number of its pieces.
    """

    def __init__(self, what: str, total: int, console: Console | None = None) -> None:
        self.what = what
        self.total = total
        self.states: Counter[str] = Counter()
        self.in_flight = 0
        self.waiting = 0
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._began = self._told = time.monotonic()
        self._history = deque([(self._began, 0)])

    def __enter__(self) -> Self:
        if self._console.is_terminal and self.total:
            self._live = Live(self, console=self._console, refresh_per_second=2)
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
        elif self.total:
            self._console.print(self.line(), soft_wrap=True)

    def add(self, states: Iterable[str], in_flight: int = 0, waiting: int = 0) -> None:
        """Count pieces that are done, each with its state; and how many are under way or wait."""
        now = time.monotonic()
        self.states.update(states)
        self.in_flight, self.waiting = in_flight, waiting
        self._history.append((now, self.done))
        while len(self._history) > 2 and now - self._history[0][0] > SPAN_S:
            self._history.popleft()
        if self._live is None and now - self._told >= LINE_EVERY_S:
            self._told = now
            self._console.print(self.line(), soft_wrap=True)

    @property
    def done(self) -> int:
        """Pieces that are done, in whatever state."""
        return self.states.total()

    @property
    def per_s(self) -> float:
        """Pieces a second, over the last minute."""
        (before_s, before), (now_s, now) = self._history[0], self._history[-1]
        return (now - before) / (now_s - before_s) if now_s > before_s else 0.0

    def line(self) -> str:
        """Return all that the table shows, in one line."""
        told = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        return f"{self.what}: {self._head()}{'; ' + told if told else ''}"

    def _head(self) -> str:
        parts = [f"{self.done} of {self.total}", f"{self.per_s:.1f} a second"]
        if self.done < self.total and self.per_s:
            parts.append(f"{_clock((self.total - self.done) / self.per_s)} left")
        if self.in_flight or self.waiting:
            parts.append(f"{self.in_flight} under way, {self.waiting} to be tried again")
        return ", ".join(parts)

    def __rich__(self) -> Group:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for state, count in self.states.most_common():
            style = "green" if state == "ok" else "yellow"
            share = f"{count / max(self.done, 1):.1%}"
            table.add_row(Text(state, style), Text(str(count), justify="right"), Text(share))
        return Group(Text(f"{self.what}: {self._head()}", "bold"), table)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{seconds:02d}"
