"""Inference backends of detectors on sound in chunks: equal results, the choice, the errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import yaml
from detectors import MODELS, detector
from hypothesis import given, settings
from hypothesis import strategies as st
from project import ROOT
from torch import nn

from spikesound.apps.lab import trace_neuron
from spikesound.core.errors import SpikesoundError
from spikesound.inference.backends import BACKENDS, streaming
from spikesound.inference.streaming.stream import FrameResult, Stream
from spikesound.models.networks.detector import Detector
from spikesound.models.spec import Decision, Spec
from spikesound.params import NEURON_PARAMS
from spikesound.snn.neurons.hodgkin_huxley import HodgkinHuxley
from spikesound.snn.neurons.lif import LIF

TOLERANCE = 1e-5
BINS, RATE_HZ = 64, 22050
MEDIANS = [1, 5, 3]


def sound(seconds: float = 3.0, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return noise whose loudness changes five times a second, with silence in the middle."""
    generator = np.random.default_rng(seed)
    samples = generator.normal(0, 0.1, round(seconds * RATE_HZ))
    loudness = np.repeat(generator.uniform(0, 2, 1 + len(samples) // 4410), 4410)
    samples *= loudness[: len(samples)]
    samples[len(samples) // 3 : len(samples) // 2] = 0
    return samples.astype(np.float32)


def decided(model: str) -> tuple[Spec, Detector]:
    """Return a detector whose thresholds let each class begin and end several times."""
    spec, network = detector(model, bins=BINS)
    plain = spec.model_copy(update={"decision": Decision(thresholds=[0.5] * 3, medians=MEDIANS)})
    scores = np.stack([frame.scores for frame in run(plain, network, "dense", [10**6])])
    middle = [float(values) for values in np.median(scores, 0)]
    decision = Decision(thresholds=[value + 1e-4 for value in middle], medians=MEDIANS)
    return spec.model_copy(update={"decision": decision}), network


def run(spec: Spec, network: Detector, backend: str, sizes: list[int]) -> list[FrameResult]:
    """Return a stream's results for :func:`sound`, in chunks of these sizes in turn."""
    stream, samples = Stream(spec, network, backend=backend), sound()
    results, at, turn = [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        results += stream.feed(samples[at : at + size])
        at, turn = at + size, turn + 1
    return results + stream.finish()


def compare(results: list[FrameResult], others: list[FrameResult]) -> int:
    """Assert equal events and scores within rounding; return the number of events."""
    assert len(results) == len(others)
    np.testing.assert_allclose(
        [each.scores for each in results], [each.scores for each in others], atol=TOLERANCE, rtol=0
    )
    events = 0
    for mine, theirs in zip(results, others, strict=True):
        assert mine.at_s == theirs.at_s
        assert [event[:3] for event in mine.closed] == [event[:3] for event in theirs.closed]
        assert [event[:2] for event in mine.opened] == [event[:2] for event in theirs.opened]
        assert [event.score for event in mine.closed] == pytest.approx(
            [event.score for event in theirs.closed], abs=TOLERANCE
        )
        events += len(mine.closed)
    return events


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_the_default_has_the_events_and_scores_of_the_torch_loop(model: str) -> None:
    spec, network = decided(model)
    wanted = run(spec, network, "dense", [4410])
    assert compare(run(spec, network, "auto", [4410]), wanted) >= 3
    name = "event_driven" if model.startswith("snn-") else "compiled"
    assert Stream(spec, network).backend == name
    compare(run(spec, network, name, [4410]), wanted)


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[Spec, Detector, list[FrameResult]]]:
    """Return each detector with its results for the whole sound at once."""
    detectors = {model: decided(model) for model in MODELS}
    return {model: (*each, run(*each, "auto", [10**6])) for model, each in detectors.items()}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(300, 20_000), min_size=1, max_size=4))
def test_a_compiled_stream_does_not_depend_on_its_chunks(
    model: str,
    sizes: list[int],
    whole: dict[str, tuple[Spec, Detector, list[FrameResult]]],
) -> None:
    spec, network, wanted = whole[model]
    results = run(spec, network, "auto", [max(sizes), *sizes])
    assert len(results) == len(wanted)
    for mine, theirs in zip(results, wanted, strict=True):
        assert np.array_equal(mine.scores, theirs.scores)
        assert (mine.opened, mine.closed) == (theirs.opened, theirs.closed)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["auto", "dense"])
@pytest.mark.parametrize("model", MODELS)
def test_a_trace_has_the_features_and_the_spikes_of_each_frame(model: str, backend: str) -> None:
    spec, network = decided(model)
    traced: list[tuple[Any, Any, Any]] = []
    stream = Stream(spec, network, backend=backend, trace=lambda *frame: traced.append(frame))
    results = stream.feed(sound(1.0)) + stream.finish()
    assert len(traced) == len(results)
    x = torch.from_numpy(np.stack([features for features, _, _ in traced]))[:, None]
    spikes: list[torch.Tensor] = []
    with torch.inference_mode():
        network.advance(x, network.rest(1), spikes)
    for frame, (_, layers, potentials) in enumerate(traced):
        assert len(layers) == len(spikes)
        assert potentials == [], "they are not asked for"
        for mine, theirs in zip(layers, spikes, strict=True):
            assert np.array_equal(mine, theirs[frame, 0].flatten().numpy())
    assert bool(spikes) == model.startswith("snn-")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["snn-tcn", "snn-alif"])
