"""Outputs of a batch: on the terminal, into one table, or into a folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from spikesound.apps.annotations import Format, Labelled
from spikesound.apps.batch.analysis import analyse_one
from spikesound.apps.batch.label_folder import LabelFolder
from spikesound.apps.batch.one_table import OneTable, write_tables
from spikesound.apps.batch.record import Record, made_by
from spikesound.apps.batch.run import Batch, run_batch
from spikesound.apps.cli.batch_options import BatchOptions
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError, shown
from spikesound.core.progress import SCREEN, track


def write_table(
    batch: Batch, out: Path, timed: bool, options: BatchOptions, force: bool, words: str
) -> list[SpikesoundError]:
    """Write one table of all sounds, and that of the files; return the errors of those that failed.

    Parameters
    ----------
    timed : whether outputs are events; else probabilities of whole files
    words : which model it is
    """
    table = OneTable(out, timed, options.zone(), options.merge_recorders_s)
    with Record(table.record, _made_by(batch), force=force) as record:
        table.check(record, force=force)
        print(f"model: {words}", file=sys.stderr)
        written = write_tables(table, batch, record)
        if not written.failed:
            record.remove()
    what = "events" if timed else "probabilities"
    print(
        f"{out}: {written.rows} {what} of {len(batch.sounds)} files; "
        f"{table.files}: the files, {len(written.failed)} of them failed",
        file=sys.stderr,
    )
    return [done.error for done in written.failed if done.error is not None]


def write_folder(
    batch: Batch, out: Path, chosen: Format, force: bool, words: str
) -> list[SpikesoundError]:
    """Write a file for each sound; return the errors of those that failed."""
    folder = LabelFolder(out, batch.sounds, chosen)
    failed = []
    with Record(folder.record, _made_by(batch), force=force) as record:
        folder.check(record, force=force)
        print(f"model: {words}", file=sys.stderr)
        for sound, done in run_batch(batch, record):
            if done.output is not None:
                folder.write(sound, done.output, record)
            elif done.error is not None:
                failed.append(done.error)
        if not failed:
            record.remove()
    print(f"{len(batch.sounds) - len(failed)} files are in {out}", file=sys.stderr)
    return failed


def _made_by(batch: Batch) -> dict[str, object]:
    options = {"task": type(batch.process).__name__, **asdict(batch.process), "raw": batch.raw}
    return made_by(batch.path, options, batch.learnt)


def print_all(
    batch: Batch, chosen: Format | None, show: Callable[[Labelled], None]
) -> list[SpikesoundError]:
    """Print the output for each sound as it is made; return the errors of those that failed.

    Parameters
    ----------
    chosen : format; None: a table on the terminal, by ``show``
    """
    failed: list[SpikesoundError] = []
    outputs = _outputs(batch, failed)
    if chosen is None:
        for labelled in outputs:
            with SCREEN.paused():
                show(labelled)
        return failed
    several = len(batch.sounds) > 1 and chosen.join is not None
    texts = chosen.join(outputs) if several and chosen.join else map(chosen.write, outputs)
    for text in texts:
        with SCREEN.paused():
            typer.echo(text, nl=False)
    return failed


def _outputs(batch: Batch, failed: list[SpikesoundError]) -> Iterator[Labelled]:
    """Yield the output for each sound, in order; errors are collected, and printed if many."""
    many = len(batch.sounds) > 1
    total = len(batch.sounds)
    each: Iterator[SoundFile] = iter(batch.sounds)
    if many:
        each = track(batch.sounds, total=total, what="processing", unit="file")
    for sound in each:
        result = analyse_one(batch.model, batch.process, sound)
        if result.error is not None:
            failed.append(result.error)
            if many:
                with SCREEN.paused():
                    print(f"error: {shown(result.error)}", file=sys.stderr)
        if result.labelled is not None:
            yield batch.refine(result.labelled)
