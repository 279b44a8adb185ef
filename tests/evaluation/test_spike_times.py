"""Temporal coding at a trained network: conditions, and that times alone change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_clips import settled, spec, toy

from spikesound.evaluation.spike_times import Moved, conditions, moved_hits
from spikesound.models.build import build
from spikesound.models.layers import recorded
from spikesound.params import Params
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.scores import clip_scores


def test_conditions_by_code_and_steps() -> None:
    names = [each.name for each in conditions([1, 4], 4, coded=True)]
    assert names == [
        "input jitter 1", "input shuffled", "hidden jitter 1", "hidden shuffled",
        "both jitter 1", "both shuffled",
    ]  # fmt: skip
    assert [each.where for each in conditions([1], 4, coded=False)] == ["hidden", "hidden"]
    assert conditions([1], 1, coded=True) == []


@pytest.fixture(scope="module")
def network(params: Params) -> torch.nn.Module:
    torch.manual_seed(0)
    return settled(build(spec(params, spiking=True)), inputs(toy(spikes=True)))


def inputs(clips: Dataset) -> torch.Tensor:
    return batched(clips.batch(np.arange(len(clips))), frames=False)


def right(network: torch.nn.Module, clips: Dataset) -> np.ndarray:
    decided = clip_scores(network, clips, 10).argmax(1)
    return (clips.present[np.arange(len(clips)), decided] > 0).astype(float)


def test_moved_by_nothing_it_is_the_clean_accuracy(network: torch.nn.Module) -> None:
    clips = toy(spikes=True)
    for where in ("input", "hidden", "both"):
        hits = moved_hits(network, clips, 10, Moved(where, 0), draws=2, seed=1)
        assert np.array_equal(hits, right(network, clips)), where


def test_the_network_is_as_before(network: torch.nn.Module) -> None:
    clips = toy(spikes=True)
    before = right(network, clips)
    moved_hits(network, clips, 10, Moved("both", None), draws=1, seed=1)
    assert np.array_equal(right(network, clips), before)
    assert not any(module._forward_hooks for module in network.modules())


def test_hidden_spikes_keep_their_numbers(
    network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = toy(spikes=True).select(np.arange(6))
    with recorded(network) as clean:
        clip_scores(network, clips, 6)
    changed: list[tuple[torch.Tensor, torch.Tensor]] = []
    change = Moved.change

    def watched(self: Moved, spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        changed.append((spikes, change(self, spikes, generator)))
        return changed[-1][1]

    monkeypatch.setattr(Moved, "change", watched)
    moved_hits(network, clips, 6, Moved("hidden", None), draws=1, seed=1)
    assert torch.equal(changed[0][0], clean[0]), "the first layer gets the same input"
    for before, after in changed:
        assert torch.equal(before.sum(0), after.sum(0))
    assert not torch.equal(changed[0][0], changed[0][1])


def test_draws_are_averaged_and_repeatable(network: torch.nn.Module) -> None:
    clips = toy(spikes=True)
    hits = moved_hits(network, clips, 10, Moved("both", None), draws=3, seed=1)
    assert set(np.round(hits * 3).astype(int)) <= {0, 1, 2, 3}
    again = moved_hits(network, clips, 10, Moved("both", None), draws=3, seed=1)
    assert np.array_equal(hits, again)
