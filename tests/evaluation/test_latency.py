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
from torch import nn
from toy_clips import kinds, settled, spec

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation import latency as latency_file
from spikesound.evaluation.cpu_energy import Counter, Unavailable
from spikesound.evaluation.latency import Subject, latency
from spikesound.evaluation.peak_memory import alone, model_peak_mb, peak_mb
from spikesound.evaluation.timing import interleaved, middle, ratio
from spikesound.inference.backends import BACKENDS, equal_backends
from spikesound.inference.folded_cnn import folded
from spikesound.models import classifier_spec
from spikesound.params import Params

MODELS = ("ann-cnn", "ann-lstm", "snn-cnn-surrogate")


def save(params: Params, model: str, folder: Path) -> tuple[nn.Module, np.ndarray]:
    torch.manual_seed(5)
    wanted = kinds(params)[model]
    x = torch.rand(wanted.steps, 4, 12, 16).round()
    network = settled(classifier_spec.build(wanted), x)
    classifier_spec.save(folder, wanted, network)
    return network, x.numpy().swapaxes(0, 1)[:, :, None]


@pytest.fixture
def subjects(params: Params, tmp_path: Path) -> dict[str, Subject]:
    return {
        model: Subject(
            tmp_path / model,
            save(params, model, tmp_path / model)[1],
            encode=(lambda number: number) if model.startswith("snn") else None,
        )
        for model in MODELS
    }


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


def test_times_are_wall_times_in_ms() -> None:
    def rest(number: int) -> None:
        time.sleep(0.002)

    times = interleaved({"rest": rest}, seconds=0.1, generator=np.random.default_rng(1))
    median_ms, low_ms, high_ms = middle(times["rest"])
    assert 2.0 <= low_ms <= median_ms <= high_ms
    assert median_ms < 20.0


def test_a_folded_network_has_the_modules_scores(params: Params, tmp_path: Path) -> None:
    for pool in ("average", "stride"):
        shape = {"channels": [4, 8, 8, 8, 8, 8], "kernel": 3, "pool": pool, "dropout": 0.2}
        wanted = spec(params).model_copy(update={"network_params": shape})
        x = torch.rand(1, 4, 12, 16)  # the last block has a single frame and bin
        network = settled(classifier_spec.build(wanted), x)
        with torch.inference_mode():
            lean = folded(network)
            assert torch.allclose(lean(x), network(x), atol=1e-5)
            assert not any(isinstance(part, nn.BatchNorm2d) for part in lean.modules())
            assert any(block.norm.running_mean.any() for block in network.blocks), "it has stayed"


def test_backends_with_other_decisions_are_left_out(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, inputs = save(params, "snn-cnn-surrogate", tmp_path)
    clips = [torch.from_numpy(clip) for clip in inputs]
    assert list(equal_backends(network, clips)) == ["event_driven", "compiled", "dense"]
    negative = replace(BACKENDS["event_driven"], clips=lambda network: lambda x: -network(x))
    monkeypatch.setitem(BACKENDS, "event_driven", negative)
    assert list(equal_backends(network, clips)) == ["compiled", "dense"]
    lstm, inputs = save(params, "ann-lstm", tmp_path / "lstm")
    assert list(equal_backends(lstm, [torch.from_numpy(clip) for clip in inputs])) == ["dense"]


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
    assert list(found) == [*MODELS, "machine"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    for model in MODELS:
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
        assert ("encode_ms" in figures) == (model == "snn-cnn-surrogate")
        assert ("event_driven_ms" in figures) == (model == "snn-cnn-surrogate")
    assert found["ann-lstm"]["frame_ms"] < 12 * found["ann-lstm"]["clip_ms_high"]
    assert found["ann-cnn"]["ratio_to_ann_cnn"] == 1.0
    assert found["machine"]["cpu_energy"] == "not available: no such counter"
    assert int(found["machine"]["threads_used"]) == torch.get_num_threads()
    assert capsys.readouterr().out.count("no such counter") == 1, "said once"


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
    assert figures["ratio_to_ann_cnn"] is None
    assert 0 < figures["cpu_energy_mj"] < figures["cpu_energy_raw_mj"]
    assert found["machine"]["cpu_energy"] == "RAPL, all packages, above idle"


def test_memory_at_its_peak_is_seen_though_it_was_given_back() -> None:
    def run() -> None:
        np.ones(40_000_000 // 8).sum()

    run()
    peak = peak_mb(run)
    assert peak is None or 36 <= peak <= 60  # 40 MB are 38 MiB


def test_a_larger_model_takes_more_memory_in_a_process_of_its_own(
    params: Params, tmp_path: Path
) -> None:
    peaks = []
    for hidden in (8, 1024):
        shape = {"hidden": hidden, "layers": 1, "bidirectional": False, "dropout": 0.0}
        wanted = kinds(params)["ann-lstm"].model_copy(update={"network_params": shape})
        folder = tmp_path / str(hidden)
        classifier_spec.save(folder, wanted, classifier_spec.build(wanted))
        clip = np.zeros((1, 1, 12, 16), np.float32)
        peaks.append(alone(model_peak_mb, folder, clip, "dense", classifier_spec.load))
    if None in peaks:
        pytest.skip("this system does not tell a process's peak")
    weights_mb = 4 * 1024 * (1024 + 16) * 4 / 2**20
    assert peaks[0] < 10
    assert peaks[1] > peaks[0] + 0.9 * weights_mb


def test_a_missing_model_is_one_line_from_its_own_process_too(tmp_path: Path) -> None:
    clip = np.zeros((1, 1, 12, 16), np.float32)
    with pytest.raises(SpikesoundError, match="no such file; train the model first"):
        alone(model_peak_mb, tmp_path / "none", clip, "dense", classifier_spec.load)
