"""Times side by side, memory in a process of its own, and the file that holds them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from disturbed_clips import CLASSIFIERS, DETECTORS, spec
from disturbed_clips import network as made_network
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation import latency as latency_file
from spikesound.evaluation import timed_calls
from spikesound.evaluation.cpu_energy import Counter, Unavailable
from spikesound.evaluation.latency import Subject, latency
from spikesound.evaluation.peak_memory import alone, model_peak_mb, peak_mb
from spikesound.evaluation.timed_calls import detector_calls
from spikesound.evaluation.timing import interleaved, middle, ratio
from spikesound.inference.backends import BACKENDS, equal_backends
from spikesound.inference.folded_cnn import folded
from spikesound.models import file
from spikesound.models.build import build
from spikesound.models.folding import affine
from spikesound.params import Params

FRAMES = 24


def save(params: Params, model: str, folder: Path) -> tuple[nn.Module, np.ndarray]:
    wanted = spec(params, model)
    network = made_network(wanted)
    file.save(folder / file.WEIGHTS, wanted, network)
    x = torch.rand(4, wanted.steps, 1, FRAMES, 16, generator=torch.Generator().manual_seed(5))
    return network, x.round().numpy()


def subject(params: Params, model: str, folder: Path, twin: str | None) -> Subject:
    inputs = save(params, model, folder / model)[1]
    return Subject(folder / model, inputs, inputs[:, 0, 0], twin)


@pytest.fixture
def subjects(params: Params, tmp_path: Path) -> dict[str, Subject]:
    twins = {"ann-cnn": "ann-cnn", "snn-cnn": "ann-cnn"}
    return {model: subject(params, model, tmp_path, twins.get(model)) for model in CLASSIFIERS}


@pytest.fixture
def detectors(params: Params, tmp_path: Path) -> dict[str, Subject]:
    twins = {"ann-tcn": "ann-tcn", "snn-tcn": "ann-tcn"}
    return {model: subject(params, model, tmp_path, twins.get(model)) for model in DETECTORS}


@pytest.mark.slow
def test_each_call_comes_once_a_round_in_changing_order() -> None:
    seen: list[tuple[str, int]] = []
    calls = {name: (lambda number, name=name: seen.append((name, number))) for name in "abc"}
    times = interleaved(calls, seconds=0.0, generator=np.random.default_rng(1))
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys("abc", 20)
    rounds = [seen[start : start + 3] for start in range(9, len(seen), 3)]  # after the warm-up
    assert len(rounds) == 20
    for number, one in enumerate(rounds):
        assert sorted(one) == [(name, number) for name in "abc"]
    assert len({tuple(name for name, _ in one) for one in rounds}) > 1


def test_a_load_that_falls_on_whole_rounds_leaves_the_ratio_as_it_is() -> None:
    load = np.array([1.0, 1.0, 9.0, 9.0, 9.0])
    assert ratio(4 * load, 2 * load) == 2.0
    with pytest.raises(SpikesoundError, match="5 rounds, and 4"):
        ratio(load, load[1:])


@pytest.mark.slow
def test_times_are_wall_times_in_ms() -> None:
    def rest(number: int) -> None:
        time.sleep(0.002)

    times = interleaved({"rest": rest}, seconds=0.1, generator=np.random.default_rng(1))
    median_ms, low_ms, high_ms = middle(times["rest"])
    assert 2.0 <= low_ms <= median_ms <= high_ms
    assert median_ms < 20.0


def test_a_folded_network_has_the_modules_scores(params: Params) -> None:
    for pool in ("average", "stride", "outputs"):
        shape = {"channels": [4, 8, 8, 8, 8, 8], "kernel": 3, "pool": pool, "dropout": 0.2}
        wanted = spec(params, "ann-cnn").model_copy(update={"network_params": shape})
        x = torch.rand(1, 4, 12, 16)  # the last block has a single frame and bin
        network = made_network(wanted)
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
        with torch.inference_mode():
            lean = folded(network)
            assert torch.allclose(lean(x), network(x), atol=1e-5)
            assert not any(isinstance(part, nn.BatchNorm2d) for part in lean.modules())
            norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
            assert all(affine(norm)[1].any() for norm in norms), "it has stayed"


def test_backends_with_other_decisions_are_left_out(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, inputs = save(params, "snn-cnn", tmp_path)
    clips = [torch.from_numpy(clip) for clip in inputs]
    assert list(equal_backends(network, clips)) == ["event_driven", "compiled", "dense"]
    negative = replace(BACKENDS["event_driven"], clips=lambda network: lambda x: -network(x))
    monkeypatch.setitem(BACKENDS, "event_driven", negative)
    assert list(equal_backends(network, clips)) == ["compiled", "dense"]
    lstm, inputs = save(params, "ann-lstm", tmp_path / "lstm")
    assert list(equal_backends(lstm, [torch.from_numpy(clip) for clip in inputs])) == ["dense"]


@pytest.mark.parametrize(
    ("model", "backend"),
    [("snn-tcn", "event_driven"), ("ann-tcn", "compiled"), ("ann-gru", "compiled")],
)
def test_backends_of_a_detector_that_decide_otherwise_are_left_out(
    model: str, backend: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, inputs = save(params, model, tmp_path)
    clips = [torch.from_numpy(clip) for clip in inputs]
    calls = detector_calls(spec(params, model), network, clips, [])
    assert set(calls.frames) == set(calls.clips) == {backend, "dense"}
    assert calls.stretch == 20
    real = timed_calls.make_streaming

    class Negative:
        def __init__(self, made: object) -> None:
            self.made = made

        def rest(self, batch: int = 1) -> object:
            return self.made.rest(batch)  # type: ignore[attr-defined]

        def advance(self, x: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
            logits, after = self.made.advance(x, state)  # type: ignore[attr-defined]
            return -logits, after

    def wrong(network: object, name: str) -> tuple[str, object]:
        name, made = real(network, name)  # type: ignore[arg-type]
        return name, made if name == "dense" else Negative(made)

    monkeypatch.setattr(timed_calls, "make_streaming", wrong)
    calls = detector_calls(spec(params, model), network, clips, [])
    assert set(calls.frames) == set(calls.clips) == {"dense"}


def test_a_stretch_goes_on_from_the_frames_before_it(params: Params, tmp_path: Path) -> None:
    network, inputs = save(params, "ann-gru", tmp_path)
    seen: list[torch.Tensor] = []

    class Recorder:
        def rest(self, batch: int = 1) -> object:
            return network.rest(batch)

        def advance(self, x: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
            logits, after = network.advance(x, state)
            seen.append(logits)
            return logits, after

    clip = torch.from_numpy(inputs[0])[0].transpose(0, 1)
    with torch.inference_mode():
        call = timed_calls._stretch_of(Recorder(), [clip], 2, 20)  # type: ignore[arg-type]
        for _ in range(2):
            seen.clear()
            call(0)
            assert [len(logits) for logits in seen] == [1] * 20
            whole = network(clip).logits[2:22]
            assert torch.allclose(torch.cat(seen), whole, atol=1e-5)


@pytest.mark.slow
def test_all_models_are_measured_in_one_run(
    subjects: dict[str, Subject],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def none() -> Counter:
        raise Unavailable("no such counter")

    monkeypatch.setattr(latency_file, "open_counter", none)
    found = latency(subjects, generator=np.random.default_rng(1), seconds=0.1)
    assert list(found) == [*CLASSIFIERS, "machine"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for model in CLASSIFIERS:
        figures = found[model]
        assert 0 < figures["clip_ms_low"] <= figures["clip_ms"] <= figures["clip_ms_high"]
        assert figures["clip_ms"] == min(
            figures[each]
            for each in ("dense_ms", "compiled_ms", "event_driven_ms")
            if each in figures
        )
        assert figures["cpu_energy_mj"] == figures["cpu_energy_raw_mj"] == "not available"
        assert figures["peak_mb"] is None or 0 <= figures["peak_mb"] < 100
        assert (figures["frame_ms"] is not None) == (model == "ann-lstm")
        assert ("encode_ms" in figures) == (model == "snn-cnn")
        assert ("event_driven_ms" in figures) == (model == "snn-cnn")
    assert found["ann-lstm"]["frame_ms"] < FRAMES * found["ann-lstm"]["clip_ms_high"]
    assert found["ann-cnn"]["ratio_to_twin"] == 1.0
    assert found["snn-cnn"]["ratio_to_twin"] > 0
    assert found["ann-lstm"]["ratio_to_twin"] is None
    clip_s = FRAMES * 1024 / 22050
    slow = found["snn-cnn"]["clip_ms"] + found["snn-cnn"]["encode_ms"]
    assert found["snn-cnn"]["real_time_factor"] == pytest.approx(slow / 1000 / clip_s, rel=0.02)
    assert found["machine"]["cpu_energy"] == "not available: no such counter"
    assert int(found["machine"]["threads_used"]) == torch.get_num_threads()
    assert capsys.readouterr().out.count("no such counter") == 1, "said once"


@pytest.mark.slow
def test_detectors_are_measured_by_the_frame(
    detectors: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Counter:
        raise Unavailable("no such counter")

    monkeypatch.setattr(latency_file, "open_counter", none)
    found = latency(detectors, generator=np.random.default_rng(1), seconds=0.1)
    assert list(found) == [*DETECTORS, "machine"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for model in DETECTORS:
        figures = found[model]
        backend = "event_driven" if model == "snn-tcn" else "compiled"
        times = [figures[f"{name}_frame_ms"] for name in (backend, "dense")]
        assert figures["frame_ms"] == min(times) == figures[f"{figures['how']}_frame_ms"]
        assert 0 < figures["frame_ms_low"] <= figures["frame_ms"] <= figures["frame_ms_high"]
        assert figures["clip_ms"] == figures[f"{figures['how']}_ms"] > 0
        hop_ms = 1024 / 22.05
        assert figures["real_time_factor"] == pytest.approx(figures["frame_ms"] / hop_ms, rel=0.02)
        assert figures["peak_mb"] is None or 0 <= figures["peak_mb"] < 100
        assert "encode_ms" not in figures
    assert found["ann-tcn"]["ratio_to_twin"] == 1.0
    assert found["snn-tcn"]["ratio_to_twin"] > 0
    assert found["ann-gru"]["ratio_to_twin"] is None


@pytest.mark.slow
def test_energy_is_that_of_the_counter_where_there_is_one(
    subjects: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Package:
        """5 J a second when idle, as read by the clock, and 10 J more each time it is read."""

        reads = 0

        def get_total_energy_consumption(self) -> SimpleNamespace:
            self.reads += self.reads % 3 != 2  # but not after the pause
            return SimpleNamespace(cpu_mj=1000 * (5 * time.perf_counter() + 10 * self.reads))

    monkeypatch.setattr(latency_file, "open_counter", lambda: Counter([Package()]))
    only = {"ann-lstm": subjects["ann-lstm"]}
    found = latency(only, generator=np.random.default_rng(1), seconds=0.1, energy_s=0.05)
    figures = found["ann-lstm"]
    assert figures["ratio_to_twin"] is None
    assert 0 < figures["cpu_energy_mj"] < figures["cpu_energy_raw_mj"]
    assert found["machine"]["cpu_energy"] == "RAPL, all packages, above idle"


@pytest.mark.slow
def test_memory_at_its_peak_is_seen_though_it_was_given_back() -> None:
    def run() -> None:
        np.ones(40_000_000 // 8).sum()

    run()
    peak = peak_mb(run)
    assert peak is None or 36 <= peak <= 60  # 40 MB are 38 MiB


@pytest.mark.slow
def test_a_larger_model_takes_more_memory_in_a_process_of_its_own(
    params: Params, tmp_path: Path
) -> None:
    peaks = []
    for hidden in (8, 1024):
        shape = {"hidden": hidden, "layers": 1, "bidirectional": False, "dropout": 0.0}
        wanted = spec(params, "ann-lstm").model_copy(update={"network_params": shape})
        folder = tmp_path / str(hidden)
        file.save(folder / file.WEIGHTS, wanted, build(wanted))
        clip = np.zeros((1, 1, 12, 16), np.float32)
        peaks.append(alone(model_peak_mb, folder, clip, "dense", file.load))
    if None in peaks:
        pytest.skip("this system does not tell a process's peak")
    weights_mb = 4 * 1024 * (1024 + 16) * 4 / 2**20
    assert peaks[0] < 10
    assert peaks[1] > peaks[0] + 0.9 * weights_mb


@pytest.mark.slow
def test_a_missing_model_is_one_line_from_its_own_process_too(tmp_path: Path) -> None:
    clip = np.zeros((1, 1, 12, 16), np.float32)
    with pytest.raises(SpikesoundError, match="no such file"):
        alone(model_peak_mb, tmp_path / "none", clip, "dense", file.load)
