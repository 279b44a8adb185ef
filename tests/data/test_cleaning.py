"""Cleaning: offset, silence, loudness, clipping, and clips that are the same sound."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLEANING
from spikesound.data.cleaning import duplicates
from spikesound.data.cleaning.clean import (
    Figures,
    clean,
    figures_key,
    from_bytes,
    looks,
    mends,
    to_bytes,
)
from spikesound.data.cleaning.clipping import clipped_share
from spikesound.data.cleaning.dc import remove_dc
from spikesound.data.cleaning.duplicates import Match, bit_error, find_duplicates
from spikesound.data.cleaning.fingerprint import HOP, RATE_HZ, Fingerprint, fingerprint
from spikesound.data.cleaning.loudness import integrated_lufs, normalise_loudness
from spikesound.data.cleaning.report import cleaning_table, summary
from spikesound.data.cleaning.trim import trim
from spikesound.params import CleaningParams

Wave = np.ndarray

OFF = CleaningParams(
    remove_dc=False,
    trim_db=None,
    loudness_lufs=None,
    clipped_share=None,
    duplicates="keep",
    duplicate_errors=0.2,
)
waves = some.arrays(np.float32, st.integers(1, 3000), elements=st.floats(-1, 1, width=32))


def sine(db: float, seconds: float, rate_hz: int = 48000, hz: float = 1000.0) -> Wave:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (10 ** (db / 20) * np.sin(2 * np.pi * hz * t)).astype(np.float32)


# --- offset, silence, clipping ----------------------------------------------------------------


def test_the_offset_is_taken_off_and_told() -> None:
    wave, offset = remove_dc(np.array([0.5, 0.25, 0.0], np.float32))
    assert offset == 0.25
    assert wave.tolist() == [0.25, 0.0, -0.25]
    assert wave.dtype == np.float32


@pytest.mark.slow
@given(waves)
def test_without_its_offset_a_wave_has_none(wave: Wave) -> None:
    mended, _ = remove_dc(wave)
    assert abs(mended.mean(dtype=np.float64)) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_silence_at_the_ends_is_cut_off_and_told_and_not_that_within(rate_hz: int) -> None:
    def quiet(seconds: float) -> Wave:
        return sine(-60, seconds, rate_hz)

    parts = [quiet(0.5), sine(-6, 1, rate_hz), quiet(0.4), sine(-6, 1, rate_hz), quiet(0.8)]
    wave, start_s, end_s = trim(np.concatenate(parts), rate_hz, -40.0)
    assert start_s == pytest.approx(0.5, abs=0.03)
    assert end_s == pytest.approx(0.8, abs=0.03)
    assert len(wave) / rate_hz == pytest.approx(3.7 - start_s - end_s)
    untouched, start_s, end_s = trim(np.concatenate(parts), rate_hz, -70.0)
    assert (len(untouched), start_s, end_s) == (round(3.7 * rate_hz), 0, 0)


@pytest.mark.slow
@given(waves, st.floats(-80, -1))
def test_what_is_left_of_trimming_is_a_part_of_the_wave(wave: Wave, below_db: float) -> None:
    left, start_s, end_s = trim(wave, 8000, below_db)
    start, end = round(start_s * 8000), round(end_s * 8000)
    assert start >= 0
    assert end >= 0
    assert len(left)
    assert np.array_equal(left, wave[start : len(wave) - end])


def test_only_runs_at_full_scale_are_clipping() -> None:
    assert clipped_share(np.array([1, 1, 0, 1, 1, 1, 0, -1, -1, -1], np.float32)) == 0.6
    assert clipped_share(np.array([1, -1, 1, -1, 1, 1], np.float32)) == 0.0
    assert clipped_share(np.array([0.9] * 9, np.float32)) == 0.0
    assert clipped_share(np.full(4, 32767 / 32768, np.float32)) == 1.0
    assert clipped_share(np.zeros(0, np.float32)) == 0.0


def test_a_sine_that_is_cut_at_full_scale_is_clipped_and_one_below_is_not() -> None:
    # |2 sin| > 1 for two thirds of the time.
    assert clipped_share(np.clip(sine(6.0206, 1, hz=100), -1, 1)) == pytest.approx(2 / 3, abs=0.01)
    assert clipped_share(sine(-0.1, 1, hz=100)) == 0.0


# --- loudness ---------------------------------------------------------------------------------

MONO_LU = -3.0103  # EBU's signals are the same on two channels: one alone has half the power


def test_a_sine_of_full_scale_has_the_loudness_that_the_recommendation_says() -> None:
    # BS.1770-4, annex 1: a 997 Hz sine of 0 dB full scale on one channel is -3.01 LKFS.
    assert integrated_lufs(sine(0, 5, hz=997.0), 48000) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
)
@pytest.mark.parametrize("rate_hz", [48000, 44100, 22050])
def test_the_signals_of_ebu_tech_3341_have_the_loudness_that_it_says(
    parts: list[tuple[float, float]], lufs: float, rate_hz: int
) -> None:
    """EBU Tech 3341, table 1, cases 1 to 5: 1 kHz sines, tolerance 0.1 LU."""
    wave = np.concatenate([sine(db, seconds, rate_hz) for db, seconds in parts])
    measured = integrated_lufs(wave, rate_hz)
    assert measured is not None
    assert measured - MONO_LU == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.399, 0.4, 0.401, 0.49, 0.5, 2.345])
def test_the_length_of_a_sine_does_not_change_its_loudness(seconds: float) -> None:
    assert integrated_lufs(sine(-20, seconds), 48000) == pytest.approx(-20 + MONO_LU, abs=0.05)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(1, 9000), st.sampled_from([8000, 11025, 44100]))
def test_a_wave_of_any_length_is_measured(length: int, rate_hz: int) -> None:
    wave = np.random.default_rng(length).uniform(-0.5, 0.5, length).astype(np.float32)
    assert integrated_lufs(wave, rate_hz) is None or -60 < integrated_lufs(wave, rate_hz) < 3


def test_half_a_block_at_the_end_does_not_count() -> None:
    wave = np.concatenate([sine(-20, 1), np.zeros(round(0.06 * 48000), np.float32)])
    assert integrated_lufs(wave, 48000) == pytest.approx(-20 + MONO_LU, abs=0.01)


@pytest.mark.parametrize("wave", [np.zeros(48000, np.float32), np.zeros(0, np.float32)])
def test_silence_has_no_loudness_and_stays_as_it_is(wave: Wave) -> None:
    same, lufs, gain_db = normalise_loudness(wave, 48000, -23.0)
    assert lufs is None
    assert gain_db == 0
    assert np.array_equal(same, wave)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.floats(-50, -1), st.floats(-40, -10))
def test_a_clip_gets_the_loudness_asked_for_as_far_as_nothing_clips(
    db: float, target_lufs: float
) -> None:
    louder, lufs, gain_db = normalise_loudness(sine(db, 1), 48000, target_lufs)
    assert lufs == pytest.approx(db + MONO_LU, abs=0.05)
    assert np.abs(louder).max() <= 1
    assert integrated_lufs(louder, 48000) == pytest.approx(target_lufs, abs=0.05)
    assert gain_db == pytest.approx(target_lufs - lufs)


def test_a_gain_that_would_clip_is_limited_and_told() -> None:
    wave = sine(-40, 1)
    wave[100] = 0.5
    louder, lufs, gain_db = normalise_loudness(wave, 48000, -10.0)
    assert gain_db == pytest.approx(6.02, abs=0.01)
    assert lufs is not None
    assert lufs + gain_db < -20
    assert np.abs(louder).max() == pytest.approx(1)
    assert clipped_share(louder) == 0


# --- the steps together -----------------------------------------------------------------------


def test_with_all_off_the_sound_is_untouched_and_no_key_changes() -> None:
    wave = sine(0, 0.1)
    mended, figures = clean(wave, 48000, OFF)
    assert mended is wave
    assert figures == Figures(clipped_share=figures.clipped_share)
    assert mends(OFF) == ()
    assert not looks(OFF)


@pytest.mark.slow
def test_steps_come_in_order_and_each_is_told() -> None:
    params = OFF.model_copy(update={"remove_dc": True, "trim_db": -30.0, "loudness_lufs": -20.0})
    # With its offset the silence would be as loud as the sound.
    wave = np.concatenate([np.zeros(24000, np.float32), sine(-20, 1)]) + np.float32(0.3)
    mended, figures = clean(wave, 48000, params)
    assert figures.dc == pytest.approx(0.3, abs=1e-3)
    assert figures.trimmed_start_s == pytest.approx(0.5, abs=0.03)
    assert figures.trimmed_end_s == 0
    assert figures.gain_db == pytest.approx(-20 - (-20 + MONO_LU), abs=0.2)
    assert integrated_lufs(mended, 48000) == pytest.approx(-20, abs=0.05)
    assert from_bytes(to_bytes(figures)) == figures


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"remove_dc": True}, False),
        ({"trim_db": -40.0}, False),
        ({"loudness_lufs": -23.0}, False),
        ({"clipped_share": 0.1}, True),  # what is left out changes nobody's sound
        ({"duplicates": "drop", "duplicate_errors": 0.1}, True),
    ],
)
def test_what_changes_the_sound_changes_the_key(change: dict[str, object], same: bool) -> None:
    other = OFF.model_copy(update=change)
    assert (mends(other) == mends(OFF)) == same
    assert (figures_key("ab", other) == figures_key("ab", OFF)) == same


# --- fingerprints and duplicates --------------------------------------------------------------


def noise(seed: int, seconds: float = 5.0, rate_hz: int = 22050) -> Wave:
    """A sound that changes all the time: noise in bands whose loudness wanders."""
    generator = np.random.default_rng(seed)
    size = round(seconds * rate_hz)
    spectrum = np.fft.rfft(generator.normal(size=size))
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    wave = np.zeros(size)
    for low_hz in np.geomspace(200, 4000, 12):
        band = np.fft.irfft(spectrum * ((hz > low_hz) & (hz < 1.3 * low_hz)), size)
        steps = generator.uniform(0.05, 1, round(seconds * 8) + 2)
        wave += band * np.interp(np.arange(size) * 8 / rate_hz, np.arange(len(steps)), steps)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def coded(wave: Wave, rate_hz: int = 22050) -> Wave:
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate_hz, format="OGG", subtype="VORBIS")
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


def with_noise(wave: Wave, snr_db: float) -> Wave:
    other = np.random.default_rng(99).normal(size=len(wave))
    scale = np.sqrt(np.mean(wave**2) / np.mean(other**2)) * 10 ** (-snr_db / 20)
    return (wave + scale * other).astype(np.float32)


CHANGES = {
    "the same": lambda wave: wave,
    "quieter": lambda wave: 0.1 * wave,
    "as Ogg Vorbis": coded,
    "with noise at 20 dB": lambda wave: with_noise(wave, 20),
    "from 1.003 s on": lambda wave: wave[round(1.003 * 22050) :],
    "1.5 s later, with silence ahead": lambda wave: np.pad(wave, (33075, 0))[: len(wave)],
    "the last 2 s cut off": lambda wave: wave[:-44100],
    "all of it": lambda wave: with_noise(coded(0.3 * wave), 30)[10007:],
}


def prints(*waves: Wave) -> list[Fingerprint]:
    return [fingerprint(wave.astype(np.float32), 22050) for wave in waves]


def test_bits_are_those_of_the_paper() -> None:
    """By a slow loop over the definition: the sign of the change of the difference of bands."""
    wave = noise(1, 1.0, RATE_HZ)
    padded = np.pad(wave, 925)
    edges = np.ceil(np.geomspace(300, 2000, 34) * 2048 / 5000).astype(int)

    def energies(n: int) -> list[float]:
        frame = padded[58 * n : 58 * n + 1850] * np.hanning(1850)
        power = np.abs(np.fft.rfft(frame, 2048)) ** 2
        return [float(power[a:b].sum()) for a, b in pairwise(edges)]

    found = fingerprint(wave, RATE_HZ)
    assert len(found.bits) == 5000 // HOP
    for n in (0, 7, 40, 80):
        before, now = energies(n), energies(n + 1)
        text = "".join(
            str(int(now[m] - now[m + 1] - (before[m] - before[m + 1]) > 0)) for m in range(32)
        )
        assert f"{found.bits[n]:032b}" == text
    assert found.audible.all()


def test_a_fingerprint_comes_back_from_its_bytes_and_silence_is_not_heard() -> None:
    half = np.concatenate([noise(1, 1.0), np.zeros(44100, np.float32)])
    [print_] = prints(half)
    again = Fingerprint.from_bytes(print_.to_bytes())
    assert np.array_equal(again.bits, print_.bits)
    assert np.array_equal(again.audible, print_.audible)
    assert print_.audible[:80].all()
    assert not print_.audible[110:].any()
    assert not prints(np.zeros(22050))[0].audible.any()
    assert len(prints(np.zeros(0))[0].bits) == 0


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change: str) -> None:
    originals = [noise(seed) for seed in range(6)]
    found = find_duplicates(prints(*originals, CHANGES[change](originals[3])), 0.2)
    assert list(found) == [6]
    assert found[6].first == 3
    assert found[6].error < 0.15


@pytest.mark.slow
def test_unrelated_sounds_are_not_duplicates_and_differ_in_half_their_bits() -> None:
    clips = prints(*(noise(seed) for seed in range(30)))
    assert find_duplicates(clips, 0.35) == {}
    errors = [bit_error(clips[0], other, shift) for other in clips[1:] for shift in (-50, 0, 50)]
    assert np.mean(errors) == pytest.approx(0.5, abs=0.02)
    assert min(errors) > 0.4


@given(st.integers(-200, 200))
@settings(max_examples=20, deadline=None)
def test_the_error_is_zero_at_the_right_shift_alone(shift: int) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 900, np.uint32)
    audible = np.ones(500, np.bool_)
    one = Fingerprint(bits[200:700], audible)
    other = Fingerprint(bits[200 - shift : 700 - shift], audible)
    assert bit_error(one, other, shift) == 0
    assert bit_error(one, other, shift + 1) > 0.4
    assert bit_error(other, one, -shift) == 0


def test_too_short_a_common_part_is_no_match() -> None:
    audible = np.ones(100, np.bool_)
    one = Fingerprint(np.arange(100, dtype=np.uint32), audible)
    assert bit_error(one, one, 0) == 0
    assert bit_error(one, Fingerprint(one.bits[51:], audible[51:]), -51) == 0
    assert bit_error(one, Fingerprint(np.roll(one.bits, 51), audible), 51) == 1  # 49 of 100 frames
    short = Fingerprint(one.bits[:31], audible[:31])
    assert bit_error(short, short, 0) == 1
    deaf = Fingerprint(one.bits, ~audible)
    assert bit_error(deaf, deaf, 0) == 1


@pytest.mark.slow
def test_of_many_copies_only_the_first_is_kept_and_order_decides_which() -> None:
    copy, other = noise(1), noise(2)
    many = prints(other, *[copy] * 300, 0.5 * other)
    found = find_duplicates(many, 0.2)
    assert set(found) == set(range(2, 302))
    assert {found[n].first for n in range(2, 301)} == {1}
    assert found[301].first == 0


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 128])
def test_a_clip_that_matches_only_a_repeated_one_is_kept(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second clip is left out, so nothing that is kept repeats the third."""
    monkeypatch.setattr(duplicates, "BATCH", batch)
    sound = noise(1, 9.0)
    first, second, third = sound[: 5 * 22050], sound[2 * 22050 : 7 * 22050], sound[4 * 22050 :]
    chain = prints(first, second, third)
    assert find_duplicates([chain[1], chain[2]], 0.2)[1].first == 0
    assert {n: match.first for n, match in find_duplicates(chain, 0.2).items()} == {1: 0}


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_size_of_batches_changes_nothing(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = prints(*(with_noise(noise(n % 4), 10 + n) for n in range(12)))
    expected = find_duplicates(clips, 0.3)
    assert len(expected) >= 4
    monkeypatch.setattr(duplicates, "BATCH", batch)
    assert find_duplicates(clips, 0.3) == expected


@pytest.mark.slow
def test_the_limit_on_the_error_is_kept() -> None:
    clips = prints(noise(1), with_noise(noise(1), 15))
    error = find_duplicates(clips, 0.4)[1].error
    assert 0 < error < 0.3
    assert find_duplicates(clips, error) == {1: Match(0, error)}
    assert find_duplicates(clips, error - 1e-9) == {}


# --- the report -------------------------------------------------------------------------------

ROWS = pd.DataFrame({"clip_id": ["a", "b", "c", "d"], "fold": ["1", "1", "2", "2"]})


def test_a_clip_is_left_out_for_a_reason_and_kept_without_one() -> None:
    params = OFF.model_copy(update={"clipped_share": 0.1, "duplicates": "drop"})
    figures = {name: Figures(share) for name, share in zip("abcd", (0, 0.2, 0, 0.1), strict=True)}
    table = cleaning_table(ROWS, figures, {2: Match(0, 0.05)}, params)
    assert table.columns.tolist() == CLEANING.names
    assert table["kept"].tolist() == [True, False, False, True]
    assert table["reason"].tolist() == [
        "",
        "0.2000 of the samples clipped, more than 0.1",
        "near-duplicate of a (0.050 of the bits differ), which is in fold 1, this one in 2: a leak",
        "",
    ]
    assert table["duplicate_of"].dropna().to_dict() == {2: "a"}
    counts = {"left out": 2, "near-duplicates": 1, "of them of a clip in another fold": 1}
    assert summary(table, ROWS) == counts


def test_reported_duplicates_are_kept() -> None:
    params = OFF.model_copy(update={"duplicates": "report"})
    table = cleaning_table(ROWS, {}, {1: Match(0, 0.0)}, params)
    assert table["kept"].all()
    assert table["reason"].tolist()[1] == "near-duplicate of a (0.000 of the bits differ)"
    assert summary(table, ROWS) == {"near-duplicates": 1}


def test_with_all_off_the_table_says_nothing() -> None:
    table = cleaning_table(ROWS, {}, {}, OFF)
    assert table["kept"].all()
    assert (table["reason"] == "").all()
    assert table.drop(columns=["clip_id", "kept", "reason"]).isna().all().all()
    assert summary(table, ROWS) == {}


def test_leaving_out_every_clip_is_refused() -> None:
    params = OFF.model_copy(update={"clipped_share": 0.0})
    figures = {name: Figures(0.5) for name in "abcd"}
    with pytest.raises(
        SpikesoundError, match=r"leaves out all 4 clips; the first, 'a': 0\.5000 of"
    ):
        cleaning_table(ROWS, figures, {}, params)
