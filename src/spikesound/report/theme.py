"""Colours and shapes of the models in every plot: a colour a family, a shape and dash a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spikesound.report.families import Rows, family

# Mid-tones of Okabe and Ito's colour-blind safe set, each at least 3:1 against a white and against
# a near-black page: for static pictures, which cannot change with the page.
COLOURS = {"baseline": "#7d8590", "ann": "#2f7fc1", "snn": "#d9630f"}

SYMBOLS = {
    "baseline": ("x",),
    "ann": ("circle", "square", "diamond", "cross", "pentagon", "hexagon", "hourglass", "bowtie"),
    "snn": ("triangle-up", "star", "triangle-down", "triangle-right", "triangle-left"),
}
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")

_OUTLINES = {
    "circle": '<circle cx="8" cy="8" r="5.5"/>',
    "square": '<path d="M3 3h10v10H3z"/>',
    "diamond": '<path d="M8 1.5 14.5 8 8 14.5 1.5 8z"/>',
    "cross": '<path d="M6 2h4v4h4v4h-4v4H6v-4H2V6h4z"/>',
    "x": '<path d="m4.5 2 3.5 3.5L11.5 2 14 4.5 10.5 8l3.5 3.5-2.5 2.5L8 10.5 4.5 14 2 '
    '11.5 5.5 8 2 4.5z"/>',
    "pentagon": '<path d="m8 1.8 6.2 4.5-2.4 7.3H4.2L1.8 6.3z"/>',
    "hexagon": '<path d="m8 1.5 5.6 3.2v6.6L8 14.5l-5.6-3.2V4.7z"/>',
    "hourglass": '<path d="M2.5 2h11L8 8l5.5 6h-11L8 8z"/>',
    "bowtie": '<path d="M2 2.5 8 8l6-5.5v11L8 8l-6 5.5z"/>',
    "triangle-up": '<path d="m8 2 6.5 11.5h-13z"/>',
    "triangle-down": '<path d="M8 14 1.5 2.5h13z"/>',
    "triangle-right": '<path d="M14 8 2.5 14.5v-13z"/>',
    "triangle-left": '<path d="M2 8l11.5 6.5v-13z"/>',
    "star": '<path d="m8 1 2.1 4.7 5 .5-3.8 3.4 1.1 5L8 12.1l-4.4 2.5 1.1-5L.9 6.2l5-.5z"/>',
}


@dataclass(frozen=True)
class Look:
    """Colour by family; marker by model; dash by model."""

    family: str
    symbol: str
    dash: str

    @property
    def swatch(self) -> str:
        """The marker as a small SVG element, for keys outside a plot."""
        return (
            '<svg class="swatch" viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">'
            f"{_OUTLINES[self.symbol]}</svg>"
        )


def looks(models: Iterable[str], table: Rows) -> dict[str, Look]:
    """Return each model's look; markers differ within a family while it has enough of them."""
    assigned: dict[str, Look] = {}
    seen: dict[str, int] = {}
    for model in models:
        kind = family(model, table)
        place = seen.get(kind, 0)
        seen[kind] = place + 1
        symbols = SYMBOLS[kind]
        dash = _DASHES[place % len(_DASHES)]
        assigned[model] = Look(kind, symbols[place % len(symbols)], dash)
    return assigned
