"""Put the tables of the last runs into README.md and docs/, between their marks.

    python benchmarks/tables.py

``<!-- results -->`` gets metrics/summary.json, ``<!-- pairings -->`` metrics/pairings.json, the
others the file of their name in benchmarks/results. A test compares them with what stands there.
"""

import json
from pathlib import Path
from typing import Any

from spikesound.errors import run
from spikesound.evaluation.table import markdown_table, percent

ROOT = Path(__file__).resolve().parents[1]


def results() -> str:
    return markdown_table(_read("metrics/summary.json"))


def pairings() -> str:
    heads = "Encoding | Steps | Method | Epochs | Validation | Test [interval] | Spike rate"
    lines = [f"| {heads} | Spikes a clip | Training, s a fold |\n"]
    lines += ["|---|---:|---|---:|---:|---:|---:|---:|---:|\n"]
    for encoding, rows in _read("metrics/pairings.json").items():
        for method, row in rows.items():
            cells = [
                encoding,
                str(row["steps"]),
                method,
                str(row["epochs"]) if method not in ("stdp", "memristor") else "–",
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
    heads = "Split | Networks | Test accuracy | Validation | Spike rate | Parameters"
    lines = [f"| {heads} | Operations a clip, dense | by spikes |\n"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|\n"]
    names = {"recordings": "official: indices 0 to 4", "speakers": "one speaker at a time"}
    for split, row in _read("metrics/fsdd.json").items():
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


def download() -> str:
    rows = _read("benchmarks/results/download.json")
    rates = {row["library"]: row["clips_per_s"] for row in rows if "clips_per_s" in row}
    slowest = min(rates.values())
    lines = ["| | clips a second | ratio |\n|---|---:|---:|\n"]
    lines += [f"| {name} | {rate:.2f} | {rate / slowest:.1f} |\n" for name, rate in rates.items()]
    return "".join(lines)


def downloaders() -> str:
    heads = "right, of those to be had | a second | missing ones named | right after a second run"
    lines = [f"| | {heads} |\n|---|---:|---:|---:|---:|\n"]
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


TABLES = {
    "results": results,
    "pairings": pairings,
    "fsdd": fsdd,
    "download": download,
    "downloaders": downloaders,
}
PAGES = [ROOT / "README.md", ROOT / "docs/download.md", ROOT / "docs/pairings.md"]


def fill(text: str) -> str:
    """Return the text with what stands between the marks that it has replaced by the tables."""
    for name, table in TABLES.items():
        if f"<!-- {name} -->" not in text:
            continue
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}{table()}{end}{after}"
    return text


def main() -> None:
    for page in PAGES:
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"tables filled in: {page.name}")


def _read(path: str) -> Any:
    content: Any = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    run(main)
