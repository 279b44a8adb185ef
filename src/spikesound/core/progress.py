"""Progress of long work on stderr: what is done, how fast, the time left, and what went wrong.

On a terminal it is drawn in place; elsewhere (a log, a batch job) a line comes twice a minute, and
one at the end. It is drawn when a step of the work is done: no thread disturbs what is timed.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

LINE_EVERY_S = 30.0
"""Interval between lines where there is no terminal to draw on."""

DRAW_EVERY_S = 0.5
"""Shortest interval between updates of a terminal."""

SPAN_S = 60.0
"""The speed is that of the last minute: it changes, and the time left hangs on it."""

LEAST_STEPS = 10
"""But of at least so many steps: of slow ones a single pause would count as the speed of all."""

_BAR_WIDTH = 30


class Screen:
    """The terminal, or log, on which all meters of a process are shown, one under the other."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._meters: list[Meter] = []
        self._live: Live | None = None
        self._lock = threading.RLock()

    def __rich__(self) -> Group:
        return Group(*self._meters)

    def add(self, meter: Meter) -> None:
        """Begin to show a meter."""
        with self._lock:
            self._meters.append(meter)
            self._draw()

    def remove(self, meter: Meter) -> None:
        """Leave a meter's last line in its place."""
        with self._lock:
            self._meters.remove(meter)
            self._erase()
            self.console.print(meter.line(), soft_wrap=True, markup=False, highlight=False)
            self._draw()

    def update(self, meter: Meter) -> None:
        """Show that a meter has changed."""
        with self._lock:
            if self._live is not None:
                self._live.refresh()
            elif not self.console.is_terminal:
                self.console.print(meter.line(), soft_wrap=True, markup=False, highlight=False)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the meters off the terminal while something else is written to it."""
        with self._lock:
            self._erase()
            try:
                yield
            finally:
                self._draw()

    def _draw(self) -> None:
        if self._live is None and self._meters and self.console.is_terminal:
            # Standard output is not redirected: it may go elsewhere, and must not come to stderr.
            self._live = Live(
                self,
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
            )
            self._live.start(refresh=True)

    def _erase(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


SCREEN = Screen(Console(stderr=True))
"""The standard error of this process."""


class Meter:
    """Progress of some work: how much is done, its rate and the time left.

    To be used as a context manager.

    Parameters
    ----------
    what
        Name of the work.
    total
        How much there is; None if it is not known. Of nothing (0) nothing is shown.
    unit
        What is counted, as in clip/s.
    screen
        Where it is shown.
    """

    def __init__(
        self, what: str, total: float | None, unit: str = "clip", screen: Screen | None = None
    ) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done: float = 0
        self._screen = screen or SCREEN
        self._began = self._shown = time.monotonic()
        self._history = deque([(self._began, 0.0)])

    def __enter__(self) -> Self:
        if self.total != 0:
            self._screen.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.total != 0:
            self._screen.remove(self)

    def advance(self, amount: float = 1) -> None:
        """Count what has been done."""
        self.done += amount
        now = time.monotonic()
        if now - self._history[-1][0] >= DRAW_EVERY_S:
            self._history.append((now, self.done))
            while len(self._history) > LEAST_STEPS and now - self._history[0][0] > SPAN_S:
                self._history.popleft()
        every_s = DRAW_EVERY_S if self._screen.console.is_terminal else LINE_EVERY_S
        if now - self._shown >= every_s:
            self._shown = now
            self._screen.update(self)

    @property
    def per_s(self) -> float:
        """Rate of work per second, over the last minute or the last ten steps."""
        (before_s, before), now_s = self._history[0], time.monotonic()
        return (self.done - before) / (now_s - before_s) if now_s > before_s else 0.0

    def line(self) -> str:
        """Return all that is shown, in one line."""
        return f"{self.what}: {self.numbers()}"

    def numbers(self) -> str:
        """Return what is done, how fast, and the time left, or the time that all of it took."""
        per_s, elapsed_s = self.per_s, time.monotonic() - self._began
        of_all = "" if self.total is None else f" of {_amount(self.total)}"
        parts = [f"{_amount(self.done)}{of_all}"]
        if per_s:
            slow = per_s < 1
            parts.append(f"{1 / per_s:.1f} s/{self.unit}" if slow else f"{per_s:.1f} {self.unit}/s")
        if self.total is not None and self.done >= self.total:
            parts.append(f"in {_clock(elapsed_s)}")
        elif self.total is not None and per_s:
            parts.append(f"{_clock((self.total - self.done) / per_s)} left")
        return ", ".join(parts)

    def __rich__(self) -> RenderableType:
        if self.total is None:
            return Text(self.line(), "bold")
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self.total, completed=self.done, width=_BAR_WIDTH)
        row.add_row(Text(self.what, "bold"), bar, Text(self.numbers()))
        return row


class Board(Meter):
    """A meter of work whose pieces end in different states, with a table of them."""

    def __init__(
        self, what: str, total: int, unit: str = "clip", screen: Screen | None = None
    ) -> None:
        super().__init__(what, total, unit, screen)
        self.states: Counter[str] = Counter()
        self.in_flight = 0
        self.waiting = 0

    def add(self, states: Iterable[str], in_flight: int = 0, waiting: int = 0) -> None:
        """Count pieces that are done, each with its state; and how many are under way or wait."""
        new = list(states)
        self.states.update(new)
        self.in_flight, self.waiting = in_flight, waiting
        self.advance(len(new))

    def line(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        return f"{super().line()}{'; ' + states if states else ''}"

    def numbers(self) -> str:
        if not self.in_flight and not self.waiting:
            return super().numbers()
        return (
            f"{super().numbers()}, {self.in_flight} under way, {self.waiting} waiting for a retry"
        )

    def __rich__(self) -> RenderableType:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for state, count in self.states.most_common():
            style = "green" if state == "ok" else "yellow"
            share = f"{count / max(self.done, 1):.1%}"
            table.add_row(Text(state, style), Text(str(count), justify="right"), Text(share))
        return Group(super().__rich__(), table)


def track(
    items: Iterable[T],
    *,
    total: int | None,
    what: str,
    unit: str = "clip",
    screen: Screen | None = None,
) -> Iterator[T]:
    """Yield the items while a :class:`Meter` shows how many are done."""
    with Meter(what, total, unit, screen) as meter:
        for item in items:
            yield item
            meter.advance()


def _amount(number: float) -> str:
    return f"{number:.1f}" if isinstance(number, float) else str(number)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:d}:{minutes:02d}:{seconds:02d}"
