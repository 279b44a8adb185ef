"""Several spikes a frame: numbers, the same spikes one by one, what they cost, what faults do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import several_spikes

from spikesound.costs.by_frame import FrameCounts, mean_layers
from spikesound.costs.context import Context
from spikesound.costs.counting import FRAME_COUNTERS, count_frames
from spikesound.costs.power import Sound, count_sounds, power_table
from spikesound.evaluation.robustness.faults import faulty, firing
from spikesound.inference.streaming.stream import Stream
from spikesound.models.layers import Layer, hidden, layers_of, recorded
from spikesound.models.loading import TrainedModel
from spikesound.models.networks.detector import Detector
from spikesound.params import IntegerLIFParams, MultiSpikeLIFParams, Params
from spikesound.snn.neurons.integer_lif import IntegerLIF, one_by_one
from spikesound.snn.neurons.multi_spike_lif import MultiSpikeLIF
from spikesound.snn.neurons.spiking import substeps
from spikesound.training.scores import frame_scores

LEVELS = 3
NEURON = {"beta": 0.4, "learn_beta": True, "levels": LEVELS, "reset": "none"}


def inputs(clips: int = 2, frames: int = 20) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    bins = several_spikes().spec.bins
    return torch.rand(frames, clips, bins, generator=generator)


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 40))
def test_numbers_are_the_spikes_of_substeps(levels: int, steps: int, seed: int) -> None:
    """Of the neuron that gives them one by one, which classifiers have."""
    generator = torch.Generator().manual_seed(seed)
    currents = torch.randn(steps, 2, 3, generator=generator) * levels
    params = {"beta": 0.4, "learn_beta": True, "levels": levels}
    own = MultiSpikeLIFParams.model_validate(params | {"reset": "subtract"})
    numbers = MultiSpikeLIF(own)(currents)
    binary = IntegerLIF(IntegerLIFParams.model_validate(params | {"binary": True}))
    spikes = binary(currents.repeat_interleave(levels, 0))
    assert torch.equal(one_by_one(numbers, levels), spikes)
    assert numbers.max() <= levels


@pytest.mark.parametrize(("reset", "numbers"), [("none", [1, 1, 3, 0]), ("subtract", [1, 0, 3, 1])])
def test_a_trace_with_each_reset(reset: str, numbers: list[float]) -> None:
    # U, none: .6, .9, 3.15, .375; subtract: .6, .4, 2.9, .55
    params = {"beta": 0.5, "learn_beta": False, "levels": 3, "reset": reset}
    currents = torch.tensor([0.6, 0.6, 2.7, -1.2 if reset == "none" else 0.6]).view(4, 1)
    neuron = MultiSpikeLIF(MultiSpikeLIFParams.model_validate(params))
    found = neuron(currents).flatten().tolist()
    assert found == numbers
    state, one_by_one_frame = neuron.initial_state(currents[0]), []
    for current in currents:
        spikes, state = neuron.step(current, state)
        one_by_one_frame.append(spikes.item())
    assert one_by_one_frame == numbers


def test_a_layer_adds_up_spikes_that_come_one_by_one() -> None:
    """In binary substeps each synapse gets its number of spikes, at the tap of their frame."""
    found = several_spikes()
    layers = [layer for layer in hidden(found.network) if layer.source == "spike_numbers"]
    seen = _inputs_of(found.network, layers, inputs())
    assert len(layers) == 3
    for layer, x in zip(layers, seen, strict=True):
        assert set(x.unique().tolist()) == {0.0, 1.0, 2.0, 3.0}
        parts = one_by_one(x, LEVELS).unflatten(0, (len(x), LEVELS)).unbind(1)
        shift = _currents(layer, torch.zeros_like(x))
        together = sum(_currents(layer, part) - shift for part in parts)
        torch.testing.assert_close(together + shift, _currents(layer, x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backend", ["auto", "dense"])
def test_a_stream_gives_what_the_whole_gives(backend: str) -> None:
    found = several_spikes()
    assert isinstance(found.network, Detector)
    samples = np.random.default_rng(1).normal(0, 0.2, 12_000).astype(np.float32)
    stream = Stream(found.spec, found.network, backend=backend)
    results = [
        frame
        for start in range(0, 12_000, 700)
        for frame in stream.feed(samples[start : start + 700])
    ]
    results += stream.finish()
    whole = found.front_end.whole(samples)[None, None].astype(np.float16)
    offline = frame_scores(found.network, whole, 1)[0][0]
    assert stream.backend == ("event_driven" if backend == "auto" else backend)
    np.testing.assert_allclose([each.scores[0] for each in results], offline[:, 0], atol=5e-3)


def test_each_spike_is_an_operation_and_each_substep_an_update() -> None:
    """As if the layers were run on the substeps' spikes, one by one."""
    found, x = several_spikes(), inputs()
    counts = count_frames(found.network, found.spec, x.transpose(0, 1).numpy())
    layers = layers_of(found.network)
    seen = _inputs_of(found.network, layers, x)
    first, *others = counts
    assert (first.size.passes, first.size.steps) == (1, LEVELS)
    for layer, given_to, several in zip(layers[1:-1], seen[1:-1], others[:-1], strict=True):
        parts = one_by_one(given_to, LEVELS).unflatten(0, (len(x), LEVELS)).unbind(1)
        alone = [_counted(layer, part) for part in parts]
        for what in ("effective", "active_inputs"):
            assert np.array_equal(
                getattr(several, what), sum(getattr(each, what) for each in alone)
            )
        assert several.size.dense == LEVELS * alone[0].size.dense
        assert (several.size.passes, several.size.steps) == (LEVELS, LEVELS)
    spikes = _outputs(found, x)
    for layer_counts, numbers in zip(counts[:-1], spikes, strict=True):
        assert np.array_equal(layer_counts.active_outputs, numbers.flatten(2).sum(2).numpy())
    an_hour = mean_layers(counts, 1000)
    assert [each.passes for each in an_hour] == [1000, 3000, 3000, 3000, 3000]
    assert [each.neuron_updates for each in an_hour[:-1]] == [
        3000.0 * each.outputs for each in an_hour[:-1]
    ]
    assert an_hour[-1].steps == 1000  # the classes are read once a frame


