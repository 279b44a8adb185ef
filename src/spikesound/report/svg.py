"""Pictures with axes, as ``<svg>`` elements whose text has the colour and font of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH_PX = 400.0
"""Natural width of every picture: near a phone's, so that its text stays readable there."""

_TEXT_PX = 11.0
_TICK_PX = 10.0
_CHARACTER = 0.58  # mean width of a character, in heights of its font
_GAP_PX = 5.0
_SLANT_DEG = 55  # of the x axis's names, where they would not fit side by side

Tick = tuple[float, str]
"""Place along an axis, from 0 (left or bottom) to 1, and its text."""


@dataclass(frozen=True)
class Box:
    """A rectangle over a panel, its sides as places along the axes.

    Attributes
    ----------
    filled : whether it is filled, in the page's colour of text; else it is an outline
    """

    left: float
    right: float
    bottom: float
    top: float
    filled: bool


@dataclass(frozen=True)
class Panel:
    """An image within its axes.

    Attributes
    ----------
    image
        URI of the image, which fills the panel.
    title
        Above the panel.
    x_ticks
        Under the panel.
    y_ticks
        To the right of the panel. (Those of all panels, on the left, are the picture's.)
    width_px
        None: what the other panels leave.
    """

    image: str
    title: str = ""
    x_ticks: Sequence[Tick] = ()
    y_ticks: Sequence[Tick] = ()
    width_px: float | None = None


@dataclass(frozen=True)
class Picture:
    """Panels side by side on common axes.

    Attributes
    ----------
    height_px
        Of the whole picture.
    alt
        What the picture shows, for those who do not see it.
    y_ticks
        To the left of the first panel.
    slanted
        Whether the x axis's texts stand at an angle.
    tick_px
        Size of the ticks' texts.
    cells
        Texts over the first panel: place along x, place along y, text.
    boxes
        Rectangles over the first panel.
    """

    panels: Sequence[Panel]
    height_px: float
    alt: str
    x_label: str = ""
    y_label: str = ""
    y_ticks: Sequence[Tick] = ()
    slanted: bool = False
    tick_px: float = _TICK_PX
    cells: Sequence[tuple[float, float, str]] = field(default=())
    boxes: Sequence[Box] = ()

    def svg(self) -> str:
        """Return the picture as an ``<svg>`` element."""
        left, top, bottom = self._margins()
        parts = [self._y_axis(left, top, bottom)]
        at = left
        for panel, width in zip(self.panels, self._widths(left), strict=True):
            parts += self._panel(panel, at, top, width, bottom - top)
            at += width + _right_of(panel, self.tick_px)
        centre = (left + at) / 2
        parts.append(_text(centre, self.height_px - 3, self.x_label, _TEXT_PX, "middle"))
        return (
            f'<svg role="img" aria-label="{escape(self.alt)}" '
            f'viewBox="0 0 {WIDTH_PX:g} {self.height_px:g}" '
            f'width="{WIDTH_PX:g}" height="{self.height_px:g}" fill="currentColor">'
            f"{''.join(parts)}</svg>"
        )

    def _margins(self) -> tuple[float, float, float]:
        """Return the panels' left edge, top and bottom."""
        left = _longest(self.y_ticks, self.tick_px) + _GAP_PX
        left += _TEXT_PX + _GAP_PX if self.y_label else 0.0
        below = self.tick_px + _GAP_PX
        if self.slanted:
            ticks = [tick for panel in self.panels for tick in panel.x_ticks]
            below = _longest(ticks, self.tick_px) * 0.82 + self.tick_px  # sine of the slant
            left = max(left, _longest(ticks[:1], self.tick_px) * 0.58)  # its cosine
        below += _TEXT_PX + _GAP_PX if self.x_label else 0.0
        top = _TEXT_PX + _GAP_PX if any(panel.title for panel in self.panels) else _GAP_PX
        return left, top, self.height_px - below

    def _widths(self, left: float) -> list[float]:
        free = WIDTH_PX - left - sum(_right_of(panel, self.tick_px) for panel in self.panels)
        free -= sum(panel.width_px or 0.0 for panel in self.panels)
        shared = sum(panel.width_px is None for panel in self.panels)
        return [panel.width_px or free / shared for panel in self.panels]

    def _y_axis(self, left: float, top: float, bottom: float) -> str:
        ticks = [
            _text(left - 4, bottom - at * (bottom - top), text, self.tick_px, "end", middle=True)
            for at, text in self.y_ticks
        ]
        middle = (top + bottom) / 2
        label = _text(_TEXT_PX, middle, self.y_label, _TEXT_PX, "middle", turned_deg=-90)
        return "".join([*ticks, label])

    def _panel(
        self, panel: Panel, left: float, top: float, width: float, height: float
    ) -> list[str]:
        box = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
        parts = [
            f'<image {box} preserveAspectRatio="none" href="{panel.image}"/>',
            f'<rect {box} fill="none" stroke="currentColor" stroke-width="0.6"/>',
            _text(left + width / 2, top - _GAP_PX, panel.title, _TEXT_PX, "middle"),
        ]
        below = top + height + self.tick_px + 2
        for at, text in panel.x_ticks:
            x = left + at * width
            if self.slanted:
                parts.append(_text(x + 3, below, text, self.tick_px, "end", turned_deg=-_SLANT_DEG))
            else:
                parts.append(_text(x, below, text, self.tick_px, "middle"))
        for at, text in panel.y_ticks:
            x, y = left + width + 3, top + (1 - at) * height
            parts.append(_text(x, y, text, self.tick_px, "start", middle=True))
        if panel is self.panels[0]:
            for mark in self.boxes:
                x, wide = left + mark.left * width, (mark.right - mark.left) * width
                y, high = top + (1 - mark.top) * height, (mark.top - mark.bottom) * height
                parts.append(_rect(x, y, wide, high, filled=mark.filled))
            for x, y, text in self.cells:
                place = left + x * width, top + (1 - y) * height
                parts.append(_text(*place, text, self.tick_px, "middle", middle=True))
        return parts


def _rect(x: float, y: float, width: float, height: float, *, filled: bool) -> str:
    look = "" if filled else ' fill="none" stroke="currentColor" stroke-width="1.4"'
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}"{look}/>'
    )


def _right_of(panel: Panel, tick_px: float) -> float:
    """Return the room that a panel needs on its right: for its ticks, else for a gap."""
    return max(_longest(panel.y_ticks, tick_px), _GAP_PX) + _GAP_PX


def _longest(ticks: Sequence[Tick], size_px: float) -> float:
    return max((len(text) for _, text in ticks), default=0) * size_px * _CHARACTER


def _text(
    x: float,
    y: float,
    text: str,
    size_px: float,
    anchor: str,
    *,
    middle: bool = False,
    turned_deg: float = 0,
) -> str:
    if not text:
        return ""
    turn = f' transform="rotate({turned_deg:g} {x:.1f} {y:.1f})"' if turned_deg else ""
    down = ' dy="0.35em"' if middle else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size_px:g}" text-anchor="{anchor}"{down}{turn}>'
        f"{escape(text)}</text>"
    )
