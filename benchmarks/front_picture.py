"""Draw the fronts of both sides of the sweep: accuracy over energy, with intervals.

    python benchmarks/front_picture.py [--out docs/results/front.svg]

Every setting that is there is a point, at the accuracy of its test clips and at the energy of its
cheapest design (operations and memory, its own precision). The stairs lead through the networks
that no other of their side beats on validation clips.
"""

import argparse
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from experiment_tables import content

from spikesound.core.errors import SpikesoundError, run
from spikesound.experiments.fronts import SIDES, Candidate, candidates, front

OUT = Path(__file__).resolve().parents[1] / "docs/results/front.svg"
WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 64, 56
COLOURS = {"spiking": "#b5460f", "conventional": "#2f6f9f"}
INK, MUTED, GRID = "#1c1c1c", "#555", "#ddd"
ACCOUNT = "plain"


def picture(known: Sequence[Candidate]) -> str:
    """Return the picture as SVG."""
    scale = Scale(known)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(_words(known))}" font-family="system-ui,sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#fff"/>',
        *_legend(),
        *_grid(scale),
    ]
    for side in SIDES:
        line = front(known, side, ACCOUNT)
        parts += [_stairs(line, side, scale)] if line else []
        parts += [_point(each, each in line, scale) for each in known if each.side == side]
        parts += _names(line, side, scale)
    return "\n".join([*parts, "</svg>\n"])


class Scale:
    """From energy, on a logarithmic axis, and accuracy to places in the picture."""

    def __init__(self, known: Sequence[Candidate]) -> None:
        energies = [math.log10(each.of(ACCOUNT) / 1000) for each in known]
        self.left, self.right = min(energies) - 0.08, max(energies) + 0.25
        self.low = math.floor(20 * min(each.low for each in known)) / 20
        self.high = math.ceil(20 * max(each.high for each in known)) / 20

    def x(self, microjoules: float) -> float:
        """Return the place of an energy."""
        share = (math.log10(microjoules) - self.left) / (self.right - self.left)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, accuracy: float) -> float:
        """Return the place of an accuracy."""
        share = (accuracy - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def ticks(self) -> list[float]:
        """Return energies of 1, 2 and 5 times a power of ten within the axis."""
        powers = range(math.floor(self.left), math.ceil(self.right) + 1)
        every = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        return [each for each in every if self.left <= math.log10(each) <= self.right]


def _words(known: Sequence[Candidate]) -> str:
    parts = [
        f"{side}: "
        + "; ".join(
            f"{each.name} {100 * each.accuracy:.1f} % at {each.of(ACCOUNT) / 1000:.3g} µJ"
            for each in front(known, side, ACCOUNT)
        )
        for side in SIDES
    ]
    return f"Accuracy on test clips over energy a clip. {'. '.join(parts)}."


def _legend() -> list[str]:
    parts = [
        f'<text x="{LEFT}" y="26" fill="{INK}" font-size="15" font-weight="600">Cheapest way of '
        "each side to reach an accuracy</text>"
    ]
    for number, side in enumerate(SIDES):
        x = LEFT + 130 * number
        parts.append(f'<circle cx="{x + 6}" cy="44" r="5" fill="{COLOURS[side]}"/>')
        parts.append(f'<text x="{x + 18}" y="48" fill="{INK}">{side}</text>')
    parts.append(
        f'<text x="{LEFT + 280}" y="48" fill="{MUTED}">filled: no network of its side is cheaper '
        "and better on validation clips; bars: 95 %</text>"
    )
    return parts


def _grid(scale: Scale) -> list[str]:
    parts = []
    for each in scale.ticks():
        x = scale.x(each)
        parts.append(
            f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{GRID}"/>'
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" '
            f'fill="{MUTED}">{each:g}</text>'
        )
    for step in range(round(20 * scale.low), round(20 * scale.high) + 1):
        y = scale.y(step / 20)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{5 * step} %'
            "</text>"
        )
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle" '
        f'fill="{INK}">energy a clip, µJ: operations and memory, cheapest design of each, own '
        "precision</text>"
    )
    return parts


def _stairs(line: Sequence[Candidate], side: str, scale: Scale) -> str:
    places = [(scale.x(each.of(ACCOUNT) / 1000), scale.y(each.accuracy)) for each in line]
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in places[1:])
    return f'<path d="{path}" fill="none" stroke="{COLOURS[side]}" stroke-width="2"/>'


def _point(each: Candidate, filled: bool, scale: Scale) -> str:
    x, y = scale.x(each.of(ACCOUNT) / 1000), scale.y(each.accuracy)
    colour = COLOURS[each.side]
    fill = colour if filled else "#fff"
    bar = (
        f'<path d="M{x:.1f} {scale.y(each.low):.1f}V{scale.y(each.high):.1f}" stroke="{colour}"/>'
        if filled
        else ""
    )
    title = f"{each.name}: {100 * each.accuracy:.1f} %, {each.of(ACCOUNT) / 1000:.3g} µJ"
    return (
        f'<g><title>{escape(title)}</title>{bar}<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" '
        f'fill="{fill}" stroke="{colour}"/></g>'
    )


def _names(line: Sequence[Candidate], side: str, scale: Scale) -> list[str]:
    """Return the names of a front's networks, each at the lower end of its interval."""
    up = side == "spiking"
    found = []
    for number, each in enumerate(line):
        x = scale.x(each.of(ACCOUNT) / 1000)
        end = scale.y(each.high) - 6 - 13 * (number % 2) if up else 0.0
        y = end if up else scale.y(each.low) + 14 + 13 * (number % 2)
        found.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-size="10.5" '
            f'fill="{COLOURS[side]}">{escape(each.name)}</text>'
        )
    return found


def main(out: Path) -> None:
    known = candidates(content("sweep")["rows"])
    if not known:
        raise SpikesoundError("no row of the sweep yet: dvc repro experiments/dvc.yaml:sweep")
    out.write_text(picture(known), encoding="utf-8")
    print(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=OUT)
    run(main, parser.parse_args().out)
