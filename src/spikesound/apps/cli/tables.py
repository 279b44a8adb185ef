"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from spikesound.apps.annotations import Labelled


def print_table(
    sound: Labelled,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    nothing: str,
) -> None:
    """Print the output for one sound: its name and length, and its rows or ``nothing``."""
    console = Console()
    head = f"{sound.file} ({sound.seconds:.2f} s)"
    if not rows:
        console.print(_plain(f"{head}: {nothing}"), soft_wrap=True)
        return
    console.print(_plain(head), soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 2))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    console.print(table)


def _plain(text: str) -> Text:
    # A file's name may hold what a terminal takes for commands, or rich for styles.
    return Text("".join(c if c.isprintable() else "�" for c in text))
