"""The cochlea: bands, spikes by hand, address events."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.features import bin_names, cochlea, compute
from spikesound.params import FeatureParams, Params

RATE_HZ = 16000


def bank(channels: int = 32) -> torch.Tensor:
    return cochlea.filters(RATE_HZ, channels, 50.0, 7500.0)


def tone(hz: float, seconds: float = 1.0, amplitude: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


@pytest.mark.parametrize("channel", [2, 12, 25])
def test_a_tone_excites_the_channel_of_its_frequency_most(channel: int) -> None:
    hz = cochlea.centres_hz(32, 50.0, 7500.0)
    assert (np.diff(hz) > 0).all()
    counts = cochlea.spike_counts(torch.from_numpy(tone(hz[channel])), RATE_HZ, bank())[:, -1]
    assert int(counts.argmax()) // 2 == channel
    # Half of full scale for a second, but for the filter's rise: both polarities alike.
    on, off = counts[2 * channel : 2 * channel + 2].tolist()
    assert on == pytest.approx(0.5 * cochlea.FULL_SCALE_HZ, rel=0.05)
    assert on == pytest.approx(off, rel=0.01)


def test_a_neuron_spikes_once_a_threshold_by_hand() -> None:
    """A filter that passes the signal on: 3 of a threshold of 1 are three spikes, 2.5 are two."""
    gain = math.pi * cochlea.FULL_SCALE_HZ / RATE_HZ
    wave = torch.tensor([0.6, -0.9, 0.0, 1.9, -1.2, 0.5]) / gain
    counts = cochlea.spike_counts(wave, RATE_HZ, torch.ones(1, 1))
    assert counts.tolist() == [[0, 0, 0, 2, 2, 3], [0, 0, 0, 0, 2, 2]]
    addresses, times = cochlea.events(wave.numpy(), RATE_HZ, torch.ones(1, 1))
    assert addresses.tolist() == [0, 0, 1, 1, 0]
    step = 1e6 / RATE_HZ
    expected = [(3 + 1 / 3) * step, (3 + 2 / 3) * step, (4 + 1 / 3) * step, (4 + 2 / 3) * step]
    assert times.tolist() == [round(each) for each in [*expected, 5.5 * step]]


def test_frames_have_all_spikes_once(params: Params) -> None:
    changes = {"kinds": ["cochlea"], "rate_hz": RATE_HZ, "high_hz": 7500.0, "mels": 64}
    features = FeatureParams.model_validate(params.features.model_dump() | changes)
    wave = np.random.default_rng(0).normal(0, 0.1, 16100).astype(np.float32)
    values = compute(torch.from_numpy(wave)[None], features)[0]
    addresses, times = cochlea.events(
        wave, RATE_HZ, cochlea.filters(RATE_HZ, 32, features.low_hz, features.high_hz)
    )
    assert values.shape == (1 + 16100 // features.hop, 64)
    assert values.sum(0).tolist() == np.bincount(addresses, minlength=64).tolist()
    first_us = features.hop // 2 * 1e6 / RATE_HZ
    assert values[0].sum() == (times < first_us).sum()
    assert bin_names(features)[1].endswith("OFF")
    assert not compute(torch.zeros(1, 16100), features).any()


def test_a_stream_has_no_cochlea(params: Params) -> None:
    features = params.features.model_copy(update={"kinds": ["cochlea"]})
    with pytest.raises(SpikesoundError, match=r"features\.kinds: a cochlea's neurons go on"):
        params.model_copy(update={"features": features}).of_task("detection")
