"""Features: against librosa, against values worked out by hand, and against relations."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import librosa
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from project import ROOT

from spikesound.audio.resampling import fit_length, resample
from spikesound.core.errors import SpikesoundError
from spikesound.features import (
    CHUNK_SAMPLES,
    FEATURES,
    bin_names,
    clip_samples,
    compute,
    feature_shape,
    stored,
)
from spikesound.features.framing import cut_frames, decibels, frame_count, power_spectrum
from spikesound.features.mel import cosines, log_mel, mel_filters, mfcc
from spikesound.features.mel_scale import mel_frequencies_hz, mel_triangles
from spikesound.features.spectral import band_energy_ratio, spectral_bandwidth, spectral_flux
from spikesound.params import FeatureKind, FeatureParams, Params

KINDS = get_args(FeatureKind)
OF_SOUND = [kind for kind in KINDS if kind != "spike_counts"]
FRAMINGS = [(1024, 1024), (1024, 256), (400, 160), (512, 300), (401, 100)]
REAL = ROOT / "data" / "esc10" / "audio" / "1-100032-A.ogg"


@pytest.fixture(scope="module")
def base(params: Params) -> FeatureParams:
    """The project's feature parameters."""
    return params.features


def with_kinds(base: FeatureParams, *kinds: str, **changes: object) -> FeatureParams:
    return FeatureParams.model_validate(base.model_dump() | {"kinds": list(kinds)} | changes)


def noise(*shape: int, seed: int = 0, amplitude: float = 0.1) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(shape)
    return (amplitude * values).clip(-1, 1).astype(np.float32)


def sine(hz: float, seconds: float = 1.0, amplitude: float = 1.0, rate_hz: int = 22050):
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def values_of(wave: np.ndarray, params: FeatureParams) -> np.ndarray:
    """Features of one wave, (frame, bin)."""
    return compute(torch.from_numpy(wave)[None], params)[0].numpy()


# --- the contract of every entry ---------------------------------------------------------------


def test_the_registry_has_every_kind_that_params_allow() -> None:
    assert list(FEATURES) == list(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_SOUND)
def test_contract(kind: str, base: FeatureParams) -> None:
    params = with_kinds(base, kind)
    length = clip_samples(params)
    sounds = [noise(length), sine(440, 5.0), np.zeros(length, np.float32)]
    sounds += [noise(length, seed=seed) for seed in range(1, 6)]
    waves = torch.from_numpy(np.stack(sounds))
    values = compute(waves, params)
    frames, bins = feature_shape(params)
    assert frames * params.window * len(waves) > CHUNK_SAMPLES, "needs more clips: one chunk only"
    assert values.shape == (len(waves), frames, bins)
    assert frames == 1 + length // params.hop
    assert values.dtype == torch.float32
    assert torch.isfinite(values).all()
    assert np.isfinite(stored(values)).all()
    assert len(set(bin_names(params))) == bins
    assert values[0].std() > 0, "noise has no constant feature"
    for one, together in zip(waves, values, strict=True):
        assert torch.equal(compute(one[None], params)[0], together), "depends on its neighbours"


@pytest.mark.parametrize("kind", OF_SOUND)
def test_a_kind_uses_the_parameters_it_names_and_no_other(kind: str, base: FeatureParams) -> None:
    changed = {"mels": 40, "mfccs": 12, "low_hz": 50.0, "high_hz": 8000.0, "split_hz": 1000.0}
    wave = noise(22050)
    before = values_of(wave, with_kinds(base, kind))
    for name, value in changed.items():
        after = values_of(wave, with_kinds(base, kind, **{name: value}))
        assert np.array_equal(before, after) == (name not in FEATURES[kind].uses), name


def test_kinds_lie_side_by_side_in_the_order_asked_for(base: FeatureParams) -> None:
    kinds = ["rms", "mfcc", "mel", "spectral_flux"]
    wave = noise(22050)
    together = values_of(wave, with_kinds(base, *kinds))
    alone = [values_of(wave, with_kinds(base, kind)) for kind in kinds]
    assert np.array_equal(together, np.concatenate(alone, axis=1))
    assert bin_names(with_kinds(base, *kinds))[:2] == ["rms", "mfcc 0"]


def test_silence_is_the_floor_and_nothing_else(base: FeatureParams) -> None:
    silence = np.zeros(22050, np.float32)
    expected = {"mel": -100, "spectrogram": -100, "band_energy_ratio": 0, "spectral_bandwidth": 0}
    for kind, value in (expected | {"rms": 0, "spectral_flux": 0, "amplitude_envelope": 0}).items():
        assert np.all(values_of(silence, with_kinds(base, kind)) == value), kind


