"""What other simulators' own importers make of an exported network, at the versions installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from dense_network import dense
from small_models import LIF, classifier, detector, made

from spikesound.models.export import export
from spikesound.models.export.nir_neurons import DT_S
from spikesound.models.export.nir_runner import run
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

nir = pytest.importorskip("nir")

FRAMES, BINS, STEPS = 26, 16, 24

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*nirtorch.load:DeprecationWarning"),
]


def snntorch(graph: Any) -> Any:
    pytest.importorskip("snntorch")
    from snntorch.import_nir import import_from_nir

    return import_from_nir(graph)


def norse(graph: Any) -> Any:
    return pytest.importorskip("norse.torch").from_nir(graph, dt=DT_S)


def spikingjelly(graph: Any) -> Any:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    return import_from_nir(graph, dt=DT_S)


def sinabs(graph: Any) -> Any:
    return pytest.importorskip("sinabs.nir").from_nir(graph, batch_size=1)


READERS = [snntorch, norse, spikingjelly]


def with_reset(reset: str, params: Params) -> TrainedModel:
    """Return a classifier; ``integrate``: of integrate-and-fire neurons, as a converted one."""
    spec = classifier("cnn", params, spiking=True).spec
    changes: dict[str, object] = {"neuron_params": LIF | {"reset": reset}}
    if reset == "integrate":
        section = params.neurons["integrate_and_fire"].model_dump()
        changes = {"neuron": "integrate_and_fire", "neuron_params": section}
    return made(spec.model_copy(update=changes))


def inputs() -> npt.NDArray[np.float64]:
    """Input of each step, (step, batch of 1, frame, bin): others at each step."""
    generator = np.random.default_rng(0)
    return generator.random((STEPS, 1, FRAMES, BINS)).astype(np.float32).astype(np.float64)


def stepped(network: Any, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Run an imported network step by step, the state handed on."""
    state, found = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(x).float()[:, None]:
            out, state = network(frame, state)
            found.append(out.flatten())  # some flatten the batch, too
    result: npt.NDArray[np.float64] = torch.stack(found).double().numpy()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "zero", "none", "integrate"])
@pytest.mark.parametrize("read", READERS)
def test_a_classifier_spikes_in_other_simulators_as_here(
    read: Callable[[Any], Any], reset: str, params: Params, tmp_path: Path
) -> None:
    export(with_reset(reset, params), "nir", tmp_path / "m.nir")
    x = inputs()
    ours = run(nir.read(tmp_path / "m.nir"), x, DT_S)["output"]
    assert 0.01 < ours.mean() < 0.9
    found = stepped(read(nir.read(tmp_path / "m.nir")), x)
    np.testing.assert_array_equal(found, ours.reshape(STEPS, -1))


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("read", READERS)
def test_linear_layers_spike_in_other_simulators_as_here(
    read: Callable[[Any], Any], reset: str, params: Params, tmp_path: Path
) -> None:
    spec = classifier("cnn", params, spiking=True, encoding="rate", steps=8).spec
    network = dense(FRAMES * BINS, len(spec.classes), LIF | {"reset": reset})
    export(TrainedModel(spec, network), "nir", tmp_path / "m.nir")
    x = inputs()
    ours = run(nir.read(tmp_path / "m.nir"), x, DT_S)["output"]
    assert 0.01 < ours.mean() < 0.9
    np.testing.assert_array_equal(stepped(read(nir.read(tmp_path / "m.nir")), x), ours)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "why"),
    [
        (snntorch, (ValueError, "Delay")),
        (norse, (KeyError, "tap_0")),
        (spikingjelly, (ValueError, "Delay")),
        (sinabs, (AttributeError, "detach")),
    ],
)
def test_no_simulator_runs_a_detector_wrongly(
    read: Callable[[Any], Any], why: tuple[type[Exception], str], tmp_path: Path
) -> None:
    """Its delays and one-dimensional convolutions are none of their nodes."""
    export(detector("tcn", neuron=LIF | {"reset": "none"}), "nir", tmp_path / "m.nir")
    graph = nir.read(tmp_path / "m.nir")
    with pytest.raises(why[0], match=why[1]):
        stepped(read(graph), np.zeros((2, 1, BINS)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reset", "why"), [("subtract", KeyError), ("none", KeyError), ("zero", ValueError)]
)
def test_sinabs_runs_no_classifier_wrongly(
    reset: str, why: type[Exception], params: Params, tmp_path: Path
) -> None:
    """It has no such node, and takes the leak of a map of neurons for a row of numbers."""
    pytest.importorskip("sinabs")
    export(with_reset(reset, params), "nir", tmp_path / "m.nir")
    graph = nir.read(tmp_path / "m.nir")
    with pytest.raises(why, match=r"convolution_1_neuron|ambiguous"):
        sinabs(graph)
