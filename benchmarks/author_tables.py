"""The table of ESC-10 by author, of benchmarks/results/authors.json."""

from typing import Any

from metric_files import ROOT, read

PATH = "benchmarks/results/authors.json"
PARTS = {"all": "all", "shared": "of authors who are in several of the own folds"}


def authors() -> str:
    """Accuracy by ESC-10's own folds and by author, of the same recordings."""
    heads = "Model | Seed | Recordings | Own folds [interval] | By author [interval]"
    lines = [f"| {heads} | Difference, points [interval] |\n|---|---:|---|---:|---:|---:|\n"]
    rows = read(PATH)["rows"] if (ROOT / PATH).is_file() else []
    for row in rows:
        for part, what in PARTS.items():
            each = row[part]
            cells = [row["model"], str(row["seed"]), f"{each['recordings']}, {what}"]
            cells += [_share(each, name) for name in ("own_folds", "by_author")]
            low, high = (100 * each[f"difference_{end}"] for end in ("low", "high"))
            cells.append(f"{100 * each['difference']:+.1f} [{low:+.1f} to {high:+.1f}]")
            lines.append(f"| {' | '.join(cells)} |\n")
    counted = f"{len(rows)} trainings of five folds twice" if rows else "No row yet"
    return f"{''.join(lines)}\n{counted}: `python benchmarks/authors.py`.\n"


def _share(row: dict[str, Any], name: str) -> str:
    mean, low, high = (100 * row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return f"{mean:.1f} % [{low:.1f}–{high:.1f}]"


TABLES = {"authors": authors}