# --- against librosa ---------------------------------------------------------------------------


def librosa_values(wave: np.ndarray, kind: str, p: FeatureParams) -> np.ndarray:
    framing = {"n_fft": p.window, "hop_length": p.hop, "pad_mode": "constant"}
    magnitude = np.abs(librosa.stft(wave, **framing))
    bands = {"n_mels": p.mels, "fmin": p.low_hz, "fmax": p.high_hz}
    if kind in ("mel", "mfcc"):
        power = librosa.feature.melspectrogram(y=wave, sr=p.rate_hz, **framing, **bands)
        levels = librosa.power_to_db(power, top_db=None)
        return levels.T if kind == "mel" else librosa.feature.mfcc(S=levels, n_mfcc=p.mfccs).T
    if kind == "spectrogram":
        return librosa.power_to_db(magnitude**2, top_db=None).T
    if kind == "rms":
        return librosa.feature.rms(
            y=wave, frame_length=p.window, hop_length=p.hop, pad_mode="constant"
        ).T
    if kind == "spectral_bandwidth":
        return librosa.feature.spectral_bandwidth(S=magnitude, sr=p.rate_hz, n_fft=p.window).T
    assert kind == "spectral_flux"
    return librosa.onset.onset_strength(
        S=magnitude, sr=p.rate_hz, lag=1, max_size=1, center=False, aggregate=np.mean
    )[:, None]


@pytest.mark.slow
@pytest.mark.parametrize(("window", "hop"), FRAMINGS)
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("mel", 0.001),  # dB
        ("mfcc", 0.001),  # dB
        ("spectrogram", 0.1),  # dB: single bins of noise can come near to 0
        ("rms", 1e-6),
        ("spectral_bandwidth", 0.05),  # Hz
        ("spectral_flux", 1e-5),
    ],
)
def test_noise_gives_what_librosa_gives(
    kind: str, tolerance: float, window: int, hop: int, base: FeatureParams
) -> None:
    params = with_kinds(base, kind, window=window, hop=hop, mels=20)
    wave = noise(22050)
    assert values_of(wave, params) == pytest.approx(
        librosa_values(wave, kind, params), abs=tolerance
    )


def test_a_real_recording_gives_librosas_log_mel(base: FeatureParams) -> None:
    samples, rate_hz = soundfile.read(REAL, dtype="float32")
    wave = resample(samples, rate_hz, base.rate_hz)
    ours, theirs = values_of(wave, base), librosa_values(wave, "mel", base)
    # Where a band is some 100 dB below the frame's loudest, both are float32's rounding noise.
    heard = theirs > theirs.max(axis=1, keepdims=True) - 80
    assert np.abs(ours - theirs)[heard].max() < 0.01
    assert np.abs(ours - theirs).max() < 0.5


@pytest.mark.parametrize(("window", "hop"), FRAMINGS)
def test_the_two_without_a_librosa_twin_match_a_plain_loop(
    window: int, hop: int, base: FeatureParams
) -> None:
    wave = noise(8000, amplitude=0.3)
    params = with_kinds(
        base, "amplitude_envelope", "band_energy_ratio", window=window, hop=hop, mels=20
    )
    padded = np.pad(wave, window // 2)
    hann = np.hanning(window + 1)[:-1]
    rows = []
    for start in range(0, len(padded) - window + 1, hop):
        frame = padded[start : start + window].astype(np.float64)
        power = np.abs(np.fft.rfft(frame * hann)) ** 2
        low = np.fft.rfftfreq(window, 1 / params.rate_hz) < params.split_hz
        rows.append([np.abs(frame).max(), 10 * np.log10(power[low].sum() / power[~low].sum())])
    assert values_of(wave, params) == pytest.approx(np.array(rows), abs=1e-4)


def test_resampling_is_librosas() -> None:
    wave = noise(44100)
    theirs = librosa.resample(wave, orig_sr=44100, target_sr=22050, res_type="soxr_hq")
    assert np.array_equal(resample(wave, 44100, 22050), theirs)


# --- worked out by hand ------------------------------------------------------------------------


def test_mel_filters_are_slaneys_triangles() -> None:
    # Below 1 kHz Slaney's scale is linear: 3 filters over 0-800 Hz have corners 0, 200, ... 800 Hz.
    # Bins are 100 Hz apart; the norm is 2 / (400 Hz).
    ((first, end, weights),) = mel_filters(8000, 80, 3, 0.0, 800.0)
    assert (first, end) == (1, 8)
    expected = np.zeros((7, 3))
    expected[0:3, 0] = expected[2:5, 1] = expected[4:7, 2] = [0.0025, 0.005, 0.0025]
    assert weights.numpy() == pytest.approx(expected, abs=1e-8)


def test_grouped_filters_are_all_of_librosas() -> None:
    whole = torch.zeros(513, 70)
    groups = mel_filters(22050, 1024, 70, 20.0, 11000.0)
    column = 0
    for first, end, weights in groups:
        whole[first:end, column : column + weights.shape[1]] = weights
        column += weights.shape[1]
    theirs = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=70, fmin=20.0, fmax=11000.0)
    assert len(groups) > 1
    assert column == 70
    assert np.array_equal(whole.numpy(), theirs.T)


