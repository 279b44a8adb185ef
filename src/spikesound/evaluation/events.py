"""A detector's held-out clips with the frames of their sound events."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from spikesound.evaluation.folds import Folds
from spikesound.models import file
from spikesound.training.dataset import Dataset, with_events


def folds_with_events(folds: Folds, events: pd.DataFrame) -> Folds:
    """Return the folds of a detector, whose clips know in which frames each class sounds."""

    def load_clips(fold: str) -> Dataset:
        clips = folds.load_clips(fold)
        spec = file.load_spec(folds.folders[fold] / file.WEIGHTS)
        return with_events(clips, events, folds.classes, spec.sound.hop_s)

    return replace(folds, load_clips=load_clips)
