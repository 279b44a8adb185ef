"""Decoding and cutting: exact to the sample, and a reason for whatever cannot be had."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from project import ROOT, SRC

from spikesound.audio import ffmpeg
from spikesound.audio.cutting import decode, fit, peak_db, span
from spikesound.audio.ffmpeg import MediaError, ffmpeg_binary
from spikesound.audio.flac import from_flac, to_flac
from spikesound.core.errors import SpikesoundError

RATE_HZ = 8000
OGG = ROOT / "data/esc10/audio/1-100032-A.ogg"


def noise(seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Samples that are nowhere alike, so that a cut one sample off shows."""
    draw = np.random.default_rng(5).integers(-20000, 20000, round(seconds * rate_hz))
    return draw.astype(np.int16)


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "a: name, with 'signs'.wav"
    soundfile.write(path, noise(3.0), RATE_HZ, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("start_s", "end_s", "first", "count"),
    [
        (0.0, 1.0, 0, 8000),
        (1.2345, 2.0, 9876, 6124),
        (0.00006, 0.5, 0, 4000),
        (2.999, 3.0, 23992, 8),
        (2.5, 4.0, 20000, 12000),  # past the end: cut short
    ],
)
def test_the_cut_is_exact_to_the_sample(
    wav: Path, start_s: float, end_s: float, first: int, count: int
) -> None:
    assert span(RATE_HZ, start_s, end_s) == (first, count)
    cut = decode(wav, RATE_HZ, start_s, end_s)
    assert cut.dtype == np.int16
    np.testing.assert_array_equal(cut, noise(3.0)[first : first + count])


def test_a_cut_far_into_a_recording_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "PIECE_BYTES", 1001)  # odd, so that pieces split samples
    soundfile.write(tmp_path / "long.flac", noise(20.0), RATE_HZ, subtype="PCM_16")
    cut = decode(tmp_path / "long.flac", RATE_HZ, 17.7, 18.1)
    np.testing.assert_array_equal(cut, noise(20.0)[141600:144800])


def test_a_cut_of_vorbis_agrees_with_another_decoder() -> None:
    whole, rate_hz = soundfile.read(OGG, dtype="float32")
    cut = decode(OGG, rate_hz, 0.3, 2.8)
    expected = np.clip(whole[13230 : 13230 + 110250] * 32768, -32768, 32767)
    assert len(cut) == 110250
    assert np.abs(cut - expected).max() <= 1.0


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_a_cut_at_another_rate_is_at_its_place(tmp_path: Path, rate_hz: int) -> None:
    def tone(rate: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(2 * rate) / rate)

    soundfile.write(tmp_path / "tone.wav", tone(22050), 22050, subtype="FLOAT")
    cut = decode(tmp_path / "tone.wav", rate_hz, 0.7, 1.3)
    first, count = span(rate_hz, 0.7, 1.3)
    assert len(cut) == count
    # One sample's shift alone would differ by up to 2 pi 440 / rate / 2, 0.03 at 48 kHz.
    np.testing.assert_allclose(cut / 32768, tone(rate_hz)[first : first + count], atol=0.004)


def test_channels_are_mixed_to_one(tmp_path: Path) -> None:
    left, right = noise(0.5), np.flip(noise(0.5))
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], 1), RATE_HZ, subtype="PCM_16")
    cut = decode(tmp_path / "two.wav", RATE_HZ, 0.0, 0.5)
    assert np.abs(cut - (left.astype(float) + right) / 2).max() <= 1.0


def test_a_change_of_rate_within_a_stream_keeps_the_length(tmp_path: Path) -> None:
    for name, rate_hz in (("a", 44100), ("b", 22050)):
        soundfile.write(tmp_path / f"{name}.wav", noise(2.0, rate_hz), rate_hz)
        command = ["-v", "error", "-i", f"{tmp_path}/{name}.wav", f"{tmp_path}/{name}.aac"]
        subprocess.run([ffmpeg_binary(), *command], check=True)
    both = (tmp_path / "a.aac").read_bytes() + (tmp_path / "b.aac").read_bytes()
    (tmp_path / "both.aac").write_bytes(both)
    assert len(decode(tmp_path / "both.aac", 44100, 0.5, 3.5)) == 132300


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"unavailable: .*none\.wav: no such file"):
        decode(tmp_path / "none.wav", RATE_HZ, 0.0, 1.0)