def test_a_trace_has_the_potentials_of_each_frame_where_they_are_wanted(model: str) -> None:
    spec, network = decided(model)
    traced: list[tuple[Any, Any, Any]] = []
    stream = Stream(spec, network, trace=lambda *frame: traced.append(frame), membranes=True)
    results = stream.feed(sound(1.0)) + stream.finish()
    plain = Stream(spec, network)
    expected = plain.feed(sound(1.0)) + plain.finish()
    assert np.array_equal([each.scores for each in results], [each.scores for each in expected])
    above = 0
    for _, spikes, potentials in traced:
        for fired, relative in zip(spikes, potentials, strict=True):
            assert np.array_equal(relative > 1, fired > 0)
            above += int(fired.sum())
    assert above > 100
    x = torch.from_numpy(np.stack([features for features, _, _ in traced]))[:, None]
    for layer, states in enumerate(states_of(network, x)):
        found = np.stack([potentials[layer] for _, _, potentials in traced])
        np.testing.assert_allclose(found, states, atol=1e-4)


def states_of(network: Detector, x: torch.Tensor) -> list[npt.NDArray[np.float32]]:
    """Return potentials over thresholds (frame, neuron) of each LIF layer by the torch loop."""
    found = []
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        for layer in network.layers():
            if type(layer.neuron) is LIF:
                advance = layer.neuron.advance
                currents: list[torch.Tensor] = []

                def keep(
                    given: torch.Tensor, state: Any, advance: Any = advance, kept: Any = currents
                ) -> Any:
                    kept.append(given)
                    return advance(given, state)

                patch.setattr(layer.neuron, "advance", keep)
                found.append((layer.neuron, currents))
        network.advance(x, network.rest(1))
    traces = [trace_neuron(neuron, currents[0]) for neuron, currents in found]
    return [
        trace.states[0].reshape(len(x), -1) / neuron.constants()[1].item()
        for trace, (neuron, _) in zip(traces, found, strict=True)
    ]


def hodgkin_huxley(network: Detector) -> Detector:
    """Give the last layer of the memory neurons that the kernels do not know."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    section = NEURON_PARAMS["hodgkin_huxley"].model_validate(content["neurons"]["hodgkin_huxley"])
    network.layers()[-2].module.neuron = HodgkinHuxley(section)
    return network


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        ("snn-tcn", hodgkin_huxley, "neuron HodgkinHuxley has no event-driven kernel; valid: LIF"),
        ("snn-tcn", Detector.double, "float64 on cpu; compiled kernels take float32 on cpu"),
        ("ann-gru", Detector.double, "float64 on cpu; compiled kernels take float32 on cpu"),
    ],
)
def test_a_network_without_kernels_falls_back_to_torch(model: str, change, words: str) -> None:  # type: ignore[no-untyped-def]
    network = change(detector(model)[1])
    assert streaming(network) == ("dense", network)
    assert streaming(network, "dense") == ("dense", network)
    with pytest.raises(SpikesoundError, match=rf"^backend 'event_driven': .*{words}"):
        streaming(network, "event_driven")
    with pytest.raises(SpikesoundError, match=r"^backend 'compiled': "):
        streaming(network, "compiled")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({-2: {"kind": "competition"}}, "unknown kind of a compiled layer 'competition'; valid: "),
        ({-1: {"neuron": None}}, "a Detector is not compiled; valid: layers frame by frame"),
        ({-1: {"reads": ("convolution_1",)}}, "a Detector is not compiled; valid: layers frame"),
        ({0: {"by_frame": False}}, "a Detector is not compiled; valid: layers frame by frame"),
        ({-3: {"kind": "recurrent"}}, "layer dilated_1: a recurrent layer is compiled as the last"),
    ],
)
def test_layers_that_are_not_compiled_fall_back_to_torch(
    changes: dict[int, dict[str, object]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = detector("ann-tcn")[1]
    layers = network.layers()
    for number, change in changes.items():
        layers[number] = replace(layers[number], **change)  # type: ignore[arg-type]
    monkeypatch.setattr(network, "layers", lambda: list(layers))
    assert streaming(network)[0] == "dense"
    with pytest.raises(SpikesoundError, match=words):
        streaming(network, "compiled")


@pytest.mark.slow
def test_a_fallback_streams_as_before() -> None:
    spec, network = decided("snn-tcn")
    hodgkin_huxley(network)
    compare(run(spec, network, "auto", [4410]), run(spec, network, "dense", [4410]))


@pytest.mark.slow
def test_an_unknown_backend_is_an_error_with_the_valid_names() -> None:
    spec, network = decided("ann-tcn")
    valid = "unknown backend 'numba'; valid: auto, compiled, dense, event_driven"
    with pytest.raises(SpikesoundError, match=valid):
        Stream(spec, network, backend="numba")
    assert list(BACKENDS) == ["event_driven", "compiled", "dense"]


@pytest.mark.slow
def test_kernels_are_compiled_before_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    for name in ("event_driven", "compiled"):
        kind = BACKENDS[name].streaming
        plain = kind.run  # type: ignore[attr-defined]

        def counted(self, x, *rest, plain=plain):  # type: ignore[no-untyped-def]
            calls.append(len(x))
            plain(self, x, *rest)

        monkeypatch.setattr(kind, "run", counted)
    for model in MODELS:
        streaming(detector(model)[1])
    assert calls == [1] * len(MODELS)


@pytest.mark.slow
def test_the_network_may_change_and_a_stream_keeps_its_weights() -> None:
    spec, network = decided("snn-tcn")
    stream = Stream(spec, network)
    wanted = run(spec, network, "auto", [10**6])
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Conv1d):
                module.weight.mul_(3)
    results = stream.feed(sound()) + stream.finish()
    assert np.array_equal(results[40].scores, wanted[40].scores)
