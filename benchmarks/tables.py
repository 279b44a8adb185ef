"""Write the tables of the last runs into README.md and docs/results/, between their marks.

    python benchmarks/tables.py

It also writes the page of parameters (benchmarks/parameters.py).
``<!-- results -->`` gets metrics/classification/summary.json; energy and break_even the file of
their name in metrics/classification/costs; those of account_tables.py the other files there;
pairings and fsdd that in metrics/experiments; study, seeds, equal_energy, fifth and noise parts of
metrics/experiments/study.json; detection, detection_short, detection_pairs and detection_power
those of metrics/detection; download, downloaders, detection_speed, c_export, learn, folders and
stopwatch the file of their name in benchmarks/results; systems what experiments/published.yaml
names (benchmarks/systems_table.py); those of workload_tables.py the summaries of both tasks,
study and tones; unknown and unknown_scores that of benchmarks/unknown.py,
authors that of benchmarks/authors.py, those of speaker_tables.py that of
benchmarks/fsdd_speakers.py; those of scale_tables.py that of benchmarks/scale, those of
gpu_tables.py that of benchmarks/gpu.py, which say so where there is none, and those of
opinion_tables.py that of benchmarks/opinions.py. A test compares them
with what stands there.
"""

from typing import Any

import account_tables
import author_tables
import experiment_tables
import gpu_tables
import opinion_tables
import parameters
import people_tables
import scale_tables
import speaker_tables
import systems_table
import unknown_tables
import workload_tables
from metric_files import FLOWS as _FLOWS
from metric_files import ROOT
from metric_files import read as _read
from metric_files import rows as _rows

from spikesound.core.errors import run
from spikesound.evaluation.columns import detection_table, markdown_table
from spikesound.evaluation.measures import DETECTION
from spikesound.evaluation.table import percent


def results() -> str:
    return markdown_table(_read("metrics/classification/summary.json"))


