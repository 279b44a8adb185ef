"""Put the tables of the last runs into README.md, between their marks.

    python benchmarks/tables.py

``<!-- results -->`` gets metrics/summary.json and ``<!-- encodings -->``
metrics/encodings.json. A test compares them with what stands there.
"""

import json
from pathlib import Path
from typing import Any

from spikesound.errors import run
from spikesound.evaluation.table import markdown_table, percent

ROOT = Path(__file__).resolve().parents[1]


def results() -> str:
    return markdown_table(_read("metrics/summary.json"))


def encodings() -> str:
    heads = "Model | Encoding | Steps | Validation accuracy | Test accuracy [interval] | Spike rate"
    lines = [f"| {heads} |\n|---|---|---:|---:|---:|---:|\n"]
    for model, rows in _read("metrics/encodings.json").items():
        ranked = sorted(rows.items(), key=lambda item: -item[1]["validation_accuracy"])
        for name, row in ranked:
            test = f"{percent(row['accuracy'])} % [{percent(row['accuracy_low'])}"
            cells = [
                model,
                name,
                str(row["steps"]),
                f"{percent(row['validation_accuracy'])} %",
                f"{test}–{percent(row['accuracy_high'])}]",
                f"{percent(row['spike_rate'])} %",
            ]
            lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


TABLES = {"results": results, "encodings": encodings}


def fill(text: str) -> str:
    """Return the text with what stands between the marks replaced by the tables."""
    for name, table in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}{table()}{end}{after}"
    return text


def main() -> None:
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"tables filled in: {readme.name}")


def _read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content


if __name__ == "__main__":
    run(main)
