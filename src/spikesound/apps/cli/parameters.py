"""Commands that look at the parameters, and at the program itself."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.params import Params


def check(params: Annotated[Path, typer.Argument()] = workspace.PARAMS) -> None:
    """Check every value of a parameter file, and say what it would run."""
    found = Params.load(params)
    print(
        f"{params}: good; source {found.source}, encoding {found.encoding}, "
        f"{len(found.folds)} folds of {', '.join(found.models.names())}"
    )


def version() -> None:
    """Print the version."""
    print(metadata.version("spikesound"))