@pytest.mark.parametrize("rate_hz", [8000, 22050])
@pytest.mark.parametrize("window", [640, 1023, 2048])
@pytest.mark.parametrize(("low_hz", "high_hz"), [(0.0, 4000.0), (50.0, 3500.0), (1200.0, 3999.5)])
def test_mel_filters_are_librosas_to_the_bit(
    rate_hz: int, window: int, low_hz: float, high_hz: float
) -> None:
    ours = mel_triangles(rate_hz, window, 16, low_hz, high_hz)
    theirs = librosa.filters.mel(sr=rate_hz, n_fft=window, n_mels=16, fmin=low_hz, fmax=high_hz)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(
        mel_frequencies_hz(18, low_hz, high_hz),
        librosa.mel_frequencies(18, fmin=low_hz, fmax=high_hz),
    )


def test_log_mel_of_one_bin() -> None:
    power = torch.zeros(1, 1, 41)
    power[0, 0, 2] = 200.0  # at 200 Hz, the first filter's top: 200 * 0.005 = 1
    levels_db = log_mel(power, mel_filters(8000, 80, 3, 0.0, 800.0))
    assert levels_db[0, 0].tolist() == pytest.approx([0, -100, -100], abs=1e-5)


def test_a_flat_log_mel_has_only_the_zeroth_coefficient() -> None:
    coefficients = mfcc(torch.full((1, 1, 16), -40.0), 5)
    assert coefficients[0, 0].tolist() == pytest.approx([-160, 0, 0, 0, 0], abs=1e-4)


def test_the_cosines_are_orthonormal() -> None:
    columns = cosines(40, 40)
    assert (columns.T @ columns).numpy() == pytest.approx(np.eye(40), abs=1e-6)


def test_a_sine_in_the_middle_of_a_bin_has_its_power_there(base: FeatureParams) -> None:
    hz = 100 * 22050 / 1024
    levels_db = values_of(sine(hz), with_kinds(base, "spectrogram"))[5]
    assert levels_db.argmax() == 100
    assert levels_db[100] == pytest.approx(20 * np.log10(1024 / 4), abs=0.001)


def test_rms_of_a_full_scale_sine_is_minus_3_db(base: FeatureParams) -> None:
    values = values_of(sine(100 * 22050 / 1024), with_kinds(base, "rms"))[2:-2]
    assert 20 * np.log10(values) == pytest.approx(-3.0103, abs=0.001)


def test_the_amplitude_envelope_follows_the_peak(base: FeatureParams) -> None:
    wave = np.zeros(4 * 1024, np.float32)
    wave[2048] = -0.75  # the centre of the third frame; frames do not overlap
    values = values_of(wave, with_kinds(base, "amplitude_envelope"))
    assert values[:, 0].tolist() == [0, 0, 0.75, 0, 0]


@pytest.mark.parametrize("hz", [200.0, 1000.0, 3000.0, 8000.0])
def test_a_sines_energy_is_in_the_band_named_nearest(hz: float, base: FeatureParams) -> None:
    loudest = values_of(sine(hz), base)[2:-2].argmax(axis=1)
    centres_hz = np.array([float(name.split()[1]) for name in bin_names(base)])
    assert set(loudest) == {int(np.abs(centres_hz - hz).argmin())}


def test_band_ratio_of_two_sines_is_the_ratio_of_their_powers(base: FeatureParams) -> None:
    step_hz = 22050 / 1024
    wave = sine(30 * step_hz, amplitude=0.5) + sine(300 * step_hz, amplitude=0.05)
    values = values_of(wave, with_kinds(base, "band_energy_ratio"))[2:-2]
    assert values == pytest.approx(20.0, abs=0.01)


