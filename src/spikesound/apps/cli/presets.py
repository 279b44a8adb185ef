"""Command on presets: published recipes that are written into params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spikesound.apps.cli import workspace


def preset(
    name: Annotated[str, typer.Argument(help="Preset to write; none lists them.")] = "",
    params: Annotated[Path, typer.Option("--params", help="Parameter file.")] = workspace.PARAMS,
    folder: Annotated[
        Path, typer.Option("--presets", help="Folder of presets.")
    ] = workspace.PRESETS,
) -> None:
    """Write a published recipe into the parameter file, or list the recipes."""
    from spikesound.params.presets import read_presets, write_preset

    presets = read_presets(folder)
    if not name:
        width = max(map(len, presets))
        for each, content in presets.items():
            figure = content.published.figure or "not verified here"
            print(f"{each:<{width}}  {content.about}; published: {figure}; {content.here}")
        return
    changed = write_preset(params, name, presets)
    rows = ", ".join(changed.models)
    print(
        f"{name}: {params} has its values; models: {rows}\n"
        f"dvc exp run runs it; git restore {params} goes back"
    )
