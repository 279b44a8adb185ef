"""Clips and labels of what AudioSet's presets train on and test on, each number with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline_stages import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.whole import OFFICIAL
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.presets import applied, read_presets

MEASURED = ("audioset-balanced", "audioset-strong")
"""Presets that the benchmark runs."""

SAME_STAGES = {"audioset-full": "audioset-balanced"}
"""Presets with the stages, features and networks of another, whose rows they are computed from."""

PRESETS = ("audioset-balanced", "audioset-full", "audioset-strong")

STRONG = "https://research.google.com/audioset/download_strong.html"
STRONG_CLIPS = {"audioset_train_strong.tsv": 103_463, "audioset_eval_strong.tsv": 16_996}
"""By the page STRONG. A row of these lists is a sound event, not a clip."""

STRONG_LABELS = 456
"""By the same page."""


@dataclass(frozen=True)
class Sizes:
    """Of a preset's lists."""

    train: int
    test: int
    labels: int

    @property
    def clips(self) -> int:
        return self.train + self.test


@cache
def preset_params(name: str) -> Params:
    """Return the parameters with a preset applied."""
    preset = read_presets(ROOT / "presets")[name]
    return Params.of(applied(read_sections(ROOT / "params.yaml"), preset))


def sizes_of(preset: str) -> Sizes:
    """Return the clips of each side of a preset's lists, and their labels.

    Raises
    ------
    SpikesoundError
        If the number of clips of a list is not known.
    """
    params = preset_params(preset)
    folds = params.task_params(params.task).folds
    counts = {True: 0, False: 0}
    for fold, file in params.sources.audioset.segments.items():
        counts[fold in folds] += clips_of(file if isinstance(file, str) else file.url)
    return Sizes(counts[False], counts[True], labels_of(preset))


def clips_of(address: str) -> int:
    """Return the clips of one of AudioSet's own lists, which its name tells."""
    name = address.rpartition("/")[2]
    known = {end.rpartition("/")[2]: list_.rows for end, list_ in OFFICIAL.items()} | STRONG_CLIPS
    if name not in known:
        raise SpikesoundError(f"{address}: unknown list {name!r}; valid: {', '.join(known)}")
    return known[name]


def labels_of(preset: str) -> int:
    """Return how many labels AudioSet has: of whole clips, or of sound events."""
    if preset_params(preset).task == "detection":
        return STRONG_LABELS
    path: Path = ROOT / "data/audioset/class_labels_indices.csv"
    return len(path.read_text(encoding="utf-8").splitlines()) - 1