def test_what_is_not_sound_fails_with_the_reason_of_ffmpeg(tmp_path: Path) -> None:
    for name, content in (("empty.ogg", b""), ("text.ogg", b"no sound at all\n" * 50)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=r"^failed: .*(Invalid data|End of file).*$"):
            decode(tmp_path / name, RATE_HZ, 0.0, 1.0)


def test_a_recording_of_no_samples_fails(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", noise(0.0), RATE_HZ)
    with pytest.raises(MediaError, match="failed: no sound in it"):
        decode(tmp_path / "none.wav", RATE_HZ, 0.0, 1.0)


def test_a_clip_past_the_end_is_too_short_and_says_where_the_end_is(wav: Path) -> None:
    with pytest.raises(MediaError, match=r"too_short: ends at 3\.000 s, before .* 7\.000 s"):
        decode(wav, RATE_HZ, 7.0, 8.0)


def test_of_a_truncated_recording_no_clip_is_taken(tmp_path: Path) -> None:
    whole = OGG.read_bytes()
    (tmp_path / "cut.ogg").write_bytes(whole[: len(whole) // 2])
    for end_s in (0.5, 5.0):
        with pytest.raises(MediaError, match=r"failed: cut off: its last Ogg page is incomplete"):
            decode(tmp_path / "cut.ogg", 44100, 0.0, end_s)
    with pytest.raises(MediaError, match=r"too_short: expected 5\.000 s, got \d\.\d{3} s"):
        fit(noise(2.0), RATE_HZ, 0.0, 5.0, tolerance_s=0.05)


def test_within_the_tolerance_a_clip_is_padded_with_zeros() -> None:
    samples = noise(0.975)
    fitted = fit(samples, RATE_HZ, 4.0, 5.0, tolerance_s=0.025)
    assert len(fitted) == RATE_HZ
    np.testing.assert_array_equal(fitted[:7800], samples)
    assert not fitted[7800:].any()
    with pytest.raises(MediaError, match=r"expected 1\.000 s, got 0\.975 s"):
        fit(samples, RATE_HZ, 4.0, 5.0, tolerance_s=0.0249)


@pytest.mark.parametrize(
    ("samples", "level_db"),
    [([0, 0], -np.inf), ([], -np.inf), ([-32768, 3], 0.0), ([1, -16384], -6.0206), ([33], -59.94)],
)
def test_the_peak_level(samples: list[int], level_db: float) -> None:
    assert peak_db(np.array(samples, dtype=np.int16)) == pytest.approx(level_db, abs=0.01)


def test_flac_keeps_every_sample_and_the_rate() -> None:
    content = to_flac(noise(1.0), RATE_HZ)
    samples, rate_hz = from_flac(content)
    assert content[:4] == b"fLaC"
    assert rate_hz == RATE_HZ
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples * 32768, noise(1.0))
    assert to_flac(noise(1.0), RATE_HZ) == content


def test_what_is_not_flac_is_refused() -> None:
    with pytest.raises(SpikesoundError, match="not a FLAC stream"):
        from_flac(b"something else")


def test_ffmpeg_is_the_systems_or_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg_binary.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert ffmpeg_binary() == "/bin/ffmpeg"
    ffmpeg_binary.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert Path(ffmpeg_binary()).is_file()
    ffmpeg_binary.cache_clear()


@pytest.mark.slow
def test_one_module_runs_ffmpeg_and_one_resamples() -> None:
    for path in (SRC / "spikesound").rglob("*.py"):
        text, name = path.read_text(encoding="utf-8"), path.name
        if name != "ffmpeg.py":
            assert not re.search(r"^\s*(import|from) (ffmpeg|imageio_ffmpeg)\b", text, re.M), path
            runs = "ffmpeg_binary" in text and "subprocess" in text
            assert not runs, path
        if name != "resampling.py":
            assert not re.search(r"^\s*(import|from) soxr\b", text, re.M), path
