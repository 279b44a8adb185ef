"""``spikesound``: for people at a terminal, with or without the pipeline.

A command is a function in a file of its own, or beside its kin. What takes long to load is imported
inside the function, so that ``spikesound check`` stays quick.
"""

from __future__ import annotations

import typer

from spikesound.cli.detect import detect
from spikesound.cli.export import export
from spikesound.cli.listen import listen
from spikesound.cli.lists import labels, segments, status
from spikesound.cli.models import models
from spikesound.cli.parameters import check, version
from spikesound.cli.predict import predict
from spikesound.cli.results import compare, table
from spikesound.cli.serve import serve
from spikesound.errors import run

COMMANDS = (
    check,
    labels,
    segments,
    status,
    table,
    compare,
    predict,
    detect,
    listen,
    serve,
    models,
    export,
    version,
)
"""In the order of ``spikesound --help``."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Spiking and conventional networks on sound, compared by measurement.",
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; a mistake in the input is one line and exit 1."""
    run(app)
