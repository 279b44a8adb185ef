"""Finished and half finished trainings, each under the digest of all that it depends on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from spikesound.core.json_files import write_json
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.models import file
from spikesound.models.build import parts_of
from spikesound.models.digests import weights_digest
from spikesound.snn.decoding import READOUTS
from spikesound.snn.encoding import ENCODINGS
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.stream.clips import StreamedClips
from spikesound.training.stream.methods import STREAM_METHODS

HISTORY = "history.csv"
RESULT = "result.json"


def fingerprint(job: Job, method: str) -> str:
    """Return the digest of all that a training depends on: data, parameters, code, torch.

    The display names, the front end and the decision rule play no part in training.
    """
    spec = job.spec.model_copy(update={"front_end": None, "decision": None})
    return digest(
        spec.model_dump_json(exclude={"names"}),
        job.recipe.model_dump_json(exclude={"workers", "save_s"}),  # they change no result
        method,
        job.method.model_dump_json(),
        repr(job.step_values),
        repr(sorted(vars(job.task).items())),
        str(job.balanced),
        _of_clips(job.training),
        _of_clips(job.validation),
        "" if job.base is None else weights_digest(job.base),
        f"{job.fabric.device.type} {job.fabric._precision.precision}",
        torch.__version__,
        code_digest(code_of(job, method)),
        *([] if job.waves is None else [job.waves.digest()]),
    )


def code_of(job: Job, method: str) -> list[Callable[..., Any]]:
    """Return the functions and classes that a training runs, apart from what these import."""
    methods = STREAM_METHODS if job.recipe.dataset == "stream" else METHODS
    objects: list[Callable[..., Any]] = [methods[method], *parts_of(job.spec), type(job.task)]
    readout = getattr(job.method, "readout", "")
    objects += [READOUTS[readout]] if readout in READOUTS else []
    if job.spec.encoding is not None:
        objects.append(ENCODINGS[job.spec.encoding].step_values)
    if job.waves is not None and job.waves.teacher is not None:
        objects.append(type(job.waves.teacher))
    return objects


def save(folder: Path, trained: Trained) -> None:
    """Write a trained network, its history and its result; the result comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    file.save(folder / file.WEIGHTS, trained.spec, trained.network)
    history = pd.DataFrame(trained.history).astype({"epoch": int})
    history.to_csv(folder / HISTORY, index=False)
    write_json(folder / RESULT, trained.result)


def load(folder: Path) -> Trained | None:
    """Return a finished training, or None where there is none."""
    if not (folder / RESULT).is_file():
        return None
    spec, network = file.load(folder / file.WEIGHTS)
    rows = pd.read_csv(folder / HISTORY).to_dict("records")
    result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    history = [{str(name): float(value) for name, value in row.items()} for row in rows]
    return Trained(spec, network, history, result)


def discard_checkpoint(resume: Path) -> None:
    """Delete the checkpoint of a training whose result is safe."""
    resume.unlink(missing_ok=True)


def copy_history(folder: Path, out: Path) -> None:
    """Copy the table of epochs of a finished training to another folder."""
    shutil.copyfile(folder / HISTORY, out / HISTORY)


def _of_clips(clips: Dataset | StreamedClips) -> str:
    if isinstance(clips, StreamedClips):
        return clips.digest()
    content = hashlib.sha256()
    optional = (each for each in (clips.active, clips.taught) if each is not None)
    for array in (clips.inputs, clips.present, *optional):
        content.update(f"{array.dtype} {array.shape}".encode())
        content.update(np.ascontiguousarray(array).data)
    content.update(" ".join(clips.ids).encode())
    return content.hexdigest()
