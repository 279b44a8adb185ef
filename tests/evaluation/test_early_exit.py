"""Early exit: steps by hand, and counts that are those of shorter networks."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch
from toy_clips import settled, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.costs.counting import Counted, counting
from spikesound.evaluation.early_exit import (
    Confidence,
    confidences,
    count_exits,
    read_each_step,
    shortened,
)
from spikesound.models.build import build
from spikesound.params import Params
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset


def inputs(clips: Dataset) -> torch.Tensor:
    return batched(clips.batch(np.arange(len(clips))), frames=False)


@pytest.fixture(scope="module")
def network(params: Params) -> torch.nn.Module:
    torch.manual_seed(0)
    return settled(build(spec(params, spiking=True)), inputs(toy(spikes=True)))


def test_a_clip_is_left_at_the_first_confident_step() -> None:
    known = Confidence(
        np.array([[0, 1, 2], [1, 1, 0], [2, 0, 0]]),
        np.array([[0.9, 0.5, 0.4], [0.95, 0.8, 0.6], [0.99, 0.7, 0.5]]),
    )
    steps, decided = known.exits(0.8)
    assert steps.tolist() == [1, 2, 3]
    assert decided.tolist() == [0, 1, 0]
    assert known.exits(0.0)[0].tolist() == [1, 1, 1]
    assert known.exits(1.0)[0].tolist() == [3, 3, 3]


@pytest.mark.slow
def test_what_is_decided_after_some_steps_is_what_a_shorter_network_decides(
    params: Params, network: torch.nn.Module
) -> None:
    clips = toy(spikes=True)
    known = confidences(network, clips, 10)
    wanted = spec(params, spiking=True)
    x = inputs(clips)
    for steps in (1, 2, 3):
        with torch.inference_mode():
            scores = shortened(network, wanted, steps)(x[:steps])
        assert np.array_equal(scores.argmax(1).numpy(), known.decided[steps - 1])
        best = torch.softmax(scores.double(), 1).amax(1).numpy()
        assert np.allclose(best, known.confidence[steps - 1], atol=1e-5)


def test_counts_are_those_of_the_clips_that_stop_there(
    params: Params, network: torch.nn.Module
) -> None:
    clips, wanted = toy(12, spikes=True), spec(params, spiking=True)
    steps = np.array([1] * 5 + [3] * 7)
    counted: dict[int, Counted] = defaultdict(Counted)
    count_exits(network, wanted, clips, steps, counted, 4)
    assert set(counted) == {1, 3}
    expected = Counted()
    with torch.inference_mode(), counting(network, wanted, expected):
        network(inputs(clips.select(np.arange(5, 12))))
    assert counted[3].layers == expected.layers
    assert counted[1].layers[0].passes == 1
    assert counted[1].layers[0].effective < counted[3].layers[0].effective


def test_the_read_out_is_computed_after_each_step(params: Params, network: torch.nn.Module) -> None:
    counted = Counted()
    with torch.inference_mode(), counting(network, spec(params, spiking=True), counted):
        network(inputs(toy(4, spikes=True)))
    before = {layer.layer: layer for layer in counted.layers}
    after = {layer.layer: layer for layer in read_each_step(counted.layers, 3)}
    assert after["readout"].dense == 3 * before["readout"].dense
    assert after["readout"].passes == 3
    assert after["convolution_1"] == before["convolution_1"]


def test_a_network_without_steps_is_refused() -> None:
    with pytest.raises(SpikesoundError, match="Linear: cannot be read after each time step"):
        confidences(torch.nn.Linear(2, 2), toy(4), 4)