def pairings() -> str:
    heads = "Encoding | Time steps | Method | Epochs | Validation | Test [interval] | Firing rate"
    lines = [f"| {heads} | Spikes per clip | Training, s per fold |\n"]
    lines += ["|---|---:|---|---:|---:|---:|---:|---:|---:|\n"]
    for row in _read("metrics/experiments/pairings.json")["rows"]:
        encoding, method = row["setting"].split(", ", 1)
        cells = [
            encoding,
            str(row["steps"]),
            method,
            f"{row['epochs']:.0f}" if method not in ("stdp", "memristor") else "–",
            f"{percent(row['validation_accuracy'])} %",
            f"{percent(row['accuracy'])} % [{percent(row['accuracy_low'])}"
            f"–{percent(row['accuracy_high'])}]",
            f"{percent(row['spike_rate'])} %",
            f"{row['spikes_per_clip']:,.0f}",
            f"{row['train_s']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def fsdd() -> str:
    heads = "Split | Networks | Test accuracy | Validation | Firing rate | Parameters"
    lines = [f"| {heads} | Operations per clip, dense | event-driven |\n"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|\n"]
    names = {"recordings": "official: indices 0 to 4", "speakers": "one speaker at a time"}
    for split, row in _read("metrics/experiments/fsdd.json")["settings"].items():
        spread = (
            "" if row["accuracy_deviation"] is None else f" ± {percent(row['accuracy_deviation'])}"
        )
        cells = [
            names[split],
            str(len(row["accuracies"])),
            f"{percent(row['accuracy'])}{spread} %",
            f"{percent(row['validation_accuracy'])} %",
            f"{percent(row['spike_rate'])} %",
            f"{row['parameters']:,}",
            f"{row['operations_dense'] / 1e6:.1f} M",
            f"{row['operations_by_spikes'] / 1e6:.1f} M",
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def energy() -> str:
    """Energy of every model: MAC and AC alone, and with memory by dataflow; float32 and int8."""
    heads = ["Model", "Execution", *(f"{kind}, MAC and AC" for kind in ("FP32", "INT8"))]
    heads += [f"{kind}, {flow.replace('_', ' ')}" for kind in ("FP32", "INT8") for flow in _FLOWS]
    lines = [f"| {' | '.join(heads)} |\n|---|---|{'---:|' * (len(heads) - 2)}\n"]
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, str]]] = {}
    for row in _rows("metrics/classification/costs/energy.csv"):
        cells = found.setdefault((row["model"], row["execution"]), {})
        cells[row["profile"], row["dataflow"]] = row
    for (model, execution), rows in found.items():
        profiles = ("fp32_45nm", "int8_45nm")
        spent = [float(rows[profile, _FLOWS[0]]["operations_nj"]) for profile in profiles]
        spent += [float(rows[p, flow]["total_nj"]) for p in profiles for flow in _FLOWS]
        cells = [model, execution.replace("_", " "), *(f"{nj / 1000:.3g}" for nj in spent)]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def break_even() -> str:
    """Firing rates at which the spiking network of the default run breaks even with another."""
    steps = _read("metrics/classification/summary.json")["snn-cnn-surrogate"]["steps"]
    lines = ["| Against | Technology | MAC and AC | "]
    lines += [" | ".join(flow.replace("_", " ") for flow in _FLOWS)]
    lines += [" |\n|---|---|---:|---:|---:|---:|---:|---:|\n"]
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in _rows("metrics/classification/costs/break_even.csv"):
        if row["steps"] == str(steps) and row["profile"] in ("fp32_45nm", "int8_45nm"):
            name = row["dataflow"] if row["accounting"] == "memory" else "operations"
            cells = found.setdefault((row["against"], row["profile"]), {})
            rate = row["break_even_rate"]
            cells[name] = f"{percent(float(rate))} %" if rate else "never"
    for (against, profile), rates in found.items():
        cells = [
            against,
            profile.split("_")[0].upper(),
            *(rates[n] for n in ("operations", *_FLOWS)),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def study() -> str:
    """Settings of the study: one row per setting and seed."""
    heads = "Setting | Seed | Validation | Test [interval] | Firing rate | MAC and AC"
    lines = [f"| {heads} | {' | '.join(flow.replace('_', ' ') for flow in _FLOWS)} |\n"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"]
    for row in _read("metrics/experiments/study.json")["rows"]:
        way = "dense" if row["family"] == "ann" else "events"
        cells = [
            row["setting"],
            str(row["seed"]),
            f"{percent(row['validation_accuracy'])} %",
            f"{percent(row['accuracy'])} % [{percent(row['accuracy_low'])}"
            f"–{percent(row['accuracy_high'])}]",
            "–" if row["spike_rate"] is None else f"{percent(row['spike_rate'])} %",
            f"{row['energy_operations_nj'] / 1000:.3g}",
            *(f"{row[f'fp32_45nm_{flow}_{way}_nj'] / 1000:.3g}" for flow in _FLOWS),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def seeds() -> str:
    """Pairs of models over several training seeds."""
    lines = ["| Pair | Accuracies | of the second | Difference [interval] | Energy ratio |\n"]
    lines += ["|---|---:|---:|---:|---:|\n"]
    for name, row in _read("metrics/experiments/study.json")["seeds"].items():
        low, high = row["difference_low"], row["difference_high"]
        cells = [name, *(", ".join(percent(a) for a in each) for each in row["accuracies"])]
        cells += [f"{row['difference'] * 100:+.1f} [{low * 100:+.1f} to {high * 100:+.1f}]"]
        cells += [f"{row['energy_share']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def equal_energy() -> str:
    """Paired tests against the twin, and against the narrowest twin that needs no less energy."""
    lines = ["| Pair | Difference, points [interval] | p | Corrected p |\n|---|---:|---:|---:|\n"]
    for name, row in _read("metrics/experiments/study.json")["pairs"].items():
        gap, low, high = (row[f"accuracy_difference{end}"] * 100 for end in ("", "_low", "_high"))
        cells = [name, f"{gap:+.1f} [{low:+.1f} to {high:+.1f}]"]
        cells += [f"{row['accuracy_p']:.3g}", f"{row['accuracy_p_corrected']:.3g}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def fifth() -> str:
    """Firing rates at which a fifth of the twin's energy, with memory, would suffice."""
    lines = ["| Technology, dataflow, execution of the twin | T = 1 | T = 2 | T = 4 |\n"]
    lines += ["|---|---:|---:|---:|\n"]
    for name, rates in _read("metrics/experiments/study.json")["rates"].items():
        if name.startswith(("fp32", "int8")):
            cells = [name.replace("_", " ").replace(" 45nm", ","), *rates.values()]
            cells[1:] = ["never" if r is None else f"{percent(r)} %" for r in cells[1:]]
            lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def noise() -> str:
    """Areas under the accuracy-SNR curves, trained on clean sound and in noise, and the pairs."""
    found = _read("metrics/experiments/study.json")["noise"]
    kinds = ("white", "pink", "babble", "background")
    lines = [f"| Model | Clean | {' | '.join(k.capitalize() for k in kinds)} | Mean | Relative |\n"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|\n"]
    for name, row in found["models"].items():
        clean = next(point[2] for point in row["curve"] if point[0] == "clean")
        shares = [clean, *(row[f"{kind}_area"] for kind in kinds)]
        shares += [row["noise_area"], row["noise_area_relative"]]
        lines.append(f"| {name} | {' | '.join(f'{share:.3f}' for share in shares)} |\n")
    lines += [
        "\n| Pair | Difference in area [interval] | Corrected p | relative area | Corrected p |\n"
    ]
    lines += ["|---|---:|---:|---:|---:|\n"]
    for name, row in found["pairs"].items():
        cells = [name]
        for start in ("", "relative_"):
            low, high = row[f"{start}difference_low"], row[f"{start}difference_high"]
            cells += [f"{row[f'{start}difference']:+.3f} [{low:+.3f} to {high:+.3f}]"]
            cells += [f"{row[f'{start}p_corrected']:.3g}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def download() -> str:
    rows = _read("benchmarks/results/download.json")
    rates = {row["library"]: row["clips_per_s"] for row in rows if "clips_per_s" in row}
    slowest = min(rates.values())
    lines = ["| Program | Clips/s | Ratio |\n|---|---:|---:|\n"]
    lines += [f"| {name} | {rate:.2f} | {rate / slowest:.1f} |\n" for name, rate in rates.items()]
    return "".join(lines)


def downloaders() -> str:
    heads = "Correct, of those available | Clips/s | Missing reported | Correct after a second run"
    lines = [f"| Program | {heads} |\n|---|---:|---:|---:|---:|\n"]
    for row in _read("benchmarks/results/downloaders.json"):
        cells = [
            row["name"],
            f"{row['right']} of {row['clips']}",
            f"{row['clips_per_s']:.2f}",
            f"{row['gone_told']} of 3",
            str(row["again_right"]),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def detection() -> str:
    """All detectors of the default run of ``task: detection``."""
    return detection_table(_read("metrics/detection/summary.json"))


def detection_short() -> str:
    """Detectors trained on strong labels, main columns."""
    heads = "Model | PSDS 1 | PSDS 2 | Event F1 | Delay, s | False alarms/h"
    lines = [f"| {heads} | Power in sound, µW | in silence |\n|---|{'---:|' * 7}\n"]
    for name, row in _read("metrics/detection/summary.json").items():
        if not name.endswith(("-strong", "-mel")):
            continue
        cells = [name]
        for key in ("psds1", "psds2", "event_f1"):
            cells.append(f"{row[key]:.3f} [{row[f'{key}_low']:.3f}–{row[f'{key}_high']:.3f}]")
        cells += [f"{row['delay_median_s']:.2f}", f"{row['false_alarms_per_hour']:.0f}"]
        power = (row.get(f"{kind}_uw") for kind in ("events", "silence"))
        cells += ["–" if uw is None else f"{uw:.1f}" for uw in power]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def detection_pairs() -> str:
    """Difference of each spiking detector and its conventional twin."""
    names = ("PSDS 1", "PSDS 2", "Event F1", "Segment F1", "mAP")
    lines = [f"| Spiking minus conventional | {' | '.join(names)} |\n|---|{'---:|' * len(names)}\n"]
    for row in _rows("metrics/detection/compared/comparisons.csv"):
        pair = row["pair"]
        if "baseline" in pair:
            continue
        cells = [
            f"{float(row[key]):+.3f} [{float(row[f'{key}_low']):+.3f}, "
            f"{float(row[f'{key}_high']):+.3f}]{_p_corrected(row, key)}"
            for key in (measure.key for measure in DETECTION)
        ]
        lines.append(f"| {pair.replace(' vs ', ' − ')} | {' | '.join(cells)} |\n")
    return "".join(lines)


def _p_corrected(row: dict[str, str], key: str) -> str:
    """Return the corrected p of a metric, where the run tested it."""
    p = row.get(f"{key}_p_corrected")
    return f", p {float(p):.2g}" if p else ""


def detection_power() -> str:
    """Power in frames with events, in background and in silence, with strong labels."""
    heads = "Model | Execution | Accounting | Sound, µW | Background, µW | Silence, µW"
    lines = [f"| {heads} | Silence / sound | Firing rate in sound | in silence |\n"]
    lines += [f"|{'---|' * 3}{'---:|' * 6}\n"]
    found: dict[tuple[str, str, str], dict[str, tuple[float, str]]] = {}
    for row in _rows("metrics/detection/costs/energy.csv"):
        if not row["model"].endswith("-strong") or row["profile"] != "fp32_45nm":
            continue
        accounts = {"MAC and AC": "operations_uw"} if row["dataflow"] == "no_reuse" else {}
        if row["dataflow"] == "output_stationary":
            accounts = {"with memory": "total_uw"}
        for account, key in accounts.items():
            cells = found.setdefault((row["model"], row["execution"], account), {})
            cells[row["input"]] = float(row[key]), row["spike_rate"]
    for (model, execution, account), inputs in found.items():
        sound, silence = inputs["events"], inputs["silence"]
        rates = [
            f"{percent(float(rate))} %" if execution.startswith("events") else "–"
            for _, rate in (sound, silence)
        ]
        cells = [model, execution.replace("_", " "), account]
        cells += [f"{inputs[kind][0]:.2f}" for kind in ("events", "background", "silence")]
        lines.append(f"| {' | '.join([*cells, f'{silence[0] / sound[0]:.2f}', *rates])} |\n")
    return "".join(lines)


def detection_speed() -> str:
    """Streaming on one core: real-time factors, in sound and in silence, beside the twin."""
    heads = "Model | Implementation | Real-time factor | of a whole clip | Time, silence / scenes"
    lines = [f"| {heads} | Operations, same | Time / fastest twin, scenes | silence |\n"]
    lines += [f"|---|---|{'---:|' * 6}\n"]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    frame_s = 0.0
    for row in _read("benchmarks/results/detection_speed.json"):
        frame_s = frame_s or row["median_ms"] / 1000 / row["real_time_factor"]
        key = (row.get("model", "features alone"), row["library"])
        found.setdefault(key, {})[row.get("input", "scenes")] = row
    for (model, library), inputs in found.items():
        scenes, silence = inputs["scenes"], inputs.get("silence")
        cells = [model, library, f"{scenes['real_time_factor']:.5f}"]
        if silence is None:
            cells += ["–"] * 5
        else:
            cells += [f"{scenes['kernel_us'] / 1e6 / frame_s:.5f}"]
            cells += [f"{silence['kernel_time_of_scenes']:.2f}"]
            dense = library.endswith("dense")
            cells += ["1" if dense else f"{silence['operations_of_scenes']:.2f}"]
            cells += [
                f"{row['kernel_time_of_twin']:.2f}" if "kernel_time_of_twin" in row else "–"
                for row in (scenes, silence)
            ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


_C_ROWS = {
    "flash, tables, bytes": "flash_bytes",
    "RAM, `sizeof` of the state": "ram_bytes",
    "operations in the layers, on average": "operations",
    "instructions, front end and network": "instructions",
    "time in C, µs": "c_us",
    "time in Python, µs": "python_us",
    "Python over C": "python_over_c",
    "difference of the probabilities, on average": "difference",
    "at most": "difference_at_most",
    "decisions": "decisions",
    "of them different": "decisions_that_differ",
}


def c_export() -> str:
    """Models in C beside Python: a column a model; figures of a frame or of a clip."""
    models = _read("benchmarks/results/c_export.json")["models"]
    lines = [f"| | {' | '.join(models)} |\n|---|{'---:|' * len(models)}\n"]
    lines += [
        f"| {title} | {' | '.join(f'{row[key]:,}' for row in models.values())} |\n"
        for title, key in _C_ROWS.items()
    ]
    return "".join(lines)


TABLES = {
    "results": results,
    "pairings": pairings,
    "fsdd": fsdd,
    "energy": energy,
    "break_even": break_even,
    "study": study,
    "seeds": seeds,
    "equal_energy": equal_energy,
    "fifth": fifth,
    "noise": noise,
    "detection": detection,
    "detection_short": detection_short,
    "detection_pairs": detection_pairs,
    "detection_power": detection_power,
    "detection_speed": detection_speed,
    "download": download,
    "downloaders": downloaders,
    "c_export": c_export,
    **account_tables.TABLES,
    **systems_table.TABLES,
    **experiment_tables.TABLES,
    **people_tables.TABLES,
    **unknown_tables.TABLES,
    **author_tables.TABLES,
    **speaker_tables.TABLES,
    **gpu_tables.TABLES,
    **opinion_tables.TABLES,
    **workload_tables.TABLES,
    **scale_tables.TABLES,
}
PAGES = [
    ROOT / "README.md",
    ROOT / "docs/reference/c.md",
    ROOT / "docs/guide/learn.md",
    ROOT / "docs/guide/folders.md",
    ROOT / "docs/guide/train.md",
    *(
        ROOT / f"docs/results/{name}.md"
        for name in (
            "claims",
            "costs",
            "detection",
            "download",
            "kernels",
            "opinions",
            "pairings",
            "robustness",
            "scale",
            "scratch",
            "distilled",
            "yamnet",
            "sweep",
            "systems",
            "unknown",
            "workloads",
        )
    ),
]


def fill(text: str) -> str:
    """Return the text with the tables between its marks replaced by the current ones.

    A table whose file is missing is empty, and named on the terminal.
    """
    for name, table in TABLES.items():
        if f"<!-- {name} -->" not in text:
            continue
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        try:
            content = table()
        except FileNotFoundError as missing:
            print(f"{name}: left empty, no {missing.filename} (dvc repro)")
            content = ""
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}{content}{end}{after}"
    return text


def main() -> None:
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"tables filled in: {page.name}")
    parameters.main()


if __name__ == "__main__":
    run(main)
