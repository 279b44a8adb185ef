"""``spikesound``: for people at a terminal, with or without the pipeline.

A command is a function in a file of its own, or beside its kin. What takes long to load is imported
inside the function, so that ``spikesound check`` stays quick.
"""

from __future__ import annotations

import typer

from spikesound.apps.cli.cochlea import cochlea
from spikesound.apps.cli.cost import cost
from spikesound.apps.cli.detect import detect
from spikesound.apps.cli.export import export
from spikesound.apps.cli.learn import WithOthers, forget, learn
from spikesound.apps.cli.listen import listen
from spikesound.apps.cli.lists import counts, labels, segments, status
from spikesound.apps.cli.models import models
from spikesound.apps.cli.parameters import check, version
from spikesound.apps.cli.predict import predict
from spikesound.apps.cli.presets import preset
from spikesound.apps.cli.results import compare, table
from spikesound.apps.cli.serve import serve
from spikesound.apps.cli.train import train
from spikesound.core.errors import run

COMMANDS = (
    check,
    preset,
    labels,
    segments,
    counts,
    status,
    table,
    compare,
    train,
    predict,
    detect,
    listen,
    serve,
    learn,
    forget,
    models,
    export,
    cost,
    cochlea,
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
    app.command(cls=WithOthers if command is learn else None)(command)


def main() -> None:
    """Run the command line; a mistake in the input is one line and exit 1."""
    run(app)
