"""Reading and writing JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError

LIST_LIMIT, DEPTH_LIMIT = 10_000, 32
"""Entries of one list or mapping of untrusted JSON, and how deep they are nested."""


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a newline at the end, and make the folder if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path, remedy: str = "run the pipeline (dvc repro)") -> Any:
    """Return the content of a JSON file that the project, or its user, wrote.

    Parameters
    ----------
    remedy : what makes the file; the error says so

    Raises
    ------
    SpikesoundError
        If it is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpikesoundError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise SpikesoundError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SpikesoundError(f"{path}: invalid JSON: {error}; {remedy}") from error


def read_mapping(path: Path, remedy: str = "run the pipeline (dvc repro)") -> dict[str, Any]:
    """Return the content of a JSON file that holds a mapping; raises as :func:`read_json`."""
    content = read_json(path, remedy)
    if not isinstance(content, dict):
        raise SpikesoundError(f"{path}: expected a mapping; {remedy}")
    return content


def parse_untrusted(text: bytes, what: str) -> Any:
    """Parse JSON from a stranger: of finite numbers and distinct keys, neither deep nor long.

    Raises
    ------
    SpikesoundError
        If it is anything else, or nested too deeply.
    """

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) != len(pairs):
            raise ValueError("duplicate key")
        return content

    def finite(number: str) -> float:
        if not math.isfinite(value := float(number)):
            raise ValueError(f"a number that is not finite: {number[:20]}")
        return value

    try:
        parsed = json.loads(
            text.decode(), object_pairs_hook=distinct, parse_float=finite, parse_constant=finite
        )
        _check_extent(parsed)
        return parsed
    except RecursionError as error:
        raise SpikesoundError(f"{what}: JSON nested too deeply") from error
    except ValueError as error:
        reason = " ".join(str(error).split())[:120]
        raise SpikesoundError(f"{what}: invalid JSON: {reason}") from error


def _check_extent(value: Any) -> None:
    """Refuse JSON that is nested too deeply or too long, before any slower check of it."""
    layer, depth = [value], 0
    while layer:
        if depth > DEPTH_LIMIT or any(len(part) > LIST_LIMIT for part in layer if _many(part)):
            raise ValueError(
                f"nested deeper than {DEPTH_LIMIT}, or a list longer than {LIST_LIMIT}"
            )
        parts = [part.values() if isinstance(part, dict) else part for part in layer if _many(part)]
        layer, depth = [inner for part in parts for inner in part if _many(inner)], depth + 1


def _many(value: Any) -> bool:
    return isinstance(value, dict | list)
