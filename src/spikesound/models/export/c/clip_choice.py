"""A classifier of clips in integers: ranges and widths of weights, by the check sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spikesound.features import clip_samples
from spikesound.models.export.c.check_sound import check_sound
from spikesound.models.export.c.choice import MARGIN, promoted
from spikesound.models.export.c.clip_folded import float_clip
from spikesound.models.export.c.clip_reference import (
    QuantisedClip,
    ScoredClip,
    integer_clip,
    quantised_clip,
)
from spikesound.models.export.c.front_end import Tables, front_end_tables, integer_features
from spikesound.models.layers import recorded
from spikesound.models.loading import Floats, TrainedModel, probabilities_of

CLIPS = 3
"""Clips of the check sound; the check program makes the first."""


@dataclass(frozen=True)
class ChosenClip:
    """A classifier in integers, its scores of the first check clip, and its distance from float.

    Attributes
    ----------
    tables, network : front end and layers
    scored : of the first clip
    operations : of each clip
    front_end_difference : largest, of features in [0, 1]
    difference, mean_difference : of probabilities, over clips and classes
    samples : of a clip
    """

    tables: Tables
    network: QuantisedClip
    scored: ScoredClip
    operations: list[int]
    front_end_difference: float
    difference: float
    mean_difference: float
    samples: int


def chosen_clip(model: TrainedModel) -> ChosenClip:
    """Return a classifier in integers: 8 bits, and 16 for the layers where 8 lose most.

    Raises
    ------
    SpikesoundError
        If a layer, a neuron, the encoding or the front end cannot be expressed.
    """
    clip = float_clip(model)
    tables = front_end_tables(model.front_end)
    samples = clip_samples(model.front_end.features)
    sounds = np.split(check_sound(CLIPS * samples), CLIPS)
    features = [integer_features(sound, tables) for sound in sounds]
    exact = [model.front_end.whole((sound / 32768).astype(np.float32)) for sound in sounds]
    wanted, ranges = _float_scores(model, exact)

    def tried(bits: list[int]) -> tuple[float, tuple[QuantisedClip, list[ScoredClip]]]:
        network = quantised_clip(clip, ranges, bits)
        scored = [integer_clip(network, x) for x in features]
        found = np.stack([each.probabilities for each in scored]) / 32768
        return float(np.abs(found - wanted).mean()), (network, scored)

    mean, (network, scored) = promoted(len(clip.layers) + 1, tried)
    found = np.stack([each.probabilities for each in scored]) / 32768
    return ChosenClip(
        tables,
        network,
        scored[0],
        [each.operations for each in scored],
        max(float(np.abs(x / 32767 - y).max()) for x, y in zip(features, exact, strict=True)),
        float(np.abs(found - wanted).max()),
        mean,
        samples,
    )


def _float_scores(model: TrainedModel, features: list[Floats]) -> tuple[np.ndarray, list[float]]:
    """Return probabilities (clip, class), and what each layer's outputs may reach."""
    network: torch.nn.Module = model.network
    scores, largest = [], []
    with torch.no_grad(), recorded(network) as outputs:
        for each in features:
            logits = network(model.inputs(each))[0].double()
            scores.append(probabilities_of(logits, model.spec.labels).numpy())
            largest.append([float(x.max()) for x in outputs])
            outputs.clear()
    tops = np.max(largest, axis=0)
    return np.stack(scores), [MARGIN * max(float(top), 1e-3) for top in tops]
