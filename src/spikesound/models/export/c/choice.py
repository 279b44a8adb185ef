"""Ranges of activations and widths of weights, chosen by the scores that the integers give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from spikesound.models.export.c.check_sound import check_sound
from spikesound.models.export.c.folded import Doubles, FloatLayer, float_layers
from spikesound.models.export.c.front_end import Tables, front_end_tables, integer_features
from spikesound.models.export.c.quantised import Quantised, quantised
from spikesound.models.export.c.reference import Scored, integer_scores
from spikesound.models.layers import recorded
from spikesound.models.loading import Floats, TrainedModel

T = TypeVar("T")

FRAMES = 64
"""Of the check sound."""
MARGIN = 4.0
"""Range of a ReLU's outputs over the largest on the check sound."""
LOSS = 0.005
"""Mean difference of probabilities from the float network above which weights get 16 bits."""


@dataclass(frozen=True)
class Chosen:
    """A detector in integers, its scores of the check sound, and their distance from float's.

    Attributes
    ----------
    tables, network : front end and layers
    scored : of the check sound
    front_end_difference : largest, of features in [0, 1]
    difference, mean_difference : of probabilities, over frames and classes
    samples : of the check sound
    """

    tables: Tables
    network: Quantised
    scored: Scored
    front_end_difference: float
    difference: float
    mean_difference: float
    samples: int


def chosen(model: TrainedModel) -> Chosen:
    """Return a detector in integers: 8 bits, and 16 for the layers where 8 lose most.

    While the mean difference is above :data:`LOSS`, the layer that lowers it most gets 16 bits.

    Raises
    ------
    SpikesoundError
        If a layer, a neuron or the front end cannot be expressed.
    """
    layers, readout = float_layers(model)
    tables = front_end_tables(model.front_end)
    sound = check_sound(FRAMES * tables.hop)
    features = integer_features(sound, tables)
    exact = model.front_end.whole((sound / 32768).astype(np.float32))
    wanted, ranges = _float_scores(model, exact, layers)

    def tried(each: list[int]) -> tuple[float, tuple[Quantised, Scored]]:
        network = quantised(layers, readout, ranges, each)
        scored = integer_scores(network, features)
        return float(np.abs(scored.probabilities / 32768 - wanted).mean()), (network, scored)

    mean, (network, scored) = promoted(len(layers) + 1, tried)
    return Chosen(
        tables,
        network,
        scored,
        float(np.abs(features / 32767 - exact).max()),
        float(np.abs(scored.probabilities / 32768 - wanted).max()),
        mean,
        len(sound),
    )


def promoted(layers: int, tried: Callable[[list[int]], tuple[float, T]]) -> tuple[float, T]:
    """Give layers 16 bits, while that helps and the loss is above :data:`LOSS`.

    Parameters
    ----------
    tried : maps the bits of each layer to the loss, and what comes with it
    """
    bits = [8] * layers
    best = tried(bits)
    while best[0] > LOSS and 8 in bits:
        wider = [[*bits[:i], 16, *bits[i + 1 :]] for i, size in enumerate(bits) if size == 8]
        results = [tried(each) for each in wider]
        at = int(np.argmin([loss for loss, _ in results]))
        if results[at][0] >= best[0]:
            break
        bits, best = wider[at], results[at]
    return best


def _float_scores(
    model: TrainedModel, features: Floats, layers: list[FloatLayer]
) -> tuple[Doubles, list[float]]:
    """Return probabilities (frame, class), and what each layer's outputs may reach."""
    frames = torch.from_numpy(np.ascontiguousarray(features, np.float32))[:, None]
    network: torch.nn.Module = model.network
    with torch.no_grad(), recorded(network) as outputs:
        logits = network(frames).logits[:, 0]
    ranges = [MARGIN * max(float(x.max()), 1e-3) for x in outputs]
    assert len(ranges) == len(layers)
    return torch.sigmoid(logits).double().numpy(), ranges
