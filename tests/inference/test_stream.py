"""Streams: the same result whatever the chunks, and events that go on to the end of the sound."""

from __future__ import annotations

import numpy as np
import pytest
from detectors import detector
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.features.front_end import FrameStream
from spikesound.inference.streaming.stream import Stream
from spikesound.models.spec import Decision
from spikesound.training.scores import frame_scores


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=4))
def test_frames_of_a_stream_are_those_of_the_whole(sizes: list[int]) -> None:
    spec, _ = detector("ann-gru", bins=64)
    front_end = spec.sound
    samples = np.random.default_rng(1).normal(0, 0.1, 30_000).astype(np.float32)
    stream, found, at, turn = FrameStream(front_end), [], 0, 0
    while at < len(samples):
        found += stream.feed(samples[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    found += stream.finish()
    np.testing.assert_allclose(np.stack(found), front_end.whole(samples), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("lookahead", [0, 4])
@pytest.mark.parametrize("model", ["snn-tcn", "snn-alif", "ann-lstm"])
def test_a_stream_does_not_depend_on_its_pieces(model: str, lookahead: int) -> None:
    spec, network = detector(model, bins=64)
    decision = Decision(thresholds=[0.4, 0.5, 0.6], medians=[1, 5, 3], lookahead=lookahead)
    spec = spec.model_copy(update={"decision": decision})
    samples = np.random.default_rng(2).normal(0, 0.1, 60_000).astype(np.float32)
    samples[20_000:30_000] = 0

    def streamed(step: int) -> tuple[np.ndarray, list[object]]:
        stream, given = Stream(spec, network), []
        for start in range(0, len(samples), step):
            given += stream.feed(samples[start : start + step])
        given += stream.finish()
        return np.stack([each.scores for each in given]), [e for each in given for e in each.closed]

    whole, events = streamed(len(samples))
    pieces, same = streamed(777)
    assert np.array_equal(whole, pieces)
    assert events == same
    inputs = spec.sound.whole(samples)[None, None].astype(np.float16)
    offline = frame_scores(network, inputs, 1, lookahead)[0][0]
    assert len(offline) == len(whole)
    np.testing.assert_allclose(whole[:, 0], offline[:, 0], atol=2e-3)  # float16, no median filter


@pytest.mark.slow
def test_a_look_ahead_moves_what_a_causal_network_says() -> None:
    spec, network = detector("ann-tcn", bins=64)
    samples = np.random.default_rng(5).normal(0, 0.1, 30_000).astype(np.float32)

    def streamed(lookahead: int) -> tuple[np.ndarray, list[int]]:
        decision = Decision(thresholds=[0.5] * 3, medians=[1, 1, 1], lookahead=lookahead)
        stream = Stream(spec.model_copy(update={"decision": decision}), network)
        given, counts = [], []
        for start in range(0, len(samples), 1024):
            given += stream.feed(samples[start : start + 1024])
            counts.append(len(given))
        given += stream.finish()
        return np.stack([each.scores for each in given]), counts

    now, at_once = streamed(0)
    late, waited = streamed(3)
    assert len(late) == len(now)
    np.testing.assert_allclose(late[:-3], now[3:], atol=1e-6)
    assert [max(0, count - 3) for count in at_once] == waited


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 511, 512, 1023, 1024, 1536, 5000])
def test_events_that_go_on_to_the_end_are_ended(samples: int) -> None:
    """Also where the last frame was there before the end, and no filter waits."""
    spec, network = detector("snn-tcn", bins=64)
    always = Decision(thresholds=[0.0] * 3, medians=[1, 1, 1])
    stream = Stream(spec.model_copy(update={"decision": always}), network)
    frames = stream.feed(np.zeros(samples, np.float32)) + stream.finish()
    ended = [event for frame in frames for event in frame.closed]
    assert len(ended) == 3
    for event in ended:  # the last frame reaches to half a hop beyond its middle
        assert samples / 22050 - 1024 / 22050 <= event.offset_s <= samples / 22050
    assert {event.onset_s for event in ended} == {0.0}


def test_a_stream_without_samples_gives_nothing() -> None:
    spec, network = detector("snn-tcn", bins=64)
    always = Decision(thresholds=[0.0] * 3, medians=[1, 3, 1])
    assert Stream(spec.model_copy(update={"decision": always}), network).finish() == []


def test_a_detector_without_thresholds_does_not_stream() -> None:
    spec, network = detector("ann-tcn", bins=64)
    with pytest.raises(SpikesoundError, match="without tuned thresholds"):
        Stream(spec, network)
