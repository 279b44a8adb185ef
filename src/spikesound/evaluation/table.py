"""Tables of models, a row a model: in Markdown, and aligned for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "–"
"""Mark in place of a figure that a model does not have."""

_LEFT = "Model"

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table of models.

    Attributes
    ----------
    head : its head
    cell : returns its text from a model's figures
    """

    head: str
    cell: Callable[[Figures], str]


def table_rows(
    models: Mapping[str, Figures], columns: Sequence[Column]
) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the rows of a table, as texts; the first column names the models.

    Parameters
    ----------
    models
        The figures of each model, in the order of the rows.
    columns
        Those after the first; see :mod:`spikesound.evaluation.columns`.
    """
    heads = [_LEFT, *(column.head for column in columns)]
    rows = [[name, *(column.cell(of) for column in columns)] for name, of in models.items()]
    return heads, rows


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a table in Markdown: the first ``left`` columns to the left, the others to the right.

    See :func:`table_rows`.
    """
    rule = ["---" if column < left else "---:" for column in range(len(heads))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return columns aligned by spaces: the first ``left`` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for cells in (heads, *rows):
        padded = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip() + "\n")
    return "".join(lines)


def percent(share: object, decimals: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage without its sign, or the mark for none."""
    return NONE if share is None else f"{float(str(share)) * 100:.{decimals}f}"


def number(value: float | None, digits: int) -> str:
    """Return a number with a given number of decimals, or the mark for none."""
    return NONE if value is None else f"{value:.{digits}f}"


def ranged(figures: Figures, key: str) -> str:
    """Return a metric with its interval, to three decimals."""
    value, low, high = (number(figures[f"{key}{end}"], 3) for end in ("", "_low", "_high"))
    return f"{value} [{low}–{high}]"
