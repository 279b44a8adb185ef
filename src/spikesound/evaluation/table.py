"""The table of results, for a README, for a terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikesound.evaluation.summary import Metrics, model_order

NONE = "–"
"""What stands where a model has no such figure."""

_LEFT = "Model"

_COSTS = {
    "energy_nj": "Energy, nJ/clip",
    "energy_operations_nj": "MAC and AC only, nJ/clip",
    "memory_kb": "Memory, kB",
}
"""Columns that stand only where some model has the figure."""


def table_rows(
    summary: Mapping[str, Metrics], *, reference: str = "ann-cnn"
) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the rows of the table of results, as texts.

    Parameters
    ----------
    summary
        Content of metrics/summary.json.
    reference
        Model whose training time an epoch is the unit of the last column.
    """
    confidence = float(summary["dataset"]["confidence"])
    heads = [
        _LEFT,
        f"Accuracy [{confidence * 100:g} % interval]",
        "Macro F1",
        "mAP",
        "Spike rate",
        "Parameters",
    ]
    unit = summary.get(reference, {}).get("train_s_per_epoch")
    models = sorted((name for name in summary if name != "dataset"), key=model_order)
    costs = [key for key in _COSTS if any(key in summary[name] for name in models)]
    heads += [_COSTS[key] for key in costs]
    heads += ["Training, s/epoch", f"Training, × {reference}"]
    return heads, [_row(name, summary[name], costs, unit) for name in models]


def markdown_table(summary: Mapping[str, Metrics], *, reference: str = "ann-cnn") -> str:
    """Return the table of results in Markdown; see :func:`table_rows`."""
    heads, rows = table_rows(summary, reference=reference)
    rule = ["---" if head == _LEFT else "---:" for head in heads]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (heads, rule, *rows))


def text_table(summary: Mapping[str, Metrics], *, reference: str = "ann-cnn") -> str:
    """Return the table of results in aligned columns, for a terminal; see :func:`table_rows`."""
    heads, rows = table_rows(summary, reference=reference)
    return aligned(heads, rows)


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


def _row(model: str, figures: Metrics, costs: Sequence[str], unit: object) -> list[str]:
    low, high = percent(figures["accuracy_low"]), percent(figures["accuracy_high"])
    seconds = figures.get("train_s_per_epoch")
    rate = figures.get("spike_rate")
    parameters = figures.get("parameters")
    return [
        model,
        f"{percent(figures['accuracy'])} % [{low}–{high}]",
        f"{figures['macro_f1']:.3f}",
        f"{figures['map']:.3f}",
        NONE if rate is None else f"{percent(rate)} %",
        NONE if parameters is None else f"{parameters:,}",
        *(f"{figures[key]:,.0f}" if key in figures else NONE for key in costs),
        NONE if seconds is None else f"{seconds:.2f}",
        NONE if seconds is None or not unit else f"{float(seconds) / float(str(unit)):.2f}",
    ]
