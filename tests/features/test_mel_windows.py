"""Spectrograms of three windows: against torchaudio's and Pillow's resizing; refused uses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchaudio

from spikesound.core.errors import SpikesoundError
from spikesound.costs.front_end import frame_work
from spikesound.features import bin_names, compute
from spikesound.features.mel_windows import resized
from spikesound.params import FeatureParams, Params


@pytest.fixture(scope="module")
def features(params: Params) -> FeatureParams:
    """As for the networks of images: 128 bands, a frame every 20 ms."""
    changes = {"kinds": ["mel_windows"], "rate_hz": 44100, "hop": 882, "mels": 128}
    return params.features.model_copy(update=changes | {"high_hz": 22050.0})


WAVE = np.random.default_rng(0).standard_normal(66150).clip(-1, 1).astype(np.float32) * 0.1


def test_each_window_is_torchaudios_spectrogram_resized(features: FeatureParams) -> None:
    found = compute(torch.from_numpy(WAVE)[None], features)[0]
    assert found.shape == (76, 3 * 128)
    pairs = ((1102, 441), (2205, 1102), (4410, 2205))
    for place, (window, hop) in enumerate(pairs):
        power = torchaudio.transforms.MelSpectrogram(
            44100, 4410, window, hop, features.low_hz, 22050.0, n_mels=128, pad_mode="constant",
            norm="slaney", mel_scale="slaney",
        )(torch.from_numpy(WAVE)[None])  # fmt: skip
        levels = 10 * power.clamp(min=1e-10).log10().transpose(1, 2)
        expected = resized(levels, 76)[0].numpy()
        mine = found[:, place * 128 : (place + 1) * 128].numpy()
        assert mine == pytest.approx(expected, abs=2e-3)
    assert len(set(bin_names(features))) == 384


@pytest.mark.parametrize("frames", [151, 31])
def test_frames_are_resized_as_images_are(frames: int) -> None:
    images = pytest.importorskip("PIL.Image")
    levels = np.random.default_rng(1).uniform(-80, 0, (frames, 128)).astype(np.float32)
    expected = images.fromarray(levels).resize((128, 76), images.Resampling.BILINEAR)
    found = resized(torch.from_numpy(levels)[None], 76)[0].numpy()
    assert found == pytest.approx(np.asarray(expected), abs=1e-3)


def test_the_shorter_window_tells_clicks_apart(features: FeatureParams) -> None:
    clicks = np.zeros(44100, np.float32)
    clicks[[22000, 22000 + 2205]] = 1.0  # 50 ms apart
    found = compute(torch.from_numpy(clicks)[None], features)[0].reshape(-1, 3, 128).mean(2)
    spread = found[25:28].amax(0) - found[25:28].amin(0)  # from click to click
    assert spread[0] > 40 > 15 > spread[2]


def test_detection_is_refused(params: Params, features: FeatureParams) -> None:
    changed = params.model_copy(update={"features": features})
    with pytest.raises(SpikesoundError, match="mel_windows are resized over the clip; detection"):
        changed.of_task("detection")


def test_its_work_is_that_of_all_its_windows(features: FeatureParams) -> None:
    half = features.model_copy(update={"hop": 441})
    one, other = frame_work(features, 384), frame_work(half, 384)
    constant = 384 + 9 * 128  # normalisation, logarithms and resizing, each frame
    assert one.macs - constant == pytest.approx(2 * (other.macs - constant))
    spectrum = 4410 + 4 * 4410 / 4 * 13 + 2 * 2206
    assert one.macs > (882 / 441 + 882 / 1102 + 882 / 2205) * spectrum
