"""``spikesound serve``: a local web page with a detector on a file or the microphone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from spikesound.apps.cli import workspace
from spikesound.apps.cli.inputs import LearntFile, ModelName, Models, Raw
from spikesound.apps.cli.listen import load_detector
from spikesound.core.errors import SpikesoundError


def serve(
    model: ModelName = None,
    models: Models = workspace.MODELS,
    host: Annotated[str, typer.Option(help="Address of this computer to serve at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: a free one.", min=0, max=65_535)] = 8_000,
    max_mb: Annotated[int, typer.Option(help="Largest file taken, in MiB.", min=1)] = 1024,
    learnt: LearntFile = None,
    raw: Raw = False,
) -> None:
    """Serve a local web page that runs a detector on files and the microphone."""
    try:
        from spikesound.apps.serve.app import Serving
        from spikesound.apps.serve.run import Server
    except ImportError as error:
        raise SpikesoundError(
            f"the page needs {error.name}: pip install 'spikesound[serve]'"
        ) from error

    serving = Serving(load_detector(model, models, learnt, raw), max_bytes=max_mb * 2**20)
    server = Server(serving, host, port)
    print(f"open {server.url} (Ctrl-C ends)", file=sys.stderr, flush=True)
    server.run()
