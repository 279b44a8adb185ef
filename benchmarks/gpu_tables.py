"""The tables of benchmarks/results/gpu.json, beside what others published."""

import json
from typing import Any

import yaml
from metric_files import ROOT

PATH = ROOT / "benchmarks/results/gpu.json"
PUBLISHED = ROOT / "benchmarks/gpu_published.yaml"
NOT_RUN = "not run: `python benchmarks/gpu.py`"


def gpu_machine() -> str:
    """Card, driver and versions."""
    heads = {"card": "Card", "driver": "Driver", "cuda": "CUDA", "torch": "torch"}
    heads |= {"triton": "triton"}
    machine = _content().get("machine")
    cells = _not_run(len(heads)) if machine is None else [str(machine[key] or "–") for key in heads]
    return _table(list(heads.values()), [cells], left=len(heads))


def gpu_equality() -> str:
    """Spikes and gradients of the kernels beside those of the plain loop."""
    heads = ["Currents", "Reset", "Spikes", "Different", "Largest error of a gradient", "Allowed"]
    lines = [
        [
            row["dtype"],
            row["rule"],
            f"{row['spikes']:,}",
            f"{row['differing']:,}",
            f"{row['error']:.2g}",
            f"{row['bound']:.2g}",
        ]
        for row in _rows("equality")
    ]
    return _table(heads, lines or [_not_run(len(heads))], left=2)


def gpu_open() -> str:
    """The open benchmark's workload: ours, and what was published, by time."""
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    heads = ["Library", "Precision", "Card", "Forward and backward, s", "Lowest–highest", "Peak MB"]
    lines = []
    for row in _rows("open"):
        spread = f"{row['low_ms'] / 1000:.3f}–{row['high_ms'] / 1000:.3f}"
        cells = [row["network"], row["dtype"], _content()["machine"]["card"]]
        lines.append([*cells, f"{row['median_ms'] / 1000:.3f}", spread, _whole(row["peak_mb"])])
    lines = lines or [["spikesound", *_not_run(len(heads) - 1)]]
    for row in sorted(published["rows"], key=lambda row: row["forward_s"] + row["backward_s"]):
        seconds = row["forward_s"] + row["backward_s"]
        cells = [f"{row['library']}, published", row["precision"], published["card"]]
        lines.append([*cells, f"{seconds:.3f}", "–", "–"])
    return _table(heads, lines, left=3)


def gpu_clips() -> str:
    """Clips per second of training steps and of features."""
    heads = ["Network", "Precision", "Batch", "Clips/s", "Lowest–highest", "Parameters", "Peak MB"]
    lines = []
    for row in (*_rows("train"), *_rows("train_wide"), *_rows("on_the_fly")):
        ends = (1000 * row["batch"] / row[key] for key in ("high_ms", "low_ms"))
        lines.append(
            [
                row["network"],
                row["dtype"],
                str(row["batch"]),
                _whole(row["clips_per_s"]),
                "–".join(_whole(end) for end in ends),
                _whole(row.get("parameters")),
                _whole(row["peak_mb"]),
            ]
        )
    return _table(heads, lines or [_not_run(len(heads))], left=2)


def _content() -> dict[str, Any]:
    """Return the file's content; nothing if there is no such file."""
    if not PATH.is_file():
        return {}
    content: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return content


def _rows(group: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _content().get("groups", {}).get(group, {}).get("rows", [])
    return rows


def _not_run(columns: int) -> list[str]:
    return [NOT_RUN, *[""] * (columns - 1)]


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _table(heads: list[str], lines: list[list[str]], left: int) -> str:
    rule = "---|" * left + "---:|" * (len(heads) - left)
    rows = [f"| {' | '.join(heads)} |", f"|{rule}", *(f"| {' | '.join(each)} |" for each in lines)]
    return "".join(f"{row}\n" for row in rows)


TABLES = {
    "gpu_machine": gpu_machine,
    "gpu_equality": gpu_equality,
    "gpu_open": gpu_open,
    "gpu_clips": gpu_clips,
}
