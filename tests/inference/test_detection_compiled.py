"""Compiled detectors against the networks that they were made from, whole and frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from detectors import BINS, MODELS, SMALL, detector, features
from project import ROOT
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.inference.streaming.compiled import Compiled, State
from spikesound.inference.streaming.conventional import Conventional
from spikesound.inference.streaming.event_driven import EventDriven
from spikesound.models.folding import fold
from spikesound.models.networks.detector import Detector
from spikesound.params import NEURON_PARAMS, MultiSpikeLIFParams
from spikesound.snn.neurons import NEURONS, RECURRENT
from spikesound.snn.neurons.lif import LIF
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF

WIDE = {"channels": [16, 20], "hidden": 24}
DEEP = {"channels": [4, 3, 2], "pools": [2, 1, 4], "kernel": 5, "hidden": 40}
FRAMES = 30


def compiled(model: str, network: Detector) -> Compiled:
    return EventDriven(network) if model.startswith("snn-") else Conventional(network)


def shaped(model: str, shape: dict[str, object]) -> Detector:
    dilated = {"dilations": [2, 1], "taps": 2} if model.endswith("tcn") and shape is WIDE else {}
    return detector(model, network=shape | dilated)[1]


def frames(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(features(1, FRAMES, seed=seed).swapaxes(0, 1).copy())


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SMALL, WIDE, DEEP], ids=["small", "wide", "deep"])
@pytest.mark.parametrize("model", MODELS)
def test_logits_and_spikes_are_the_networks(model: str, shape: dict[str, object]) -> None:
    network = shaped(model, shape)
    made = compiled(model, network)
    x = frames()
    wanted, spikes = [], []  # type: ignore[var-annotated]
    with torch.inference_mode():
        wanted, _ = network.advance(x, network.rest(1), spikes)
    found: list[torch.Tensor] = []
    logits, state = made.advance(x, made.rest(), found)
    assert state.frames == FRAMES
    torch.testing.assert_close(logits, wanted, atol=1e-5, rtol=1e-5)
    assert len(found) == len(spikes) == (0 if model.startswith("ann-") else len(made.layers))
    for mine, theirs in zip(found, spikes, strict=True):
        assert torch.equal(mine, theirs)
        assert 0 < mine.mean() < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_pieces_do_not_matter_and_a_state_can_be_used_again(model: str) -> None:
    _, network = detector(model)
    made = compiled(model, network)
    x = frames()
    whole, _ = made.advance(x, made.rest())
    state, parts = made.rest(), []
    for piece in x.split([1, 5, 0, 17, 7]):
        part, after = made.advance(piece, state)
        again, _ = made.advance(piece, state)
        assert torch.equal(part, again)
        parts.append(part)
        state = after
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("model", ["ann-tcn", "ann-gru", "ann-lstm"])
def test_leaving_zeros_out_changes_nothing_but_rounding(model: str) -> None:
    _, network = detector(model)
    x = frames()
    both = [Conventional(network, skip=skip) for skip in (True, False)]
    results = [made.advance(x, made.rest())[0] for made in both]
    torch.testing.assert_close(*results, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("refractory", [0, 2])
def test_every_reset_and_refractory_period(reset: str, refractory: int) -> None:
    _, network = detector("snn-tcn")
    for module in network.modules():
        if isinstance(module, LIF):
            rule = type(module.rule)(reset, refractory)
            module.rule = rule
    made = EventDriven(network)
    x = frames()
    with torch.inference_mode():
        wanted, _ = network.advance(x, network.rest(1))
    torch.testing.assert_close(made.advance(x, made.rest())[0], wanted, atol=1e-5, rtol=1e-5)


def equal_spikes(network: Detector, made: EventDriven) -> tuple[list[torch.Tensor], State]:
    """Assert spikes and logits of the torch loop; return the spikes, and the state after them."""
    spikes: list[torch.Tensor] = []
    found: list[torch.Tensor] = []
    x = frames()
    with torch.inference_mode():
        wanted, _ = network.advance(x, network.rest(1), spikes)
    logits, state = made.advance(x, made.rest(), found)
    for mine, theirs in zip(found, spikes, strict=True):
        assert torch.equal(mine, theirs)
    torch.testing.assert_close(logits, wanted, atol=1e-5, rtol=1e-5)
    return found, state


@pytest.mark.slow
@pytest.mark.parametrize("neuron", ["lif", "alif", "integrate_and_fire"])
@pytest.mark.parametrize("model", ["snn-tcn", "snn-alif"])
def test_every_neuron_in_every_layer(model: str, neuron: str) -> None:
    """With an initial potential of the integrate-and-fire neurons, so that it counts."""
    _, network = detector(model)
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    changes = {"initial": 0.5} if neuron == "integrate_and_fire" else {}
    section = NEURON_PARAMS[neuron].model_validate(content["neurons"][neuron] | changes)
    torch.manual_seed(2)
    for layer in network.layers()[:-1]:
        recurrent = layer.kind == "recurrent"
        layer.module.neuron = (
            RECURRENT[neuron](section, 6) if recurrent else NEURONS[neuron](section)
        )
    found, _ = equal_spikes(network, EventDriven(network))
    assert all(each.sum() > 0 for each in found)


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["none", "subtract"])
def test_several_spikes_a_frame(reset: str) -> None:
    _, network = detector("snn-tcn")
    section = MultiSpikeLIFParams(beta=0.4, learn_beta=True, levels=3, reset=reset)
    for layer in network.layers()[:-1]:
        layer.module.neuron = MultiSpikeLIF(section)
    made = EventDriven(network)
    found, state = equal_spikes(network, made)
    assert {number for each in found for number in each.unique().tolist()} == {0, 1, 2, 3}
    last = made.potentials(state)[-1]  # what the number was rounded from
    assert np.array_equal((last > 1), found[-1][-1, 0].flatten().numpy() > 0)
    assert (last > 1).any()
    network.layers()[0].module.neuron = MultiSpikeLIF(section.model_copy(update={"levels": 256}))
    with pytest.raises(SpikesoundError, match=r"levels: 256: .* expected at most 255"):
        EventDriven(network)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_folded_batch_norms_give_the_same(model: str) -> None:
    _, network = detector(model)
    x, made = frames(), compiled(model, network)
    wanted = made.advance(x, made.rest())[0]
    fold(network)
    made = compiled(model, network)
    torch.testing.assert_close(made.advance(x, made.rest())[0], wanted, atol=1e-5, rtol=1e-5)


def test_adaptations_that_fade_do_not_become_too_small_to_be_quick() -> None:
    _, network = detector("snn-alif")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.zeros_(module.running_mean)  # type: ignore[arg-type]
            nn.init.zeros_(module.bias)
    made = EventDriven(network)
    spikes: list[torch.Tensor] = []
    _, state = made.advance(frames(), made.rest(), spikes)
    units = len(state.waits)
    assert spikes[-1].sum() > 0
    assert state.floats[units : 2 * units].max() > 0
    _, state = made.advance(torch.zeros(1500, 1, BINS), state)
    assert state.floats[units : 2 * units].max() == 0


@pytest.mark.slow
def test_what_does_not_fit_is_refused() -> None:
    spiking, twin = detector("snn-tcn")[1], detector("ann-gru")[1]
    with pytest.raises(
        SpikesoundError, match="neuron ReLU has no event-driven kernel; valid: LIF, IF"
    ):
        EventDriven(twin)
    with pytest.raises(SpikesoundError, match="neuron LIF is not conventional; valid: ReLU, GRU"):
        Conventional(spiking)
    made = EventDriven(spiking)
    with pytest.raises(SpikesoundError, match="one clip at a time, got 2"):
        made.rest(2)
    with pytest.raises(SpikesoundError, match=f"expected shape \\(time, 1, {BINS}\\)"):
        made.advance(torch.zeros(1, 1, BINS + 1), made.rest())
