"""Time and peak memory of a training step against time steps and against batch, as pictures."""

from __future__ import annotations

from pathlib import Path

from rows import Row
from svg import drawing, to_svg

from spikesound.core.atomic import written_aside

COLOURS = {
    "spikesound": "#e8590c",
    "dense floor": "#7d8590",
    "snntorch": "#3b82f6",
    "spikingjelly": "#2f9e44",
    "norse": "#9c36b5",
    "sinabs": "#c2255c",
    "lstm": "#a07000",
    "gru": "#0b7285",
}
AXES = {"steps": "Time steps", "batch": "Batch"}
HEIGHT_PT = 460


def draw(rows: list[Row], axis: str, fixed: dict[str, float], path: Path) -> None:
    """Draw the training rows that agree with ``fixed`` against ``axis``, and write the picture."""
    fitting = [
        row
        for row in rows
        if row["mode"] == "train" and all(row[key] == value for key, value in fixed.items())
    ]
    with drawing(HEIGHT_PT) as figure:
        above, below = figure.subplots(2, sharex=True)
        for name, colour in COLOURS.items():
            own = sorted((r for r in fitting if r["library"] == name), key=lambda r: r[axis])
            if not own:
                continue
            at = [row[axis] for row in own]
            above.plot(at, [row["median_ms"] for row in own], "o-", color=colour, label=name)
            remembered = [row for row in own if row["peak_mb"]]
            peaks = [row["peak_mb"] for row in remembered]
            below.plot([row[axis] for row in remembered], peaks, "o-", color=colour)
        for axes, label in ((above, "Time, ms"), (below, "Peak memory, MB")):
            axes.set(xscale="log", yscale="log", ylabel=label)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.grid(which="major")
        ticks = sorted({row[axis] for row in fitting})
        below.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        below.set_xticks([], minor=True)
        below.set_xlabel(AXES[axis])
        above.set_title("A training step of 64-256-256-10, 10 % spikes")
        figure.legend(loc="outside upper center", ncols=4)
        alt = f"Time and peak memory of a training step against {AXES[axis].lower()}, by library."
        element = to_svg(figure, f"neurons-{axis}", alt)
    # A file of its own has no page to take text colour and ground from.
    opened = element.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" style="background:#fff;color:#222" ', 1
    )
    with written_aside(path) as file:
        file.write(opened.encode() + b"\n")
