"""Selection tables of Raven (Cornell's program for sounds of animals)."""

from __future__ import annotations

from spikesound.apps.annotations.labelled import Labelled, one_line

COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Annotation",
    "Score",
)


def raven(sound: Labelled) -> str:
    """Return a table, tab-separated, one selection an event.

    A selection spans the model's frequency range, as far as the sound has it. The label stands in
    Raven's own column for it, which readers of its tables expect, and the score behind it.
    """
    lines = ["\t".join(COLUMNS)]
    for number, event in enumerate(sound.events, 1):
        times = f"{event.onset_s:.6f}\t{event.offset_s:.6f}\t0.0\t{sound.high_hz:.1f}"
        label = f"{one_line(event.label)}\t{event.score:.6f}"
        lines.append(f"{number}\tSpectrogram 1\t1\t{times}\t{label}")
    return "\n".join(lines) + "\n"
