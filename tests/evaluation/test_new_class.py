"""A new class for a trained network: what each rule does to the known ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_clips import settled, spec, toy

from spikesound.evaluation.new_class import RULES, Clips, Tuning, with_row
from spikesound.inference.learnt.activity import HiddenLayer
from spikesound.models.build import build
from spikesound.models.loading import TrainedModel
from spikesound.params import Params
from spikesound.tasks.task import batched

TUNING = Tuning(steps=40, learning_rate=0.01)


@pytest.fixture(scope="module")
def model(params: Params) -> TrainedModel:
    """A network that is trained on two of three classes of toy clips, in seconds."""
    torch.manual_seed(0)
    wanted = spec(params)
    network = build(wanted)
    known = clips_of(None, np.arange(48))
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    rows = np.flatnonzero(known.classes < 2)
    for _ in range(30):
        optimiser.zero_grad()
        x = known.inputs[:, torch.from_numpy(rows)]
        targets = torch.from_numpy(known.classes[rows])
        torch.nn.functional.cross_entropy(network(x), targets).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return TrainedModel(wanted, settled(network, x))


def clips_of(model: TrainedModel | None, rows: np.ndarray) -> Clips:
    data = toy(96, classes=3).select(rows)
    inputs = batched(data.batch(np.arange(len(data))), frames=False)
    activities = [] if model is None else [
        HiddenLayer(model).of_features(each[0].astype(np.float32)) for each in data.inputs
    ]  # fmt: skip
    return Clips(inputs, activities, data.present.argmax(1))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_finds_a_new_class_that_is_plain_to_see(rule: str, model: TrainedModel) -> None:
    every = clips_of(model, np.arange(96))
    taught, tested = np.arange(48), np.arange(48, 96)
    known = every.select(taught[every.classes[:48] < 2])
    new = every.select(taught[every.classes[:48] == 2][:5])
    before, after = RULES[rule](model, known, new, TUNING, torch.Generator().manual_seed(0))
    old = every.select(tested[every.classes[48:] < 2])
    unseen = every.select(tested[every.classes[48:] == 2])
    assert (before(old) == old.classes).mean() > 0.9
    assert (after(unseen) == 2).mean() > 0.9
    assert set(before(unseen)) <= {0, 1}
    if rule != "fine_tuned":  # which forgets
        assert (after(old) == old.classes).mean() > 0.9


def test_a_network_gets_a_row_of_zeros(model: TrainedModel) -> None:
    wider = with_row(model).eval()
    x = clips_of(None, np.arange(6)).inputs
    with torch.inference_mode():
        scores, expected = wider(x), model.network(x)
    assert torch.allclose(scores[:, :2], expected, atol=1e-6)
    assert (scores[:, 2] == 0).all()
    assert len(model.network(x)[0]) == 2, "the model stays as it was"
