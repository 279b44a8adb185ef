"""The project behind a copy of it: DVC runs queued and ``--temp`` experiments in copies.

A copy has what is in Git, and DVC's outputs. It lies in ``.dvc/tmp/exps`` of the project.
"""

from __future__ import annotations

from pathlib import Path

_COPIES = (".dvc", "tmp", "exps")


def project_of_copy(folder: Path) -> Path | None:
    """Return the project whose copy a folder is or lies in, or None if it is no copy's."""
    parts = folder.absolute().parts
    for at in range(len(parts) - len(_COPIES)):
        if parts[at : at + len(_COPIES)] == _COPIES:
            return Path(*parts[:at])
    return None


def shared(path: Path) -> Path:
    """Return a path of the working directory, in a copy the one in its project.

    For what Git does not have and all experiments share, such as the store.
    """
    project = project_of_copy(Path.cwd())
    return path if project is None else project / path
