"""A model under every condition of the sound, and with every fault of the hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.core.seeds import derive
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.robustness.areas import Values
from spikesound.evaluation.robustness.conditions import UNDISTURBED, Condition
from spikesound.evaluation.robustness.faults import DRAWN, WEIGHT_FAULTS, faults_of, faulty, firing
from spikesound.evaluation.robustness.inputs import Inputs
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models import classifier_spec
from spikesound.training.data import Clips
from spikesound.training.loop import time_first

Scorer = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Plan:
    """What a model is put through."""

    sound: Sequence[Condition]
    faults: Sequence[Condition]
    draws: int  # of each fault that is drawn
    batch_clips: int
    seed: int


def run_model(
    folders: Mapping[str, Path], inputs: Inputs, classes: Sequence[str], plan: Plan
) -> pd.DataFrame:
    """Test each fold's network on the clips that it was not trained on.

    Parameters
    ----------
    folders : for each held-out fold the folder of its trained network
    inputs : gives the clips of a fold under a condition of the sound, prepared for its network
    classes : label ids in class order
    plan : conditions of the sound, faults, draws

    Returns
    -------
    DataFrame
        Table ROBUSTNESS: a row for each clip and condition, and with a fault that is drawn one for
        each draw. Faults that are not defined for the network are left out.

    Raises
    ------
    SpikesoundError
        If a model was trained on other classes or another encoding, or holds out another fold.
    """
    parts = []
    for fold, folder in track(folders.items(), total=len(folders), what="robustness", unit="fold"):
        spec, network = classifier_spec.load(folder)
        if spec.classes != list(classes):
            raise SpikesoundError(f"{folder}: trained on other classes; run dvc repro")
        if spec.fold != fold:
            raise SpikesoundError(f"{folder}: holds out fold {spec.fold!r}, not {fold!r}")
        if spec.encoding != inputs.name:
            raise SpikesoundError(
                f"{folder}: trained on encoding {spec.encoding!r}, not {inputs.name!r}; "
                "run dvc repro"
            )
        for condition, clips, scorer in _runs(network, inputs, fold, plan):
            scores = _scores(scorer, clips, plan.batch_clips)
            parts.append(_rows(condition, clips, scores, classes))
    return pd.concat(parts, ignore_index=True)


def summary(
    model: str,
    results: pd.DataFrame,
    recordings: Mapping[str, str],
    *,
    generator: np.random.Generator,
    resamples: int,
    confidence: float,
) -> pd.DataFrame:
    """Return a model's rows of robustness.csv, in the order of its conditions.

    The intervals are percentiles of the accuracy over resampled recordings: all clips of a
    recording are drawn together, and the same recordings for all conditions. Draws of a fault are
    averaged; the interval is of the clips, not of the draws.

    Parameters
    ----------
    results
        Table ROBUSTNESS of the model.
    recordings
        The recording of each clip.
    """
    table = results.groupby(["condition", "level", "clip_id"], sort=False)["hit"].mean()
    order = pd.MultiIndex.from_frame(results[["condition", "level"]].drop_duplicates())
    hits = table.unstack("clip_id").loc[order]  # unstacking puts equal levels together
    low, high = hit_intervals(
        hits.to_numpy(np.float64),
        [recordings[str(clip_id)] for clip_id in hits.columns],
        generator=generator,
        resamples=resamples,
        confidence=confidence,
    )
    conditions = [Condition(name, level) for name, level in hits.index]
    return pd.DataFrame(
        {
            "model": model,
            "condition": [condition.name for condition in conditions],
            "level": [condition.level for condition in conditions],
            "unit": [condition.unit for condition in conditions],
            "clips": hits.shape[1],
            "accuracy": hits.mean(axis=1).round(4).to_numpy(),
            "accuracy_low": low.round(4),
            "accuracy_high": high.round(4),
        }
    )


def _runs(
    network: nn.Module, inputs: Inputs, fold: str, plan: Plan
) -> Iterator[tuple[Condition, Clips, Scorer]]:
    """Yield what is run: a condition, the clips, and the network that is to score them."""
    clean = inputs.clips(UNDISTURBED, fold)
    whole = quick(network)
    yield UNDISTURBED, clean, whole
    for condition in plan.sound:
        yield condition, inputs.clips(condition, fold), whole
    defined = faults_of(network)
    peaks = firing(network, lambda watched: _scores(watched, clean, plan.batch_clips))
    for condition in plan.faults:
        if condition.name not in defined:
            continue
        for draw in range(plan.draws if condition.name in DRAWN else 1):
            seed = derive(plan.seed, "fault", condition.name, fold, draw)
            broken = faulty(network, condition.name, condition.level, seed, peaks)
            # A frozen network has no neurons to hold: only its weights can be at fault.
            yield condition, clean, quick(broken) if condition.name in WEIGHT_FAULTS else broken


def quick(network: nn.Module) -> Scorer:
    """Return the event-driven form of a spiking network, or itself where there is none."""
    try:
        return FrozenCNN(network)
    except SpikesoundError:
        return network


def _scores(scorer: Scorer, clips: Clips, batch_clips: int) -> Values:
    parts = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            parts.append(scorer(time_first(clips.batch(rows))).double().numpy())
    return np.concatenate(parts)


def _rows(
    condition: Condition, clips: Clips, scores: Values, classes: Sequence[str]
) -> pd.DataFrame:
    named = scores.argmax(axis=1)
    return pd.DataFrame(
        {
            "clip_id": clips.ids,
            "condition": condition.name,
            "level": condition.level,
            "predicted": np.asarray(classes, dtype=object)[named],
            "hit": clips.targets[np.arange(len(named)), named] > 0,
        }
    )
