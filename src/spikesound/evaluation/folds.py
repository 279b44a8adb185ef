"""A model's networks, each with the clips of the fold that was held out from its training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping
from spikesound.core.progress import track
from spikesound.models import file
from spikesound.models.calibration import Calibrated
from spikesound.models.spec import Spec
from spikesound.training.dataset import Dataset
from spikesound.training.methods.presentations import presented_clips
from spikesound.training.trainings import HISTORY, RESULT

Load = Callable[[Path], tuple[Spec, nn.Module]]


@dataclass(frozen=True)
class Folds:
    """Paths of a model's trained networks and of their inputs.

    Attributes
    ----------
    name : of the model
    folders : for each held-out fold the folder of its trained network
    load_clips : returns the inputs of all clips, prepared for a held-out fold
    classes : label ids in class order
    load : reads a folder
    """

    name: str
    folders: Mapping[str, Path]
    load_clips: Callable[[str], Dataset]
    classes: Sequence[str]
    load: Load = file.load

    def __iter__(self) -> Iterator[tuple[str, Spec, nn.Module, Dataset]]:
        """Yield each fold with its spec, its network and its held-out clips."""
        for fold in track(self.folders, total=len(self.folders), what=self.name, unit="fold"):
            yield (
                fold,
                *held_out(fold, self.folders[fold], self.load_clips, self.classes, self.load),
            )

    def histories(self) -> dict[str, pd.DataFrame]:
        """Return the table of epochs of each fold."""
        return {fold: pd.read_csv(folder / HISTORY) for fold, folder in self.folders.items()}

    def calibration(self, fold: str) -> Calibrated | None:
        """Return the calibration of a fold's classifier; None: its file has none."""
        path = self.folders[fold] / file.WEIGHTS
        found = file.load_calibration(path) if path.is_file() else None
        return found if isinstance(found, Calibrated) else None

    def results(self) -> list[dict[str, float]]:
        """Return what each training reported of its network."""
        return [read_mapping(folder / RESULT) for folder in self.folders.values()]


def held_out(
    fold: str,
    folder: Path,
    load_clips: Callable[[str], Dataset],
    classes: Sequence[str],
    load: Load = file.load,
) -> tuple[Spec, nn.Module, Dataset]:
    """Return a fold's spec, its network, and the clips to test it on.

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
        raise SpikesoundError(f"{folder}: expected held-out fold {fold!r}, got {spec.fold!r}")
    clips = load_clips(fold).only(fold)
    if not len(clips):
        raise SpikesoundError(f"folds: fold {fold!r} has no clips")
    return spec, network, presented_clips(clips, spec)
