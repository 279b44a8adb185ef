"""Filters against scipy's, and at any loudness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import butter, fftconvolve, sosfilt

from spikesound.audio.filters import ORDER, convolve, high_pass, low_pass

RATE_HZ = 22050


def noise(samples: int, loudness: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(samples, generator=generator, dtype=torch.float64) * loudness


@pytest.mark.parametrize("loudness", [1e-6, 0.1, 1.0, 50.0])
@pytest.mark.parametrize("cutoff_hz", [250.0, 1000.0, 4000.0, 8000.0])
def test_the_filters_are_scipys_butterworth(cutoff_hz: float, loudness: float) -> None:
    samples = noise(20000, loudness)
    for kind, mine in (("lowpass", low_pass), ("highpass", high_pass)):
        sections = butter(ORDER, cutoff_hz, kind, fs=RATE_HZ, output="sos")
        expected = sosfilt(sections, samples.numpy())
        found = mine(samples, RATE_HZ, cutoff_hz).numpy()
        assert np.abs(found - expected).max() < 1e-12 * loudness
        single = mine(samples.float(), RATE_HZ, cutoff_hz)
        assert single.dtype == torch.float32
        assert np.abs(single.numpy() - expected).max() < 1e-6 * loudness


def test_a_batch_is_filtered_as_its_clips_are_and_silence_stays() -> None:
    batch = torch.stack([noise(3000), torch.zeros(3000, dtype=torch.float64), noise(3000, 0.1)])
    together = low_pass(batch, RATE_HZ, 700.0)
    for clip, filtered in zip(batch, together, strict=True):
        assert torch.allclose(low_pass(clip, RATE_HZ, 700.0), filtered, rtol=0, atol=1e-14)
    assert not together[1].any()
    assert low_pass(batch[:, :0], RATE_HZ, 700.0).shape == (3, 0)


def test_a_response_is_convolved_and_cut_to_the_length() -> None:
    samples, response = noise(5000), noise(800)
    expected = fftconvolve(samples.numpy(), response.numpy())[:5000]
    np.testing.assert_allclose(convolve(samples, response).numpy(), expected, atol=1e-11)