def test_neurons_that_do_not_wait_pay_nothing_for_waiting(params: Params) -> None:
    found = several_spikes()
    sounds = {"sound": Sound(inputs().transpose(0, 1).numpy())}
    counts = count_sounds(found.network, found.spec, sounds)
    table = power_table("ours", counts, params.costs, spiking=True)
    totals = table.groupby("execution")["total_uw"].apply(list)
    assert totals["events"] == totals["events_lazy"]
    assert min(totals["events"]) > 0


def test_faults_are_those_of_spikes() -> None:
    found, x = several_spikes(), inputs(4, 30)
    network = found.network.eval()
    assert firing(network, lambda net: net(x)) == [float(LEVELS)] * 4
    before = _outputs(found, x)[0]
    lost = faulty(network, "dropped_spikes", 0.25, 1)
    with torch.no_grad(), recorded(lost) as outputs:
        lost(x)
    kept = outputs[0]
    assert (kept <= before).all()
    assert ((kept < before) & (kept > 0)).any()  # of three spikes one may be lost
    assert kept.sum() / before.sum() == pytest.approx(0.75, abs=0.03)


def test_one_spike_a_step_is_what_other_neurons_have() -> None:
    assert substeps(None) == substeps(torch.nn.ReLU()) == 1
    assert substeps(MultiSpikeLIF(MultiSpikeLIFParams.model_validate(NEURON))) == LEVELS


def _currents(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    module = layer.module
    before = x.new_zeros(module.before if hasattr(module, "before") else 2, *x.shape[1:])  # type: ignore[arg-type]
    with torch.no_grad():
        found: torch.Tensor = module.currents(torch.cat([before, x]))  # type: ignore[operator]
    return found


def _inputs_of(
    network: torch.nn.Module, layers: list[Layer], x: torch.Tensor
) -> list[torch.Tensor]:
    seen: list[torch.Tensor] = []
    hooks = [
        layer.module.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
        for layer in layers
    ]
    with torch.no_grad():
        network.eval()(x)
    for hook in hooks:
        hook.remove()
    return seen


def _outputs(found: TrainedModel, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad(), recorded(found.network.eval()) as outputs:
        found.network(x)
    return list(outputs)


def _counted(layer: Layer, x: torch.Tensor) -> FrameCounts:
    """Return the counts of a layer on spikes, each place one or none."""
    with torch.no_grad():
        output = layer.module(x)
    [found] = FRAME_COUNTERS[layer.kind](layer, x, output, Context("spikes", "ac", "lif"))
    assert isinstance(found, FrameCounts)
    return found
