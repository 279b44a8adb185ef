"""YAMNet's front end: against the published input, and by its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from published import published

from spikesound.core.errors import SpikesoundError
from spikesound.features import bin_names, compute, feature_shape
from spikesound.features.extract import range_groups, with_fixed_ranges
from spikesound.features.yamnet_mel import LOW, SPAN, fft_size, mel_of, mel_weights
from spikesound.models.pretrained.yamnet import FEATURES
from spikesound.params import Params


def test_it_gives_the_published_spectra_of_the_published_sound() -> None:
    """0.975 s of sound. Theirs is scaled to its peak, and 0.01 is added where YAMNet adds 0.001."""
    samples = np.fromfile(published("yamnet_test_audio.bin"), np.int16)
    expected = np.fromfile(published("yamnet_test_spectra.bin"), np.float32).reshape(96, 64)
    sound = samples.astype(np.float32) / np.abs(samples).max()
    found = compute(torch.from_numpy(sound[None]), FEATURES)[0]
    assert found.shape == feature_shape(FEATURES) == (98, 64)
    magnitudes = np.exp(found[:96].numpy()) - 0.001
    assert np.abs(np.log(magnitudes + 0.01) - expected).max() < 1e-4


def test_silence_is_the_low_end_and_a_sine_of_full_scale_is_within_the_span() -> None:
    silence = torch.zeros(1, 16000)
    assert torch.allclose(compute(silence, FEATURES), torch.tensor(LOW))
    loud = torch.sin(2 * math.pi * 1000 * torch.arange(16000) / 16000)[None]
    square = loud.sign()
    for sound in (loud, square):
        values = compute(sound, FEATURES)
        assert LOW + SPAN > values.max() > LOW + 10


def test_a_frame_begins_at_its_hop() -> None:
    """A click at sample 1,600 is in the frames that begin 399 to 0 samples before it."""
    click = torch.zeros(1, 4000)
    click[0, 1600] = 1
    active = (compute(click, FEATURES)[0] > LOW + 0.01).any(1)
    assert active.nonzero().flatten().tolist() == [8, 9], "a Hann window begins with 0"


def test_a_sine_is_loudest_in_the_band_around_it() -> None:
    middles = [float(name.split()[2]) for name in bin_names(FEATURES)]
    assert len(middles) == 64
    assert 125 < middles[0] < middles[-1] < 7500
    for hz in (500.0, 2000.0, 6000.0):
        wave = torch.sin(2 * math.pi * hz * torch.arange(8000) / 16000)[None]
        loudest = int(compute(wave, FEATURES)[0, 10].argmax())
        nearest = int(np.abs(mel_of(np.array(middles)) - mel_of(hz)).argmin())
        assert abs(loudest - nearest) <= 1


def test_filters_are_triangles_over_the_mel_axis() -> None:
    weights = mel_weights(16000, 400, 64, 125.0, 7500.0)
    assert weights.shape == (257, 64)
    assert fft_size(400) == fft_size(512) == 512
    assert not weights[0].any(), "the bin of 0 Hz"
    corners = np.linspace(mel_of(125.0), mel_of(7500.0), 66)
    place = mel_of(100 * 16000 / 512)
    band = (
        int(np.searchsorted(corners, place)) - 1
    )  # it rises in this filter, falls in the one before
    share = (place - corners[band]) / (corners[band + 1] - corners[band])
    assert weights[100, band] == pytest.approx(share, abs=1e-5)
    assert weights[100, band - 1] == pytest.approx(1 - share, abs=1e-5)
    inner = (mel_of(np.arange(257) * 31.25) > corners[1]) & (
        mel_of(np.arange(257) * 31.25) < corners[-2]
    )
    assert torch.allclose(weights[inner].sum(1), torch.ones(int(inner.sum())), atol=1e-5)


def test_its_range_is_fixed_and_those_of_other_kinds_are_fitted() -> None:
    params = FEATURES.model_copy(update={"kinds": ["rms", "yamnet_mel"]})
    fitted = {"1": {"low": [0.1] + [-3.0] * 64, "high": [0.5] + [1.0] * 64}}
    found = with_fixed_ranges(fitted, params)
    assert found["1"]["low"] == [0.1] + [LOW] * 64
    assert found["1"]["high"] == [0.5] + [LOW + SPAN] * 64
    assert fitted["1"]["low"][1] == -3.0, "what was given is as it was"
    assert [group.bins for group in range_groups(params)] == [1] * 65


def test_detection_is_refused(params: Params) -> None:
    changed = params.model_copy(update={"features": FEATURES})
    with pytest.raises(SpikesoundError, match="yamnet_mel are not centred"):
        changed.of_task("detection")
