"""How numbers stand on the page."""

from __future__ import annotations

import math

NONE = "–"
MINUS = "−"


def number(value: object, digits: int = 3) -> str:
    """Return a number to so many significant digits, thousands apart, or the mark for none."""
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
