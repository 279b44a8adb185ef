"""Commands on parameters and on the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikesound.apps.cli import workspace


def check(
    params: Annotated[Path, typer.Argument(help="Parameter file.")] = workspace.PARAMS,
    explain: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Print the meaning, the valid values and the value of a key such as "
            "features.rate_hz, or the keys of a section.",
        ),
    ] = "",
) -> None:
    """Check a parameter file and print what it would run."""
    from spikesound.params import Params
    from spikesound.params.describe import explain as explanation

    parameters = Params.load(params)
    if explain:
        print(explanation(parameters, explain))
        return
    task = parameters.task
    names = [name for name, row in parameters.models.items() if row.task == task]
    print(
        f"{params}: good; {task}, source {parameters.of_task(task).source}, "
        f"encoding {parameters.encoding}, "
        f"{len(parameters.task_params(task).folds)} folds of {', '.join(names)}"
    )


def version() -> None:
    """Print the version."""
    from importlib import metadata

    print(metadata.version("spikesound"))
