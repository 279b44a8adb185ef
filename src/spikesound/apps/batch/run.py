"""A batch of sounds that goes on where it was broken off."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from spikesound.apps.annotations import Labelled
from spikesound.apps.api import Model, load
from spikesound.apps.batch.analysis import Analysed, analyse
from spikesound.apps.batch.processes import Process
from spikesound.apps.batch.record import Record
from spikesound.apps.batch.refinement import Refinement
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError, shown
from spikesound.core.names import readable
from spikesound.core.progress import SCREEN, track


@dataclass(frozen=True)
class Batch:
    """Sounds and what is done with each.

    Attributes
    ----------
    model, path : the model, and its file
    process : gives the output of a sound
    refine : what is kept of an output's events
    sounds : files, or the standard input
    jobs : processes; see :func:`spikesound.apps.batch.analysis.analyse`
    learnt : file of sounds that the model has learnt; None: the one beside it, if there is one
    raw : whether its calibration is left out
    """

    model: Model
    path: Path
    process: Process
    refine: Refinement
    sounds: Sequence[SoundFile]
    jobs: int | None = None
    learnt: Path | None = None
    raw: bool = False


@dataclass(frozen=True)
class Done:
    """A sound that the batch is done with.

    Attributes
    ----------
    sha256 : of its content
    output : None if it failed
    error : why it failed
    """

    sha256: str
    output: Labelled | None
    error: SpikesoundError | None


def run_batch(batch: Batch, record: Record) -> Iterator[tuple[SoundFile, Done]]:
    """Yield each sound when it is done: known by the record, computed and noted in it, or failed.

    The record has outputs before they are refined: other rules need no other computation. Failed
    sounds are reported on stderr, and are not in the record: the next run tries them again.
    """
    if record.outputs:
        print(f"going on: {len(record.outputs)} outputs are in {record.path}", file=sys.stderr)
    loading = partial(load, batch.path, learnt=batch.learnt, raw=batch.raw)
    results = analyse(batch.model, loading, batch.process, batch.sounds, record.outputs, batch.jobs)
    tracked = track(results, total=len(batch.sounds), what="processing", unit="file")
    for sound, result in tracked:
        if result.error is not None:
            if len(batch.sounds) > 1:
                with SCREEN.paused():
                    print(f"error: {shown(result.error)}", file=sys.stderr)
            yield sound, Done(result.sha256, None, result.error)
            continue
        output = _output(result, record)
        named = replace(output, file=readable(str(sound)))
        yield sound, Done(result.sha256, batch.refine(named), None)


def _output(result: Analysed, record: Record) -> Labelled:
    if result.labelled is None:
        return record.outputs[result.sha256]
    if result.sha256:  # not of the standard input, which is another each time
        record.add(result.sha256, result.labelled)
    return result.labelled
