"""Accuracy, memory and compute by workload, and the guidance of Deng et al. 2020 beside them."""

from typing import Any

from metric_files import ROOT, read, rows

from spikesound.evaluation.table import percent
from spikesound.experiments.workloads import Workload, clips, guidance, streams
from spikesound.params import Params, twins

CLIPS, STREAMS = "metrics/classification", "metrics/detection"


def workload_clips() -> str:
    """Every network of the default run on clips: accuracy, memory, compute, energy."""
    heads = "Model | Steps | Accuracy [interval] | Firing rate | Parameters | Memory, kB"
    lines = [f"| {heads} | MACs, M | ACs, M | MAC and AC, µJ | with memory, µJ |\n"]
    lines += [f"|---|{'---:|' * 9}\n"]
    for name, row in read(f"{CLIPS}/summary.json").items():
        if row.get("parameters") is None:
            continue
        low, high = percent(row["accuracy_low"]), percent(row["accuracy_high"])
        cells = [name, str(row["steps"]), f"{percent(row['accuracy'])} % [{low}–{high}]"]
        cells += [_rate(row), f"{row['parameters']:,}", f"{row['memory_own_kb']:,.0f}"]
        macs = row["dense_operations" if row["execution"] == "dense" else "effective_macs"]
        cells += [f"{each / 1e6:.2f}" for each in (macs, row["effective_acs"])]
        cells += [f"{row[f'energy_{kind}_nj'] / 1000:.3g}" for kind in ("operations", "own")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def workload_streams() -> str:
    """Every detector on streams: PSDS 1, parameters, compute of a second, power."""
    heads = "Model | PSDS 1 [interval] | Firing rate | Parameters | MACs, M/s | ACs, M/s"
    lines = [f"| {heads} | MAC and AC, µW | with memory, µW | in silence, µW |\n"]
    lines += [f"|---|{'---:|' * 8}\n"]
    spent = {
        row["model"]: row
        for row in rows(f"{STREAMS}/costs/energy.csv")
        if (row["input"], row["profile"]) == ("events", "fp32_45nm")
        and row["dataflow"] == "output_stationary"
        and row["execution"] in ("dense", "events")
    }
    for name, row in read(f"{STREAMS}/summary.json").items():
        if name not in spent:
            continue
        cells = [name, f"{row['psds1']:.3f} [{row['psds1_low']:.3f}–{row['psds1_high']:.3f}]"]
        cells += [_rate(row), f"{row['parameters']:,}"]
        cells += [f"{float(spent[name][f'{kind}_per_s']) / 1e6:.2f}" for kind in ("macs", "acs")]
        cells += [f"{float(spent[name]['operations_uw']):.3g}"]
        cells += [f"{row[f'{kind}_uw']:.3g}" for kind in ("events", "silence")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def workload_guidance() -> str:
    """Each statement of guidance, with the figure that it is checked by, and its verdict."""
    lines = ["| Spiking networks are said to be | By | Workload | Figure | Verdict |\n"]
    lines += ["|---|---|---|---|---|\n"]
    params = Params.load(ROOT / "params.yaml")
    pairs = twins({name: params.model(name) for name in params.models})
    found = guidance(
        [_workload(CLIPS, clips, pairs), _workload(STREAMS, streams, pairs)],
        read("metrics/experiments/study.json")["rows"],
        read("metrics/experiments/tones.json"),
    )
    for each in found:
        cells = (each.statement, each.source, each.workload, each.figure, each.verdict)
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def _workload(folder: str, of: Any, pairs: list[tuple[str, str]]) -> Workload:
    summary = read(f"{folder}/summary.json")
    own = [pair for pair in pairs if pair[0] in summary]
    workload: Workload = of(summary, rows(f"{folder}/compared/comparisons.csv"), own)
    return workload


def _rate(row: dict[str, Any]) -> str:
    return "–" if row.get("spike_rate") is None else f"{percent(row['spike_rate'])} %"


TABLES = {
    "workload_clips": workload_clips,
    "workload_streams": workload_streams,
    "workload_guidance": workload_guidance,
}
