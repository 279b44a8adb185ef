"""The sounds that a model has learnt, in a file beside it: the model's own file stays as it is.

It is a safetensors file as a model's (:mod:`spikesound.models.safe_file`): weights of the new
neurons, and the activity that they were learnt from, to which more can be added later.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.check import Checked
from spikesound.models import safe_file, shipped
from spikesound.models.calibration import NONE
from spikesound.models.file import WEIGHTS
from spikesound.models.spec_checks import FRAMES_LIMIT, filled, validated
from spikesound.params import Count, Section

FORMAT, VERSION = "spikesound-learnt", "1"
SUFFIX = ".learnt"
THRESHOLD = 0.5
"""Probability from which on a learnt sound is found: its weights are shifted so that it fits."""

LONGEST_NAME = 100

Floats = npt.NDArray[np.float32]


class Recording(Section):
    """A recording that a sound was taught with: name and digest of its file, rows of activity."""

    name: str
    sha256: str
    rows: Count


class Sound(Section):
    """A learnt sound apart from its numbers.

    Attributes
    ----------
    name : its label
    median : length of its median filter in frames, where the model is a detector
    recordings : that it was taught with
    checked : how well it did on them, each left out
    """

    name: str
    median: Count
    recordings: list[Recording]
    checked: Checked


class _Content(Section):
    model: str
    digest: str
    synapses: Count
    sounds: list[Sound]


@dataclass(frozen=True)
class Taught:
    """A learnt sound: its neuron's weights (synapse,), and what they were learnt from."""

    sound: Sound
    weights: Floats
    examples: Sequence[Activity]


def learnt_path(model: Path) -> Path:
    """Return where the learnt sounds of a model's file lie.

    Beside the folder of its folds, which the pipeline replaces as a whole: of
    ``<name>/fold-5/model.safetensors`` that is ``<name>.fold-5.learnt``. Of a model that is
    installed with the package it is in the person's own folder of data.
    """
    model = model.absolute()
    if (place := shipped.folder()) and model.is_relative_to(place.absolute()):
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
        return Path(data) / "spikesound" / f"{model.stem}{SUFFIX}"
    if model.name != WEIGHTS:
        return model.with_suffix(SUFFIX)
    folder = model.parent
    if folder.name.startswith("fold-"):
        return folder.parent.with_name(f"{folder.parent.name}.{folder.name}{SUFFIX}")
    return folder.with_name(folder.name + SUFFIX)


def check_new_name(name: str, labels: Sequence[str]) -> None:
    """Check the name of a sound.

    Raises
    ------
    SpikesoundError
        If it is empty, long, has invisible characters or spaces around it, or is a label already.
    """
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= LONGEST_NAME:
        raise SpikesoundError(
            f"name: expected 1 to {LONGEST_NAME} printable characters without spaces around them, "
            f"got {name[:40]!r}"
        )
    if name.casefold() == NONE:
        raise SpikesoundError(f"name: {NONE!r} is the answer for sound of no class")
    same = [label for label in labels if label.casefold() == name.casefold()]
    if same:
        raise SpikesoundError(f"name: {same[0]!r} is a class of the model already")


def digest_of(model: Path) -> str:
    """Return the digest that a model's file states of its content."""
    return safe_file.read(model).metadata["sha256"]


def write(path: Path, model: Path, name: str, taught: Sequence[Taught]) -> None:
    """Write the sounds that a model has learnt, by an atomic write.

    Parameters
    ----------
    model, name : its file, and its name
    """
    examples = [example for each in taught for example in each.examples]
    synapses = len(taught[0].weights)
    content = _Content(
        model=name,
        digest=digest_of(model),
        synapses=synapses,
        sounds=[each.sound for each in taught],
    )
    arrays = _Arrays(len(taught), sum(len(each.rows) for each in examples), synapses)
    arrays.weights.copy_(torch.from_numpy(np.stack([each.weights for each in taught])))
    for key in ("rows", "known", "active"):
        values = np.concatenate([getattr(example, key) for example in examples])
        getattr(arrays, key).copy_(torch.from_numpy(values))
    metadata = {"format": FORMAT, "version": VERSION, "spec": content.model_dump_json()}
    path.parent.mkdir(parents=True, exist_ok=True)
    safe_file.write(path, metadata, arrays.state_dict())


def read(path: Path, model: Path, labels: Sequence[str], synapses: int) -> list[Taught]:
    """Return the sounds that a model has learnt. The file need not be trusted.

    Parameters
    ----------
    model, labels : its file, and its own labels
    synapses : of a neuron of its read-out

    Raises
    ------
    SpikesoundError
        If the file is missing, damaged, or of another model.
    """
    opened = safe_file.read(path)
    content = _content(opened, model)
    _check(content, path, labels, synapses)
    rows = [recording.rows for sound in content.sounds for recording in sound.recordings]
    arrays = filled(opened, lambda: _Arrays(len(content.sounds), sum(rows), synapses))
    ends = np.cumsum([0, *rows])
    examples = iter(
        [
            Activity(
                arrays.rows[start:end].numpy(),
                arrays.known[start:end].numpy(),
                arrays.active[start:end].numpy() > 0,
            )
            for start, end in pairwise(ends.tolist())
        ]
    )
    return [
        Taught(sound, weights, [next(examples) for _ in sound.recordings])
        for sound, weights in zip(content.sounds, arrays.weights.numpy(), strict=True)
    ]


def names(path: Path, model: Path) -> list[str]:
    """Return the names of the sounds that a model has learnt; raises as :func:`read`."""
    return [sound.name for sound in _content(safe_file.read(path), model).sounds]


def _content(opened: safe_file.SafeFile, model: Path) -> _Content:
    opened.check_kind(FORMAT, VERSION, "a file of learnt sounds")
    content = validated(_Content, opened.spec, opened.path)
    if content.digest != digest_of(model):
        raise SpikesoundError(
            f"{opened.path}: learnt by another model than {model}, or before that was trained "
            "again; delete this file, and teach the sounds again (spikesound learn)"
        )
    return content


def _check(content: _Content, path: Path, labels: Sequence[str], synapses: int) -> None:
    if content.synapses != synapses or not content.sounds:
        raise SpikesoundError(
            f"{path}: spec: expected sounds of {synapses} synapses, got {len(content.sounds)} of "
            f"{content.synapses}"
        )
    before = list(labels)
    for sound in content.sounds:
        try:
            check_new_name(sound.name, before)
        except SpikesoundError as error:
            raise SpikesoundError(f"{path}: spec: {error}") from error
        before.append(sound.name)
        if not sound.recordings or sound.median % 2 == 0 or sound.median > FRAMES_LIMIT:
            raise SpikesoundError(
                f"{path}: spec: {sound.name}: expected recordings, and an odd median of at most "
                f"{FRAMES_LIMIT} frames"
            )


class _Arrays(nn.Module):
    """The tensors of a file: those of the examples are joined along their rows."""

    weights: torch.Tensor
    rows: torch.Tensor
    known: torch.Tensor
    active: torch.Tensor

    def __init__(self, sounds: int, rows: int, synapses: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(sounds, synapses))
        self.register_buffer("rows", torch.zeros(rows, synapses))
        self.register_buffer("known", torch.zeros(rows))
        self.register_buffer("active", torch.zeros(rows, dtype=torch.int64))
