"""Detectors: causal, the same in one go and in pieces; their losses, splits, training, stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from detectors import MODELS, detector, features
from hypothesis import given, settings
from hypothesis import strategies as st
from spikesound.training.detection import DetectionTask, scores, time_first, train_detector
from spikesound.training.detection_data import Scenes, frame_targets
from spikesound.training.detection_split import split_scenes

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrameStream, FrontEnd
from spikesound.inference.streaming.stream import Stream
from spikesound.models.networks.detector import Frames
from spikesound.params import DetectionTrainParams, Params
from spikesound.tasks.detection.objective import detection_loss
from spikesound.tasks.detection.pooling import pooled
from spikesound.training import detection as training_module


@pytest.mark.parametrize("model", MODELS)
def test_pieces_give_what_the_whole_gives(model: str) -> None:
    _, network = detector(model)
    x = time_first(features(2, 40))
    with torch.inference_mode():
        whole = network(x).logits
        state, pieces = network.rest(2), []
        for piece in torch.split(x, [1, 7, 2, 13, 17]):
            logits, state = network.advance(piece, state)
            pieces.append(logits)
    assert torch.allclose(torch.cat(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_no_frame_hears_a_later_one(model: str) -> None:
    _, network = detector(model)
    x = time_first(features(1, 30))
    other = x.clone()
    other[20:] = 1 - other[20:]
    with torch.inference_mode():
        first, second = network(x).logits, network(other).logits
    assert torch.equal(first[:20], second[:20])
    assert not torch.equal(first[20:], second[20:])


def test_the_mean_over_bins_is_in_the_kernel() -> None:
    _, network = detector("ann-tcn")
    block = network.front[0]
    x = torch.rand(9, 2, *block.inputs)
    maps = torch.cat([torch.zeros(2, 2, *block.inputs), x]).permute(1, 2, 0, 3)
    plain = torch.nn.functional.conv2d(maps, block.convolution.weight, padding=(0, 1))
    bins = plain.shape[-1] // block.pool * block.pool
    averaged = plain[..., :bins].unflatten(-1, (-1, block.pool)).mean(-1)
    expected = torch.relu(block.norm(averaged).permute(2, 0, 1, 3))
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_pooling_is_that_of_its_equations() -> None:
    logits = torch.randn(5, 2, 3)
    p = torch.sigmoid(logits)
    assert torch.allclose(pooled(Frames(logits, None)), (p**2).sum(0) / p.sum(0))
    attention = torch.randn(5, 2, 3)
    share = attention.exp() / attention.exp().sum(0)
    assert torch.allclose(pooled(Frames(logits, attention)), (share * p).sum(0), atol=1e-6)


def test_the_loss_hears_only_the_labels_it_is_given() -> None:
    logits = torch.randn(6, 4, 2, requires_grad=True)
    frames = Frames(logits, None)
    strong, weak = (torch.rand(6, 4, 2) > 0.5).float(), (torch.rand(4, 2) > 0.5).float()
    other_strong, other_weak = 1 - strong, 1 - weak
    strong_loss = detection_loss(frames, strong, weak, "strong", 1.0)
    weak_loss = detection_loss(frames, strong, weak, "weak", 1.0)
    assert strong_loss == detection_loss(frames, strong, other_weak, "strong", 1.0)
    assert weak_loss == detection_loss(frames, other_strong, weak, "weak", 1.0)
    both = detection_loss(frames, strong, weak, "both", 0.25)
    assert both.item() == pytest.approx((strong_loss + 0.25 * weak_loss).item())


@given(onset=st.integers(0, 80), length=st.integers(1, 40))
def test_a_frame_is_active_where_its_middle_is_within_the_event(onset: int, length: int) -> None:
    hop_s, begin, end = 0.1, onset * 0.05 + 0.013, (onset + length) * 0.05 + 0.021
    events = pd.DataFrame(
        {"clip_id": ["a"], "label": ["/m/1"], "onset_s": [begin], "offset_s": [end]}
    )
    active = frame_targets(events, ["b", "a"], ["/m/0", "/m/1"], 100, hop_s)
    expected = [begin <= frame * hop_s < end for frame in range(100)]
    assert active[1, :, 1].tolist() == expected
    assert active.sum() == sum(expected)


def some_scenes(count: int = 12, frames: int = 20) -> Scenes:
    x = features(count, frames).astype(np.float16)
    active = np.zeros((count, frames, 3), bool)
    active[::2, 5:12, 0] = True
    active[::3, 2:6, 2] = True
    x[active.any(-1)] = 0.9
    return Scenes(
        [f"clip-{number}" for number in range(count)],
        [str(1 + number % 3) for number in range(count)],
        [f"recording-{number // 2}" for number in range(count)],
        x,
        active,
        active.any(1),
    )


def section(**changes: object) -> DetectionTrainParams:
    own = Params.load(Path(__file__).parents[2] / "params.yaml").detection.train_snn
    return own.model_copy(update={"epochs": 3, "batch_clips": 4, **changes})


def test_the_test_fold_is_in_no_other_part(params: Params) -> None:
    scenes = some_scenes()
    chosen = params.detection.model_copy(update={"test_fold": "3", "validation_fold": "2"})
    rows = split_scenes(scenes, chosen, 1)
    assert {scenes.folds[row] for row in rows.test} == {"3"}
    assert {scenes.folds[row] for row in rows.validation} == {"2"}
    assert {scenes.folds[row] for row in rows.training} == {"1"}


def test_without_a_validation_fold_recordings_stay_whole(params: Params) -> None:
    scenes = replace(some_scenes(), folds=["1"] * 10 + ["2"] * 2)
    none = {"test_fold": "2", "validation_fold": None, "validation_share": 0.3}
    chosen = params.detection.model_copy(update=none)
    with pytest.raises(SpikesoundError, match="name a fold; scenes of one fold share"):
        split_scenes(scenes, chosen, 1)
    chosen = chosen.model_copy(update={"source": "audioset"})
    rows = split_scenes(scenes, chosen, 1)
    groups = [{scenes.groups[row] for row in part} for part in rows]
    assert sorted([*rows.training, *rows.validation, *rows.test]) == list(range(12))
    assert len(rows.validation)
    assert not groups[0] & groups[1]


def test_validating_on_the_test_fold_is_refused(params: Params) -> None:
    chosen = params.detection.model_copy(update={"test_fold": "2", "validation_fold": "2"})
    with pytest.raises(SpikesoundError, match="is the test fold"):
        split_scenes(some_scenes(), chosen, 1)
    chosen = params.detection.model_copy(update={"test_fold": "9"})
    with pytest.raises(SpikesoundError, match=r"detection.test_fold '9'; valid: 1, 2, 3"):
        split_scenes(some_scenes(), chosen, 1)


def task(path: Path, model: str = "snn-tcn", **changes: object) -> DetectionTask:
    spec, _ = detector(model)
    scenes = some_scenes()
    return DetectionTask(
        spec, scenes, scenes.select(np.arange(4)), section(**changes), path / "resume.pt"
    )


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = train_detector(task(tmp_path / "a"))

    def killed(epoch: dict[str, float]) -> None:
        if epoch["epoch"] == 2:
            raise KeyboardInterrupt

    broken = task(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        train_detector(replace(broken, report=killed))
    resumed = train_detector(broken)
    losses = [epoch["validation_loss"] for epoch in undisturbed.history]
    assert [epoch["validation_loss"] for epoch in resumed.history] == losses
    first, second = undisturbed.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert min(losses) < losses[0]


def test_silence_is_part_of_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []

    def spied(frames: Frames, strong: torch.Tensor, weak: torch.Tensor, *rest: object):  # type: ignore[no-untyped-def]
        if strong.requires_grad or torch.is_grad_enabled():
            targets.extend([strong[:, -1], weak[-1]])
        return detection_loss(frames, strong, weak, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(training_module, "detection_loss", spied)
    made = training_module.build

    def watched(spec: object) -> torch.nn.Module:
        network = made(spec)  # type: ignore[arg-type]
        network.register_forward_pre_hook(
            lambda module, x: heard.append(x[0][:, -1]) if module.training else None
        )
        return network

    monkeypatch.setattr(training_module, "build", watched)
    train_detector(task(tmp_path, epochs=1))
    assert len(heard) == 3
    assert all(not clip.any() for clip in [*heard, *targets])


def test_spikes_in_silence_have_their_price() -> None:
    spikes = torch.rand(6, 4, 5).round()
    spikes[:, -1] = 0
    cost = training_module._of_spikes
    assert cost([spikes], section(silence_weight=2.0)) == 0
    spikes[:3, -1] = 1
    assert cost([spikes], section(silence_weight=2.0)) == pytest.approx(1.0)
    assert cost([], section()) == 0


@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=4))
def test_frames_of_a_stream_are_those_of_the_whole(sizes: list[int]) -> None:
    spec, _ = detector("ann-gru", bins=64)
    front_end: FrontEnd = spec.front_end
    samples = np.random.default_rng(1).normal(0, 0.1, 30_000).astype(np.float32)
    stream, found, at, turn = FrameStream(front_end), [], 0, 0
    while at < len(samples):
        found += stream.feed(samples[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    found += stream.finish()
    np.testing.assert_allclose(np.stack(found), front_end.whole(samples), atol=1e-5)


@pytest.mark.parametrize("model", ["snn-tcn", "snn-alif", "ann-lstm"])
def test_a_stream_does_not_depend_on_its_pieces(model: str) -> None:
    from spikesound.models.spec import Decision

    spec, network = detector(model, bins=64)
    spec = spec.model_copy(
        update={"decision": Decision(thresholds=[0.4, 0.5, 0.6], medians=[1, 5, 3])}
    )
    samples = np.random.default_rng(2).normal(0, 0.1, 60_000).astype(np.float32)
    samples[20_000:30_000] = 0

    def heard(step: int) -> tuple[np.ndarray, list[object]]:
        stream, given = Stream(spec, network), []
        for start in range(0, len(samples), step):
            given += stream.feed(samples[start : start + step])
        given += stream.finish()
        return np.stack([each.scores for each in given]), [e for each in given for e in each.closed]

    whole, events = heard(len(samples))
    pieces, same = heard(777)
    assert np.array_equal(whole, pieces)
    assert events == same
    offline = scores(network, spec.front_end.whole(samples)[None], 1)[0][0]
    assert len(offline) == len(whole)


@pytest.mark.parametrize("samples", [1, 511, 512, 1023, 1024, 1536, 5000])
def test_events_that_go_on_to_the_end_are_ended(samples: int) -> None:
    """Also where the last frame was there before the end, and no filter waits."""
    from spikesound.models.spec import Decision

    spec, network = detector("snn-tcn", bins=64)
    always = Decision(thresholds=[0.0] * 3, medians=[1, 1, 1])
    stream = Stream(spec.model_copy(update={"decision": always}), network)
    heard = stream.feed(np.zeros(samples, np.float32)) + stream.finish()
    ended = [event for each in heard for event in each.closed]
    assert len(ended) == 3
    for event in ended:  # the last frame reaches to half a hop beyond its middle
        assert samples / 22050 - 1024 / 22050 <= event.offset_s <= samples / 22050
    assert {event.onset_s for event in ended} == {0.0}


def test_nothing_heard_is_nothing_told() -> None:
    from spikesound.models.spec import Decision

    spec, network = detector("snn-tcn", bins=64)
    always = Decision(thresholds=[0.0] * 3, medians=[1, 3, 1])
    assert Stream(spec.model_copy(update={"decision": always}), network).finish() == []


def test_a_detector_without_thresholds_does_not_stream() -> None:
    spec, network = detector("ann-tcn", bins=64)
    with pytest.raises(SpikesoundError, match="no thresholds"):
        Stream(spec, network)
