"""From a matplotlib figure to an SVG that stands in a page and takes on the page's text colour."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

WIDTH_PT = 400.0
"""Natural width of every picture: near a phone's, so that its 11 pt text stays readable there."""

# A colour that no picture uses for itself: it stands for the page's text colour.
INK = "#012345"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it takes on the page's font and can be selected
    "text.parse_math": False,  # a dollar in a label's name is a dollar
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": False,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.6,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def drawing(height_pt: float) -> Iterator[Figure]:
    """Give an empty figure to draw on, in the page's style, :data:`WIDTH_PT` wide."""
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(WIDTH_PT / 72, height_pt / 72), layout="constrained")


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """Return the figure as an ``<svg>`` element.

    Parameters
    ----------
    figure
        Made within :func:`drawing`, which must still be open.
    name
        Unique on the page: it keeps the ids of two pictures apart.
    alt
        What the picture shows, for those who do not see it.
    """
    stream = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # The salt makes the ids, and so the page, the same in every run.
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata=nothing)
    text = stream.getvalue().decode()
    _, _, body = text[text.index("<svg") :].partition(">")
    width, height = figure.get_size_inches() * 72
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(url\(#|href="#)', rf"\1{name}-", body)
    body = body.replace(INK, "currentColor").replace("xlink:href", "href")
    return (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}">{body.strip()}'
    )