def test_bandwidth_of_two_equal_bins_is_half_their_distance() -> None:
    magnitude = torch.tensor([[[0.0, 3.0, 0.0, 3.0, 0.0]]])
    frequencies = torch.tensor([0.0, 100.0, 200.0, 300.0, 400.0])
    assert spectral_bandwidth(magnitude, frequencies).item() == pytest.approx(100)


def test_flux_counts_growth_only() -> None:
    magnitude = torch.tensor([[[1.0, 1.0], [3.0, 0.0], [3.0, 0.0], [0.0, 4.0]]])
    assert spectral_flux(magnitude)[0, :, 0].tolist() == [0, 1, 0, 2]


def test_band_ratio_at_the_split_counts_as_above() -> None:
    power, frequencies = torch.tensor([[[1.0, 10.0]]]), torch.tensor([0.0, 50.0])
    assert band_energy_ratio(power, frequencies, 50.0).item() == pytest.approx(-10)


def test_fit_length_cuts_or_adds_zeros() -> None:
    wave = np.array([1, 2, 3], np.float32)
    assert fit_length(wave, 2).tolist() == [1, 2]
    assert fit_length(wave, 3).tolist() == [1, 2, 3]
    assert fit_length(wave, 5).tolist() == [1, 2, 3, 0, 0]


def test_resampling_keeps_a_sine_and_removes_what_would_alias() -> None:
    kept = resample(sine(5000, rate_hz=44100), 44100, 22050)
    assert kept.shape == (22050,)
    assert kept[1000:-1000] == pytest.approx(sine(5000)[1000:-1000], abs=1e-5)
    assert np.abs(resample(sine(12050, rate_hz=44100), 44100, 22050)[1000:-1000]).max() < 1e-5


# --- relations ---------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.05, 20), seed=st.integers(0, 1000))
def test_a_gain_shifts_levels_down_to_the_floor(gain: float, seed: int) -> None:
    power = power_spectrum(cut_frames(torch.from_numpy(noise(1, 4096, seed=seed)), 512, 256))
    expected_db = np.maximum(decibels(power).numpy() + 20 * np.log10(gain), -100)
    assert decibels(power * gain**2).numpy() == pytest.approx(expected_db, abs=1e-3)


def test_doubling_the_amplitude_raises_the_log_mel_by_6_db(base: FeatureParams) -> None:
    wave = noise(22050)
    rise_db = values_of(2 * wave, base) - values_of(wave, base)
    assert rise_db == pytest.approx(6.0206, abs=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in OF_SOUND if kind != "mel_windows"])  # resized
def test_a_delay_by_whole_hops_delays_the_frames(kind: str, base: FeatureParams) -> None:
    params = with_kinds(base, kind, hop=256)
    wave = noise(8192)
    late = values_of(np.concatenate([np.zeros(3 * 256, np.float32), wave]), params)
    # Frames that reach into the added silence or over the end see another neighbourhood.
    assert late[6:30] == pytest.approx(values_of(wave, params)[3:27], rel=1e-4, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(1, 5000), half=st.integers(8, 600), hop=st.integers(1, 600))
def test_frames_are_as_many_as_counted(samples: int, half: int, hop: int) -> None:
    for window in (2 * half, 2 * half + 1):
        frames = cut_frames(torch.zeros(1, samples), window, hop)
        assert frames.shape == (1, frame_count(samples, window, hop), window)
    assert frame_count(samples, 2 * half, hop) == 1 + samples // hop


def test_mel_bands_are_named_in_rising_order(base: FeatureParams) -> None:
    centres_hz = [float(name.split()[1]) for name in bin_names(base)]
    assert len(centres_hz) == base.mels
    assert all(low < high for low, high in pairwise(centres_hz))


# --- failures ----------------------------------------------------------------------------------


def test_mel_filters_without_a_bin_are_refused(base: FeatureParams) -> None:
    with pytest.raises(
        SpikesoundError, match=r"features\.mels 128: \d+ of the filters fall between"
    ):
        values_of(noise(4096), with_kinds(base, "mel", mels=128, window=256, hop=256))


def test_a_split_above_the_spectrum_is_refused(base: FeatureParams) -> None:
    with pytest.raises(SpikesoundError, match=r"features\.split_hz 20000 is above"):
        values_of(noise(4096), with_kinds(base, "band_energy_ratio", split_hz=20000.0))
