"""The self-organising map, the membranes that read it, and the tempotron rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from local_rules import STEPS, job, toy

from spikesound.models.networks.layout import Layout
from spikesound.models.networks.som import SOM
from spikesound.params import MapParams, Params
from spikesound.training.job import Trained
from spikesound.training.methods import METHODS
from spikesound.training.methods.som import Tempotron
from spikesound.training.methods.som_learning import best_matching, grid, learn_map
from spikesound.training.scores import clip_scores


def quality(
    units: torch.Tensor, vectors: torch.Tensor, places: torch.Tensor
) -> tuple[float, float]:
    """Return the quantisation error, and the share of vectors whose two best are not neighbours."""
    distances, nearest = torch.cdist(vectors, units).topk(2, largest=False)
    apart = (places[nearest[:, 0]] - places[nearest[:, 1]]).abs().amax(1)
    return float(distances[:, 0].mean()), float((apart > 1).float().mean())


def test_the_map_orders_a_square() -> None:
    vectors = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0))

    def learnt(sweeps: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        return learn_map(vectors, rows=6, columns=6, sweeps=sweeps, sigma=0.5, generator=generator)

    places = grid(6, 6)
    error, disorder = quality(learnt(30), vectors, places)
    error_before, disorder_before = quality(learnt(0), vectors, places)
    assert error < 0.9 * error_before
    assert disorder < 0.15 < 0.5 < disorder_before


@pytest.mark.slow
def test_the_maps_units_spike_where_they_match_best(params: Params, tmp_path: Path) -> None:
    trained: Trained = METHODS["som"](job(params, "som", tmp_path))
    network = trained.network
    assert isinstance(network, SOM)
    clips = toy(8)
    seen = []
    hook = network.units.register_forward_hook(lambda module, inputs, out: seen.append(out))
    clip_scores(network, clips, 8)
    hook.remove()
    values = torch.from_numpy(clips.decoded((1 / STEPS,) * STEPS).batch(np.arange(8))[:, 0])
    best = best_matching(values.flatten(0, 1), network.map).view(8, 14)
    assert (seen[0].sum(-1) == 1).all(), "one spike a frame"
    assert (best == seen[0].argmax(-1).T).float().mean() > 0.99


def test_the_reading_membrane_is_a_leaky_sum() -> None:
    network = SOM(
        MapParams(rows=1, columns=2, neurons_per_class=1, decay=0.5),
        Layout(2, 1),
        torch.nn.Identity,
    )
    currents = torch.tensor([1.0, 0.0, 2.0]).view(3, 1, 1)
    assert network.membrane(currents).flatten().tolist() == [1.0, 0.5, 2.25]


def test_the_tempotron_moves_only_those_within_the_margin(params: Params, tmp_path: Path) -> None:
    scores = torch.nn.Parameter(torch.tensor([[0.2, -3.0, 0.1], [2.0, -0.5, -2.0]]))

    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return scores * 1.0

    targets = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    wanted = job(params, "som", tmp_path)
    backward = torch.Tensor.backward
    Tempotron(wanted, 1.0).backward(Fixed(), torch.zeros(1), (targets,), backward)
    assert scores.grad is not None
    assert scores.grad.sign().tolist() == [[-1, 0, 1], [0, 1, 0]]
