"""Draw README's picture: a sound's mel spectrogram, the spikes of a detector, what it detects.

    python benchmarks/picture.py SOUND [--model FOLDER] [--out docs/picture.svg]

Needs a trained spiking detector (`make detection`). The three panels share
the time axis. All is drawn as vectors, so that the file is small and needs nothing else.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError, run

ROOT = Path(__file__).resolve().parents[1]
WIDTH, LEFT, RIGHT = 900, 130, 20
MEL_PX, SPIKES_PX, ROW_PX, GAP_PX = 150, 120, 24, 34
LEVELS = 10
INK, MUTED, SPIKE, EVENT = "#1c1c1c", "#555", "#b5460f", "#2f6f9f"
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Found:
    """A detected sound event."""

    label: str
    onset_s: float
    offset_s: float
    score: float


def picture(mel: Array, spikes: Array, found: Sequence[Found], seconds: float) -> str:
    """Return the picture as SVG.

    Parameters
    ----------
    mel : levels in [0, 1] (frame, bin)
    spikes : 0 or 1 (frame, neuron)
    found : detected events
    seconds : duration of the sound
    """
    labels = list(dict.fromkeys(event.label for event in sorted(found, key=_onset)))
    spikes_top = GAP_PX + MEL_PX + GAP_PX
    events_top = spikes_top + SPIKES_PX + GAP_PX
    bottom = events_top + ROW_PX * max(1, len(labels))
    share = f"{100 * spikes.mean():.0f} % of {spikes.shape[1]} neurons spike per frame"
    listed = ", ".join(f"{e.label} {e.onset_s:.1f}–{e.offset_s:.1f} s" for e in found) or "nothing"
    alt = (
        f"A sound of {seconds:.0f} s: its mel spectrogram; the spikes, {share}; detected: {listed}."
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 36}" role="img" '
        f'aria-label="{escape(alt)}" font-family="system-ui,sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{bottom + 36}" rx="10" fill="#fff"/>',
        _title(GAP_PX, "sound", "mel spectrogram"),
        _panel(_heat(mel), GAP_PX, MEL_PX, mel.shape),
        _title(spikes_top, "spikes", "one row per neuron"),
        _panel(_dots(spikes), spikes_top, SPIKES_PX, spikes.shape),
        _title(events_top, "detected", f"{len(found)} event{'s' * (len(found) != 1)}"),
        *(
            _event(event, events_top + ROW_PX * labels.index(event.label), seconds)
            for event in found
        ),
        _axis(bottom, seconds),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _onset(event: Found) -> float:
    return event.onset_s


def _heat(mel: Array) -> list[str]:
    """Return the cells of each level as one path, the louder the darker; silence is white."""
    level = np.clip((mel * LEVELS).astype(int), 0, LEVELS - 1)
    return [
        f'<path stroke="{_shade(each / (LEVELS - 1))}" d="{_runs(level == each)}"/>'
        for each in range(1, LEVELS)
    ]


def _dots(spikes: Array) -> list[str]:
    return [f'<path stroke="{SPIKE}" d="{_runs(spikes > 0)}"/>']


def _runs(cells: Array) -> str:
    """Return a path along the runs of true cells (frame, row), the first row at the bottom."""
    parts = []
    rows = cells.shape[1]
    for row in range(rows):
        edges = np.flatnonzero(np.diff(np.r_[0, cells[:, row].astype(np.int8), 0]))
        for start, end in edges.reshape(-1, 2):
            parts.append(f"M{start} {rows - row - 0.5:g}h{end - start}")
    return "".join(parts)


def _panel(paths: list[str], top: int, height: int, shape: tuple[int, ...]) -> str:
    frames, rows = shape
    scale = f"scale({(WIDTH - LEFT - RIGHT) / frames:.5g} {height / rows:.5g})"
    return (
        f'<g transform="translate({LEFT} {top}) {scale}" stroke-width="1.04">{"".join(paths)}</g>'
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" '
        'fill="none" stroke="#bbb"/>'
    )


def _shade(share: float) -> str:
    """Return a colour from white to dark blue."""
    return "#" + "".join(f"{round(255 + (dark - 255) * share):02x}" for dark in (16, 42, 84))


def _title(top: int, text: str, below: str) -> str:
    return (
        f'<text x="14" y="{top + 16}" fill="{INK}" font-size="15" font-weight="600">{text}</text>'
        f'<text x="14" y="{top + 34}" fill="{MUTED}" font-size="11">{escape(below)}</text>'
    )


def _x(at_s: float, seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at_s / seconds


def _event(event: Found, top: float, seconds: float) -> str:
    start, end = _x(event.onset_s, seconds), _x(event.offset_s, seconds)
    text = f"{event.label} {event.score:.2f}"
    before = end > WIDTH - RIGHT - 9 * len(text)
    x, anchor = (start - 6, "end") if before else (end + 6, "start")
    return (
        f'<rect x="{start:.1f}" y="{top + 4:g}" width="{max(2, end - start):.1f}" '
        f'height="{ROW_PX - 8}" rx="3" fill="{EVENT}"/>'
        f'<text x="{x:.1f}" y="{top + 17:g}" fill="{INK}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def _axis(top: float, seconds: float) -> str:
    step = next(each for each in (1, 2, 5, 10, 20, 60, 600) if seconds / each <= 12)
    marks = [
        f'<text x="{_x(at, seconds):.1f}" y="{top + 20:g}" fill="{MUTED}" text-anchor="middle" '
        f'font-size="11">{at} s</text>'
        for at in range(0, int(seconds) + 1, step)
    ]
    return "".join(marks)


def detected(sound: Path, model: str) -> tuple[Array, Array, list[Found], float]:
    """Return the features, all spikes and the events of a trained spiking detector on a sound."""
    # What takes long to load is imported here, so that the drawing alone needs no model.
    from spikesound.apps.live.sound_file import SoundFile
    from spikesound.apps.live.traced import TracedStream
    from spikesound.models.loading import load

    trained = load(model)
    source = SoundFile(sound, trained.front_end.rate_hz)
    stream = TracedStream(trained, source.rate_hz)
    chunks = [stream.feed(block) for block in source.blocks()] + [stream.finish()]
    frames = [frame for chunk in chunks for frame in chunk.traced]
    if not frames or not frames[0].spikes:
        raise SpikesoundError(f"{trained.name}: not a spiking detector; give one by --model")
    join: Callable[[Sequence[Array]], Array] = np.concatenate
    events = [event for chunk in chunks for event in chunk.ended]
    return (
        np.stack([frame.features for frame in frames]),
        np.stack([join(frame.spikes) for frame in frames]),
        [Found(each.label, each.onset_s, each.offset_s, each.score) for each in events],
        stream.sound_s,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sound", type=Path)
    parser.add_argument("--model", default="data/models/detection/snn-tcn-strong")
    parser.add_argument("--neurons", type=int, default=160, help="Rows of spikes, evenly chosen.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/picture.svg")
    given = parser.parse_args()
    mel, spikes, found, seconds = detected(given.sound, given.model)
    rows = np.linspace(0, spikes.shape[1] - 1, min(given.neurons, spikes.shape[1])).astype(int)
    given.out.write_text(picture(mel, spikes[:, rows], found, seconds), encoding="utf-8")
    print(f"written: {given.out}")


if __name__ == "__main__":
    run(main)
