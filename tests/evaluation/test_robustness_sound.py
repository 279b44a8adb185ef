"""Disturbed sound: exact ratios of signal to noise, slopes, channels, and the features' own way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from sounds import Sounds, small

from spikesound.audio import mixing
from spikesound.audio.recordings import read_recordings
from spikesound.audio.resampling import Wave
from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.robustness.channel import CHANNELS
from spikesound.evaluation.robustness.codec import opus
from spikesound.evaluation.robustness.conditions import (
    CLEAN,
    CODEC,
    NOISY,
    UNITS,
    Condition,
    fault_conditions,
    sound_conditions,
)
from spikesound.evaluation.robustness.disturb import Setup, analysed, disturb, disturbed
from spikesound.evaluation.robustness.faults import FAULTS
from spikesound.evaluation.robustness.noises import NOISES, Recordings
from spikesound.features.shards import Shards
from spikesound.params import FeatureParams, Params
from spikesound.params.robustness import FaultParams, SoundParams

RATE_HZ = 22050
SOUND = SoundParams(
    snr_db=[10.0, 0.0],
    talkers=2,
    reverberation_s=[0.3],
    gain_db=[20.0],
    low_pass_hz=[1000.0],
    high_pass_hz=[500.0],
    codec_kbit_s=[],
    dropped_frames=[0.3],
)


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(samples: int, seed: int = 0) -> Wave:
    return draws(seed).standard_normal(samples, dtype=np.float32)


def recordings(seed: int = 0) -> Recordings:
    voices = [np.sin(np.arange(9000) * step).astype(np.float32) for step in (0.1, 0.2, 0.3)]
    return Recordings(voices, [noise(7000, seed)], talkers=2)


def power(wave: Wave) -> float:
    return float(np.mean(np.square(wave, dtype=np.float64)))


def sounding(wave: Wave) -> slice:
    first, length = mixing.sounding(torch.from_numpy(wave))
    return slice(int(first), int(first + length))


def mix(signal: Wave, added: Wave, snr_db: float) -> Wave:
    mixed: Wave = mixing.add_noise(
        torch.from_numpy(signal), torch.from_numpy(added), snr_db
    ).numpy()
    return mixed


def level_db(wave: Wave, low_hz: float, high_hz: float) -> float:
    """Return the mean power density between two frequencies, in dB."""
    spectrum = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
    hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    return float(10 * np.log10(spectrum[(hz >= low_hz) & (hz < high_hz)].mean()))


@pytest.mark.slow
@given(
    st.sampled_from(sorted(NOISES)),
    st.floats(-20, 40),
    st.integers(0, 2**32),
    st.floats(0.001, 0.5),
    st.integers(0, 3000),
)
def test_the_measured_ratio_is_the_one_asked_for(
    name: str, snr_db: float, seed: int, loudness: float, padding: int
) -> None:
    signal = np.pad(noise(4000, seed) * np.float32(loudness), (0, padding))
    added = NOISES[name](len(signal), recordings(), draws(seed))
    mixed = mix(signal, added, snr_db)
    stretch = sounding(signal)
    # The noise that is in it, in double precision: what is left when the signal is taken away.
    rest = mixed.astype(np.float64) - signal
    measured = 10 * np.log10(power(signal[stretch]) / np.mean(rest[stretch] ** 2))
    assert measured == pytest.approx(snr_db, abs=0.05)


def test_zeros_at_the_ends_change_no_ratio_and_are_filled_with_noise() -> None:
    signal, added = noise(5000, 1) * np.float32(0.1), noise(20000, 2)
    whole = mix(signal, added[:5000], 0.0)
    padded = mix(np.pad(signal, (0, 15000)), added, 0.0)
    assert np.allclose(padded[:5000], whole, atol=1e-6)
    assert power(padded[5000:]) == pytest.approx(power(signal), rel=0.05)


def test_a_pause_within_a_clip_belongs_to_it_and_quiet_ends_do_not() -> None:
    wave = np.zeros(1000, np.float32)
    wave[200], wave[700], wave[900] = 1.0, -0.5, 1e-4
    assert sounding(wave) == slice(200, 701)


def test_a_silent_clip_has_no_noise() -> None:
    silence = np.zeros(100, np.float32)
    assert sounding(silence).stop == sounding(silence).start
    assert not mix(silence, noise(100), 0.0).any()


@pytest.mark.slow
def test_white_noise_is_flat_and_pink_noise_falls_by_3_db_an_octave() -> None:
    octaves = [(100 * 2**i, 200 * 2**i) for i in range(6)]
    for name, slope in (("white", 0.0), ("pink", -3.01)):
        wave = NOISES[name](40 * RATE_HZ, recordings(), draws())
        levels = [level_db(wave, *octave) for octave in octaves]
        assert np.polyfit(range(6), levels, 1)[0] == pytest.approx(slope, abs=0.1), name


def test_babble_is_of_several_talkers_of_equal_power() -> None:
    wave = NOISES["babble"](30000, recordings(), draws(3))
    spectrum = np.abs(np.fft.rfft(wave))
    places = [round(step / (2 * np.pi) * 30000) for step in (0.1, 0.2, 0.3)]
    heights = sorted(spectrum[place - 9 : place + 10].max() for place in places)
    assert heights[1] > 0.5 * heights[2], "two of the three talk"
    assert heights[0] < 0.1 * heights[2]


def test_a_recording_starts_at_random_and_begins_anew_where_it_ends() -> None:
    one = Recordings([], [np.arange(1.0, 8.0, dtype=np.float32)], 1)
    starts = set()
    for seed in range(50):
        wave = NOISES["background"](20, one, draws(seed))
        starts.add(float(wave[0]))
        assert set(np.diff(wave)) == {1.0, -6.0}, "each follows the one before, cyclically"
    assert starts == set(np.arange(1.0, 8.0))


def test_recordings_are_read_in_one_channel_at_the_wanted_rate(tmp_path: Path) -> None:
    tone = np.sin(np.arange(16000) * 2 * np.pi * 440 / 8000)
    soundfile.write(tmp_path / "b.flac", np.stack([tone, tone], 1) * 0.5, 8000)
    soundfile.write(tmp_path / "a.wav", tone * 0.25, 8000)
    (tmp_path / "README.md").write_text("not a recording", encoding="utf-8")
    first, second = read_recordings(tmp_path, 16000)
    assert len(first) == len(second) == 32000
    assert power(second) == pytest.approx(4 * power(first), rel=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no recording"),
        (b"no sound", "a.wav"),
        (0.0, "silent"),
        (0.5, "too short: .*got 0.50 s"),
    ],
)
def test_a_folder_without_a_good_recording_is_named(
    content: float | bytes | None, message: str, tmp_path: Path
) -> None:
    if isinstance(content, bytes):
        (tmp_path / "a.wav").write_bytes(content)
    elif content is not None:
        soundfile.write(tmp_path / "a.wav", np.full(4000 if content else 9000, content), 8000)
    with pytest.raises(SpikesoundError, match=message):
        read_recordings(tmp_path, 8000)


@pytest.mark.slow
@given(st.sampled_from(sorted(CHANNELS)), st.integers(100, 5000), st.integers(0, 999))
def test_a_channel_keeps_length_and_type(name: str, samples: int, seed: int) -> None:
    level = {"low_pass": 1000.0, "high_pass": 500.0, "gain": 20.0}.get(name, 0.3)
    wave = noise(samples, seed)
    heard = CHANNELS[name](wave, RATE_HZ, level, draws(seed))
    assert heard.shape == wave.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()


def test_reverberation_falls_by_60_db_in_its_time() -> None:
    click = np.zeros(2 * RATE_HZ, np.float32)
    click[0] = 1
    response = CHANNELS["reverberation"](click, RATE_HZ, 0.8, draws()).astype(np.float64)
    assert np.sum(response**2) == pytest.approx(1, abs=0.1), "the room's energy"
    assert response[0] ** 2 == pytest.approx(0.5, abs=0.1), "half of it direct sound"
    window = round(0.05 * RATE_HZ)
    early = power(response[1 : 1 + window])
    late = power(response[round(0.4 * RATE_HZ) :][:window])
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=1.5), "half the time, half the dB"


def test_gain_is_exact_until_full_scale() -> None:
    wave = np.array([0.01, -0.05, 0.5, -0.5], np.float32)
    assert CHANNELS["gain"](wave, 1, 20.0, draws()) == pytest.approx([0.1, -0.5, 1, -1])
    assert CHANNELS["gain"](wave, 1, -20.0, draws()) == pytest.approx([0.001, -0.005, 0.05, -0.05])


@pytest.mark.parametrize(
    ("name", "kept", "lost"), [("low_pass", 250, 4000), ("high_pass", 4000, 250)]
)
def test_a_band_limit_keeps_one_side_and_takes_the_other(name: str, kept: int, lost: int) -> None:
    wave = noise(4 * RATE_HZ)
    heard = CHANNELS[name](wave, RATE_HZ, 1000.0, draws())

    def change(hz: float) -> float:
        return level_db(heard, hz, 1.1 * hz) - level_db(wave, hz, 1.1 * hz)

    assert change(kept) == pytest.approx(0, abs=0.1)
    assert change(lost) < -60
    assert level_db(heard, 990, 1010) - level_db(wave, 990, 1010) == pytest.approx(-3, abs=0.3)


def test_dropped_frames_are_whole_packets_of_20_ms() -> None:
    wave = np.ones(500 * 441, np.float32)
    packets = CHANNELS["dropped_frames"](wave, RATE_HZ, 0.3, draws()).reshape(500, 441)
    assert set(packets.mean(axis=1)) == {0.0, 1.0}
    assert packets.mean() == pytest.approx(0.7, abs=0.06)


def test_opus_gives_each_clip_back_in_its_place() -> None:
    waves = []
    for number in range(3):
        bursts = noise(RATE_HZ, number) * np.float32(0.1)
        bursts[: 3000 * (number + 1)] = 0  # each begins at another time
        waves.append(bursts)
    back = opus(waves, RATE_HZ, 64)
    for wave, heard in zip(waves, back, strict=True):
        assert len(heard) == len(wave)
        match = np.correlate(heard[9000:18000], wave[10000:17000], "valid")
        assert abs(int(match.argmax()) - 1000) <= 2, "samples of delay"
    assert [np.flatnonzero(np.abs(heard) > 0.05)[0] // 3000 for heard in back] == [1, 2, 3]


def test_opus_at_a_lower_rate_is_further_from_the_sound() -> None:
    wave = noise(2 * RATE_HZ) * np.float32(0.1)
    errors = [power(opus([wave], RATE_HZ, rate)[0] - wave) for rate in (6, 64)]
    assert errors[0] > 1.3 * errors[1]


def test_conditions_are_those_of_the_registries() -> None:
    sound = sound_conditions(SOUND.model_copy(update={"codec_kbit_s": [6.0]}), RATE_HZ)
    names = list(dict.fromkeys(condition.name for condition in sound))
    assert names == [*NOISY, *(name for name in UNITS if name in CHANNELS or name == CODEC)]
    assert set(NOISY) == set(NOISES)
    assert set(UNITS) == {CLEAN, CODEC, *NOISES, *CHANNELS, *FAULTS}
    assert {name for name in FaultParams.model_fields if name != "draws"} == set(FAULTS)
    assert sound[:2] == [Condition("white", 10.0), Condition("white", 0.0)]
    assert len({condition.file for condition in sound}) == len(sound)
    faults = FaultParams(
        draws=1, weight_noise=[0.1], stuck_silent=[], stuck_firing=[], dropped_spikes=[],
        weight_bits=[8],
    )  # fmt: skip
    assert fault_conditions(faults) == [Condition("weight_noise", 0.1), Condition("weight_bits", 8)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"snr_db": [0.0, 0.0]}, "level 0 of white"), ({"low_pass_hz": [11025.0]}, "low_pass_hz")],
)
def test_levels_that_cannot_be_are_errors(changes: dict[str, list[float]], message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        sound_conditions(SOUND.model_copy(update=changes), RATE_HZ)


def prepared(params: Params, tmp_path: Path) -> tuple[Sounds, FeatureParams, Setup]:
    sounds = Sounds(tmp_path, 7, instead={"clip-3": np.zeros(6000, np.int16)})
    features = small(params.features)
    sounds.extract(features, tmp_path)
    setup = Setup(sound_conditions(SOUND, features.rate_hz), recordings(), features, seed=5)
    return sounds, features, setup


def test_undisturbed_sound_gives_the_features_of_the_features_stage(
    params: Params, tmp_path: Path
) -> None:
    sounds, features, setup = prepared(params, tmp_path)
    unchanged = Setup([Condition("gain", 0.0)], setup.recordings, features, 5)
    shards = Shards(tmp_path / "features")
    disturb(sounds.audio, shards.index, sounds.status, unchanged, tmp_path / "out")
    values = np.load(tmp_path / "out" / "gain_0.npy")
    assert values.dtype == np.float16
    assert (values == shards.load()).all()


@pytest.mark.slow
def test_each_condition_has_every_clip_and_draws_do_not_hang_on_the_order(
    params: Params, tmp_path: Path
) -> None:
    sounds, _, setup = prepared(params, tmp_path)
    index: pd.DataFrame = Shards(tmp_path / "features").index
    silent = disturb(sounds.audio, index, sounds.status, setup, tmp_path / "out")
    assert silent == ["clip-3"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"index.parquet", *(condition.file for condition in setup.conditions)}
    arrays = {name: np.load(tmp_path / "out" / name) for name in names if name.endswith(".npy")}
    clean = Shards(tmp_path / "features").load()
    assert all(array.shape == clean.shape for array in arrays.values())
    assert all((array[0] != clean[0]).any() for array in arrays.values())
    few = index.iloc[[5, 1]].reset_index(drop=True)
    disturb(sounds.audio, few, sounds.status, setup, tmp_path / "few")
    for name, array in arrays.items():
        assert (np.load(tmp_path / "few" / name) == array[[5, 1]]).all(), name


def test_a_noise_is_the_same_at_every_level(params: Params) -> None:
    setup = Setup([], recordings(), small(params.features), 5)
    wave = noise(4000, 8) * np.float32(0.1)
    for name in NOISES:
        [[loud], [soft]] = [
            disturbed([wave], ["a"], Condition(name, level), setup) for level in (0.0, 20.0)
        ]
        assert np.allclose(loud - wave, 10 * (soft - wave), atol=1e-5), name


def test_noise_raises_the_features_by_what_it_must(params: Params) -> None:
    features = small(params.features)
    setup = Setup([], recordings(), features, 5)
    wave = noise(4000, 8) * np.float32(0.1)
    clean, louder = (
        analysed(disturbed([wave], ["a"], Condition("white", level), setup), features)
        for level in (60.0, 0.0)
    )
    mel = slice(0, features.mels)
    assert np.mean(louder[..., mel] - clean[..., mel].astype(float)) == pytest.approx(3, abs=0.5)
