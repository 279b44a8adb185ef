"""The tables of docs/results/scale.md: what benchmarks/scale measured, and AudioSet by it."""

import sys
from typing import Any

from metric_files import ROOT, read

sys.path.append(str(ROOT / "benchmarks/scale"))
from extrapolation import Cost, costs, processed
from preset_sizes import PRESETS, SAME_STAGES, preset_params, sizes_of

PATH = "benchmarks/results/scale.json"
NOT_RUN = "| Not run |\n|---|\n| `python benchmarks/scale` |\n"


def _content() -> dict[str, Any] | None:
    """Return what the benchmark wrote; None if it was not run."""
    if not (ROOT / PATH).is_file():
        return None
    content: dict[str, Any] = read(PATH)
    return content


def scale_of(content: dict[str, Any]) -> dict[str, list[Cost]]:
    """Return what each stage of each preset takes on all of its lists, by what was measured."""
    found = {}
    for preset in PRESETS:
        measured = SAME_STAGES.get(preset, preset)
        rows = [row for row in content["rows"] if row["preset"] == measured]
        if rows:
            params = preset_params(preset)
            epochs = {name: model.epochs for name, model in params.table().items()}
            detection = params.task == "detection"
            found[preset] = costs(
                rows, sizes_of(preset), epochs, filtered=_filtered(), detection=detection
            )
    return found


def _filtered() -> tuple[float, float]:
    """Return the clips that benchmarks/filter.py kept all of, and its peak of memory in MB."""
    row = max(read("benchmarks/results/filter.json"), key=lambda each: int(each["kept"]))
    return float(row["kept"]), float(row["peak_mb"])


def scale() -> str:
    """Hours, disk and memory of each stage of each preset."""
    content = _content()
    if content is None:
        return NOT_RUN
    lines = ["| Preset | Stage | Hours | Disk, GB | Memory, GB |\n|---|---|---:|---:|---:|\n"]
    for preset, stages in scale_of(content).items():
        for each in stages:
            lines.append(_line(preset, each.stage, each.hours, each.disk_gb, each.memory_mb))
        hours = sum(each.hours for each in stages)
        disk = sum(each.disk_gb for each in stages)
        peaks = [each.memory_mb for each in stages]
        known = [peak for peak in peaks if peak is not None]
        most = max(known) if len(known) == len(peaks) else None
        lines.append(_line(f"**{preset}**", "**all**", hours, disk, most))
    return "".join(lines)


def _line(preset: str, stage: str, hours: float, disk_gb: float, memory_mb: float | None) -> str:
    memory = "–" if memory_mb is None else f"{memory_mb / 1024:,.1f}"
    return f"| {preset} | {stage} | {hours:,.2f} | {disk_gb:,.2f} | {memory} |\n"


def scale_network() -> str:
    """Hours of each preset's download at the rate of requests that it asks for, and its bytes."""
    content = _content()
    if content is None:
        return NOT_RUN
    heads = "Preset | Clips, train | test | Requests/s | Hours at that rate | Hours on this machine"
    lines = [f"| {heads} | Served, GB |\n|---|{'---:|' * 6}\n"]
    for preset, stages in scale_of(content).items():
        sizes, params = sizes_of(preset), preset_params(preset)
        rate = params.download.requests_per_s
        (row,) = [
            row
            for row in content["rows"]
            if row["preset"] == SAME_STAGES.get(preset, preset) and row["kind"] == "download"
        ][-1:]
        here = next(each.hours for each in stages if each.stage == "download")
        cells = [preset, f"{sizes.train:,}", f"{sizes.test:,}"]
        cells += ["–", "–"] if rate is None else [f"{rate:g}", f"{sizes.clips / rate / 3600:,.1f}"]
        served_gb = row["served_bytes"] / row["clips"] * sizes.clips / 1e9
        lines.append(f"| {' | '.join([*cells, f'{here:,.2f}', f'{served_gb:,.1f}'])} |\n")
    return "".join(lines)


def scale_measured() -> str:
    """Each stage on each made list: time, throughput, memory, bytes a clip."""
    content = _content()
    if content is None:
        return NOT_RUN
    heads = "Preset | Clips | Stage | Seconds | Clips/s | Peak, MB | Files, kB a clip | Store, kB"
    lines = [f"| {heads} |\n|---|---:|---|{'---:|' * 5}\n"]
    for row in content["rows"]:
        store = row["bytes"]["store"]
        files = sum(row["bytes"].values()) - store
        cells = [row["preset"], f"{row['clips']:,}", row["stage"], f"{row['seconds']:,.1f}"]
        cells += [f"{processed(row) / row['seconds']:,.2f}", f"{row['peak_mb']:,.0f}"]
        cells += [f"{each / row['clips'] / 1000:,.1f}" for each in (files, store)]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines) + f"\n{content['machine']}; threads of a stage: {content['threads']}\n"


def scale_accuracy() -> str:
    """MAP and PSDS 1 of the networks beside the baseline, on the longest list of each preset."""
    content = _content()
    if content is None:
        return NOT_RUN
    lines = ["| Preset | Clips | Model | Epochs | of the preset | mAP | PSDS 1 |\n"]
    lines += [f"|---|---:|---|{'---:|' * 4}\n"]
    rows = [row for row in content["rows"] if "metrics" in row]
    for preset in dict.fromkeys(row["preset"] for row in rows):
        models = preset_params(preset).table()
        most = max(row["clips"] for row in rows if row["preset"] == preset)
        for row in rows:
            if (row["preset"], row["clips"]) == (preset, most):
                network = row["model"] in models
                cells = [preset, f"{most:,}", row["model"], str(row["epochs"]) if network else "–"]
                cells += [str(models[row["model"]].epochs) if network else "–"]
                for name in ("map", "psds1"):
                    value = row["metrics"].get(name)
                    cells.append("–" if value is None else f"{value:.3f}")
                lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def scale_changes() -> str:
    """Parameters in which the run departs from the preset."""
    content = _content()
    if content is None:
        return NOT_RUN
    lines = ["| Preset | Parameter | Preset's value | Here |\n|---|---|---|---|\n"]
    for preset, changes in content["changes"].items():
        for key, values in changes.items():
            cells = [f"`{value}`" for value in values]
            lines.append(f"| {preset} | `{key}` | {' | '.join(cells)} |\n")
    return "".join(lines)


TABLES = {
    "scale": scale,
    "scale_network": scale_network,
    "scale_measured": scale_measured,
    "scale_accuracy": scale_accuracy,
    "scale_changes": scale_changes,
}
