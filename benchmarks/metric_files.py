"""The metrics of the last runs, for the tables of the pages."""

import csv
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

FLOWS = (
    "no_reuse",
    "weight_stationary",
    "input_stationary",
    "output_stationary",
    "full_reuse",
)


def rows(path: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the repository."""
    with (ROOT / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: str) -> Any:
    """Return the content of a JSON file of the repository."""
    content: Any = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return content
