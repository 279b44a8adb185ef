"""Output of ``spikesound listen``: a meter on a terminal, lines in a pipe."""

from __future__ import annotations

import json
from collections import deque
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from spikesound.apps.live.listen import State
from spikesound.tasks.detection.decision import Event

_LATEST = 8  # events under the bars


class Meter:
    """Bars of the scores, the spike rate and the speed, and the latest events, as they change.

    To be used as a context manager, within which :meth:`show` draws.
    """

    def __init__(self, console: Console) -> None:
        self._latest: deque[Event] = deque(maxlen=_LATEST)
        self._live = Live(console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Meter:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, state: State, ended: list[Event]) -> None:
        """Draw the state; a screen is drawn ten times a second, however often it changes."""
        self._latest.extend(ended)
        self._live.update(picture(state, list(self._latest)))


class Printer:
    """Each event as a line, as soon as it ends.

    Parameters
    ----------
    out : where to
    json : as JSON
    """

    def __init__(self, out: TextIO, json: bool) -> None:
        self._out, self._line = out, json_line if json else line

    def show(self, state: State, ended: list[Event]) -> None:
        """Print the events."""
        for event in ended:
            print(self._line(event), file=self._out, flush=True)


def picture(state: State, latest: list[Event]) -> RenderableType:
    """Return the meter's picture of a state."""
    bars = Table.grid(padding=(0, 2))
    for name, score, active in zip(state.names, state.scores, state.active, strict=True):
        style = "bold green" if active else "default"
        bar = ProgressBar(total=1.0, completed=float(score), width=32, complete_style=style)
        mark = Text("●", "green") if active else Text("·", "dim")
        bars.add_row(mark, Text(name, style), bar, f"{score:.2f}")
    lines = [Text(_figures(state, state.rate), "dim"), *(Text(line(event)) for event in latest)]
    return Group(bars, *lines)


def line(event: Event) -> str:
    """Return an event as a line of text."""
    return f"{clock(event.onset_s)} to {clock(event.offset_s)}  {event.label} ({event.score:.2f})"


def json_line(event: Event) -> str:
    """Return an event as a line of JSON."""
    return json.dumps(event._asdict(), ensure_ascii=False)


def clock(seconds: float) -> str:
    """Return a time as hours (where there are any), minutes and seconds.

    >>> clock(3661.25), clock(59.999), clock(0.5)
    ('1:01:01.25', '1:00.00', '0:00.50')
    """
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    short = f"{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{minutes:02d}:{short}" if hours else f"{minutes}:{short}"


def summary(state: State, warnings: list[str]) -> list[str]:
    """Return the lines that are printed at the end."""
    total = sum(state.events.values())
    each = ", ".join(f"{name} {count}" for name, count in state.events.most_common())
    lines = [_figures(state, state.mean_rate), f"{total} events" + (f": {each}" if each else "")]
    return lines + [f"warning: {warning}" for warning in warnings]


def _figures(state: State, rate: float) -> str:
    parts = [f"{clock(state.sound_s)} processed"]
    if state.spiking:
        parts.append(f"{100 * rate:.1f} % of the neurons spike in a frame")
    parts.append(f"real-time factor {state.real_time_factor:.3f}")
    if state.dropped:
        parts.append(f"{state.dropped} BLOCKS DROPPED: times after them are too early")
    return "; ".join(parts)
