"""JSON as people and diffs like it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a newline at the end, and make the folder if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
