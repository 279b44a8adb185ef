"""Parameters that differ from those that Git has: ``dvc exp run -S`` leaves its changes there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from spikesound.core.projects import project_of_copy
from spikesound.params.base import read_sections


def changes_note(path: Path) -> str:
    """Return which parameters of a file differ from the last commit's, and how to go back.

    The line is empty if there are none, and in a copy of the project, which is used once.
    """
    names = [] if project_of_copy(path) else changed_since_commit(path)
    if not names:
        return ""
    return (
        f"note: {path} differs from Git in {', '.join(names)}, and stays so in the next run;"
        f" git restore {path} && dvc repro goes back"
    )


def changed_since_commit(path: Path) -> list[str]:
    """Return ``key=value`` for each parameter with another value than the last commit has."""
    try:
        committed = subprocess.run(
            ["git", "show", f"HEAD:./{path.name}"],
            cwd=path.absolute().parent,
            capture_output=True,
            check=True,
        ).stdout.decode()
        before = dict(_values(YAML(typ="safe").load(committed)))
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError, YAMLError):
        return []
    now = dict(_values(read_sections(path)))
    keys = [key for key in now if key not in before or now[key] != before[key]]
    return [f"{key}={now[key]}" for key in keys] + [key for key in before if key not in now]


def _values(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value below sections, with its dotted key."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _values(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, content
