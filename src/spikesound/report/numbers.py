"""Number formats of the page."""

from __future__ import annotations

import math
import re

from spikesound.evaluation.measures import Measure

NONE = "–"
MINUS = "−"


def number(value: object, digits: int = 3) -> str:
    """Return a number with a given number of significant digits, or the mark for none."""
    x = as_float(value)
    if x is None:
        return NONE
    if x == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return signed(f"{x:,.{decimals}f}")


def share(value: object, decimals: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage with its sign, or the mark for none."""
    x = as_float(value)
    return NONE if x is None else signed(f"{x * 100:.{decimals}f} %")


def heading(measure: Measure) -> str:
    """Return a metric's name as a heading begins with it."""
    title = measure.title
    plain = title.split()[0] in ("accuracy", "macro", "event", "segment")
    return title[0].upper() + title[1:] if plain else title


def axis_title(measure: Measure) -> str:
    """Return a metric's name on an axis, with its unit."""
    return heading(measure) + (", %" if measure.in_points else "")


def value_of(measure: Measure, value: object) -> str:
    """Return a metric: shares that are written in points as percentages."""
    x = as_float(value)
    if x is None or measure.in_points:
        return share(x, measure.decimals)
    return signed(f"{measure.scaled(x):.{measure.decimals}f}")


def bounds_of(measure: Measure, low: object, high: object) -> str:
    """Return the interval of a metric, without the sign of percent."""
    a, b = as_float(low), as_float(high)
    if a is None or b is None:
        return NONE
    return signed("–".join(f"{measure.scaled(x):.{measure.decimals}f}" for x in (a, b)))


def difference_of(measure: Measure, value: float) -> str:
    """Return a difference of a metric, in points where it is written in percent."""
    return signed(f"{measure.scaled(value):.{measure.decimals}f}")


def true_minus(text: str) -> str:
    """Put the true minus sign before the numbers of a sentence; hyphens of names stay."""
    return re.sub(r"(?<!\w)-(?=\d)", MINUS, text)


def times(ratio: float) -> str:
    """Return a ratio to two decimals, from 100 on to three digits."""
    return f"{ratio:.2f}" if ratio < 100 else number(ratio)


def points(value: float) -> str:
    """Return a difference of shares in percentage points, without the unit."""
    return signed(f"{value * 100:.1f}")


def p_value(value: float) -> str:
    """Return a p-value as ``p = 0.04``, or ``p < 0.001``."""
    return (
        "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"
    )


def interval(low: object, high: object) -> str:
    """Return the interval of a share in percent, without the sign."""
    a, b = as_float(low), as_float(high)
    return NONE if a is None or b is None else f"{a * 100:.1f}–{b * 100:.1f}"


def as_float(value: object) -> float | None:
    """Return the value as a finite number, or None where it is none."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    x = float(value)  # type: ignore[arg-type]
    return x if math.isfinite(x) else None


def signed(text: str) -> str:
    """Put the true minus sign in place of the hyphen; nothing is minus nought."""
    bare = text.lstrip("-")
    if text != bare and not any(digit in bare for digit in "123456789"):
        return bare
    return text.replace("-", MINUS)
