"""The tables of spoken digits by speaker, of benchmarks/results/fsdd_speakers.json."""

from itertools import groupby
from typing import Any

import numpy as np
from metric_files import ROOT, read

PATH = "benchmarks/results/fsdd_speakers.json"


def search() -> str:
    """Each setting on the speakers who were left out of its trainings."""
    heads = "Side | Setting | Trainings | Validation, mean | lowest, highest speaker | Firing rate"
    lines = [
        f"| {heads} | Parameters | Operations a clip, M, dense | by spikes or values above 0 |\n"
    ]
    lines += ["|---|---|---:|---:|---:|---:|---:|---:|---:|\n"]
    for (side, name), rows in _groups("search", "side", "setting"):
        scores = [score for row in rows for score in row["accuracies"].values()]
        cells = [side, name, str(len(rows)), _percent(float(np.mean(scores)))]
        cells += [f"{_percent(min(scores))}, {_percent(max(scores))}"]
        cells += [_rate(side, rows), f"{rows[0]['parameters']:,}"]
        cells += [
            f"{np.mean([row[key] for row in rows]) / 1e6:.1f}"
            for key in ("operations_dense", "operations_by_spikes")
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines) if len(lines) > 2 else _none(lines, "search")


def tested() -> str:
    """The chosen settings on the speaker that nothing was chosen by."""
    heads = "Side | Seed | Mean | of each speaker (validation of the chosen setting)"
    lines = [f"| {heads} | Firing rate |\n|---|---:|---:|---|---:|\n"]
    for (side, seed), rows in _groups("test", "side", "seed"):
        rows = sorted(rows, key=lambda row: row["speaker"])
        found = [row["accuracies"][row["speaker"]] for row in rows]
        each = "; ".join(
            f"{row['speaker']}: {_percent(score)} ({_percent(row['validation_accuracy'])}, "
            f"{row['setting']})"
            for row, score in zip(rows, found, strict=True)
        )
        cells = [side, str(seed), f"**{_percent(float(np.mean(found)))}** of {len(found)} speakers"]
        lines.append(f"| {' | '.join([*cells, each, _rate(side, rows)])} |\n")
    return "".join(lines) if len(lines) > 1 else _none(lines, "test")


def _groups(part: str, *keys: str) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    rows = read(PATH)[part] if (ROOT / PATH).is_file() else []

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in keys)

    order = list(dict.fromkeys(key(row) for row in rows))
    together = sorted(rows, key=lambda row: order.index(key(row)))
    return [(found, list(group)) for found, group in groupby(together, key=key)]


def _rate(side: str, rows: list[dict[str, Any]]) -> str:
    return _percent(float(np.mean([r["spike_rate"] for r in rows]))) if side == "spiking" else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _none(lines: list[str], what: str) -> str:
    return f"{''.join(lines)}\nNo row yet: `python benchmarks/fsdd_speakers.py {what}`.\n"


TABLES = {"speakers_search": search, "speakers_test": tested}
