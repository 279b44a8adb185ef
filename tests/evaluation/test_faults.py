"""Faults of the hardware, in networks of frames: of every layer that has neurons."""

from __future__ import annotations

import pytest
import torch
from detectors import MODELS, detector, features
from torch import nn

from spikesound.evaluation.robustness.faults import FAULTS, faults_of, faulty, firing
from spikesound.models.layers import hidden

X = torch.from_numpy(features(2, 12)).transpose(0, 1)


def run(network: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(X).logits
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_changes_a_detector_and_leaves_the_network_as_it_is(
    fault: str, model: str
) -> None:
    network = detector(model)[1]
    clean, peaks = run(network), firing(network, run)
    assert set(faults_of(network)) == set(FAULTS)
    assert len(peaks) == len(hidden(network))
    level = 3 if fault == "weight_bits" else 0.5
    broken = run(faulty(network, fault, level, 1, peaks))
    assert not torch.allclose(broken, clean)
    assert torch.equal(run(faulty(network, fault, level, 1, peaks)), broken), "the same draws"
    assert torch.equal(run(network), clean)


def test_silent_neurons_stay_silent_in_every_layer() -> None:
    network = faulty(detector("snn-alif")[1], "stuck_silent", 1.0, 1, [1.0, 1.0, 1.0])
    neurons = [layer.neuron for layer in hidden(network)]
    outputs: list[torch.Tensor] = []
    for neuron in neurons:
        assert neuron is not None
        neuron.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    run(network)
    assert len(outputs) == 3
    assert not any(output.any() for output in outputs)
