"""The tables of benchmarks/results/opinions.json, in docs/results/opinions.md."""

from typing import Any

from metric_files import read

PATH = "benchmarks/results/opinions.json"

Row = dict[str, Any]


def spikingjelly() -> str:
    """SpikingJelly's counts and energies of a batch beside ours."""
    lines = [
        "| Figure | Layer | Here | SpikingJelly | Their rule on counts here | Why they differ |\n"
    ]
    lines += ["|---|---|---:|---:|---:|---|\n"]
    for row in read(PATH)["spikingjelly"]["rows"]:
        cells = [row["what"], row["layer"]]
        cells += [f"{row[key]:,.0f}" for key in ("ours", "theirs", "by_rule")]
        lines.append(f"| {' | '.join([*cells, row['why'] or 'the same'])} |\n")
    return "".join(lines)


def sana_fe() -> str:
    """Spikes, events, energy and time on SANA-FE's chips."""
    lines = ["| Model | Chip | Steps | Neurons | Synapses | Spikes | that differ | "]
    lines += ["their potentials from the threshold, at most | unit of the chip's potentials | "]
    lines += ["SynOps here | Events on the chip | of resets | Messages | Cores |\n"]
    lines += [f"|---|---|{'---:|' * 12}\n"]
    for row in read(PATH)["sana_fe"]:
        cells = [row["model"], row["chip"]]
        cells += [
            f"{row[key]:,}" for key in ("steps", "neurons", "synapses", "spikes", "different")
        ]
        apart = row["different"] > 0 and "margin" in row
        cells += [f"{row[key]:.2g}" if apart else "–" for key in ("margin", "unit")]
        keys = ("synops", "events", "itself", "messages", "cores")
        cells += [f"{row[key]:,}" if key in row else "–" for key in keys]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def sana_fe_energy() -> str:
    """Energy and time on Loihi beside ours."""
    parts = ("synapse", "soma", "network", "total")
    heads = " | ".join(f"{part}, µJ" for part in parts)
    lines = [f"| Model | Loihi: {heads} | Time, ms | Here: stated account, µJ |"]
    lines += [" INT8, input stationary | INT8, no reuse |\n"]
    lines += [f"|---|{'---:|' * 8}\n"]
    for row in read(PATH)["sana_fe"]:
        if row["chip"] == "loihi":
            cells = [row["model"], *(f"{row[f'{part}_uj']:.3g}" for part in parts)]
            cells += [f"{1000 * row['chip_s']:.3g}"]
            names = ("stated", "int8_input_stationary", "int8_no_reuse")
            cells += [f"{row[f'ours_{name}_uj']:.3g}" for name in names]
            lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def nest() -> str:
    """Spikes in NEST."""
    lines = ["| Model | Reset | Steps | Neurons | Synapses | Spikes | that differ in NEST |\n"]
    lines += [f"|---|---|{'---:|' * 5}\n"]
    for row in read(PATH)["nest"]:
        keys = ("steps", "neurons", "synapses", "spikes", "different")
        cells = [row["model"], row["reset"], *(f"{row[key]:,}" for key in keys)]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


TABLES = {
    "spikingjelly": spikingjelly,
    "sana_fe": sana_fe,
    "sana_fe_energy": sana_fe_energy,
    "nest": nest,
}
