"""A fold's trained network with the clips that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec
from spikesound.models.classifier_spec import Spec
from spikesound.training.data import Clips

Load = Callable[[Path], tuple[Spec, nn.Module]]


def held_out(
    fold: str,
    folder: Path,
    load_clips: Callable[[str], Clips],
    classes: Sequence[str],
    load: Load = classifier_spec.load,
) -> tuple[Spec, nn.Module, Clips]:
    """Return what describes a fold's network, the network, and the clips to test it on.

    Parameters
    ----------
    fold : held out when the network was trained
    folder : of the trained network
    load_clips : returns the inputs of all clips, prepared for a held-out fold
    classes : label ids in class order
    load : reads the folder

    Raises
    ------
    SpikesoundError
        If the model was trained on other classes or holds out another fold, or the fold has no
        clips.
    """
    spec, network = load(folder)
    if spec.classes != list(classes):
        raise SpikesoundError(f"{folder}: trained on other classes; run dvc repro")
    if spec.fold != fold:
        raise SpikesoundError(f"{folder}: holds out fold {spec.fold!r}, not {fold!r}")
    clips = load_clips(fold).only(fold)
    if not len(clips):
        raise SpikesoundError(f"folds: fold {fold!r} has no clips")
    return spec, network, clips
