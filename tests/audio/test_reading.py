"""Sound from files: what is decoded, in which pieces, and what is refused in one line."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT
from trained_models import RECORDING

from spikesound.audio import ffmpeg, ogg
from spikesound.audio.cutting import decode
from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.audio.paths import find_sounds
from spikesound.audio.reading import blocks
from spikesound.audio.resampling import resample
from spikesound.audio.samples import mono
from spikesound.core.errors import SpikesoundError

sys.path.append(str(ROOT / "benchmarks"))
import fuzz_sound


def noise(seconds: float, rate_hz: int, channels: int = 1) -> np.ndarray:
    generator = np.random.default_rng(1)
    return generator.uniform(-0.5, 0.5, (round(seconds * rate_hz), channels)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_a_file_gives_the_samples_that_models_are_trained_on(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a: -b.wav"
    samples = noise(3.3, rate_hz, 2)
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    found = list(blocks(path, 22050, 0.5))
    assert {len(block) for block in found[:-1]} == {11025}
    expected = resample(samples.mean(axis=1), rate_hz, 22050)
    assert np.abs(np.concatenate(found) - expected).max() < 1e-6
    assert np.array_equal(np.concatenate(list(blocks(path, 22050, 100.0))), np.concatenate(found))


def test_six_channels_are_mixed_as_those_of_the_training_clips(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(1.0, 22050, 6), 22050, subtype="FLOAT")
    trained_on = decode(path, 22050, 0.0, 1.0) / 2**15
    assert np.abs(np.concatenate(list(blocks(path, 22050))) - trained_on).max() < 1 / 2**14


@pytest.mark.slow
def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peaks = []
    for minutes in (1, 8):
        path = tmp_path / f"{minutes}.wav"
        soundfile.write(path, np.zeros((minutes * 60 * 16000, 1), np.int16), 16000)
        tracemalloc.start()
        assert sum(map(len, blocks(path, 16000, 1.0))) == minutes * 60 * 16000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def encoded(*arguments: str) -> bytes:
    command = [ffmpeg_binary(), "-v", "error", "-i", str(RECORDING), *arguments, "pipe:"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_a_stream_is_heard_even_if_its_header_cannot_know_its_length() -> None:
    """What ``ffmpeg -f wav - |`` writes looks like a file of 4 GiB that was cut off."""
    piped = encoded("-f", "wav")
    assert piped[4:8] == b"\xff\xff\xff\xff"
    found = np.concatenate(list(blocks(io.BytesIO(piped), 44100)))
    whole = np.concatenate(list(blocks(RECORDING, 44100)))
    assert len(found) == len(whole)
    assert np.abs(found - whole).max() < 1 / 2**14, "apart from the rounding to 16 bits"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    command = [ffmpeg_binary(), "-v", "error", "-i", str(RECORDING), str(path)]
    subprocess.run(command, check=True)
    assert sum(map(len, blocks(path, 22050))) == pytest.approx(110272, abs=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(SpikesoundError, match=rf"{re.escape(str(path))}: (damaged|cut off): "):
        list(blocks(path, 22050))


def unfinished(page: bytes) -> bytes:
    """Return the first of the pages that an Ogg page's last packet would be split over."""
    lacing = page[27 : 27 + page[26]]
    kept = len(lacing) - 1 - next(n for n, count in enumerate(reversed(lacing)) if count == 255)
    head = bytearray(page[:27])
    head[5], head[26], head[22:26] = 0, kept + 1, bytes(4)
    body = lacing[: kept + 1] + page[27 + len(lacing) :][: sum(lacing[: kept + 1])]
    checksum = ogg.checksum(bytes(head) + body)
    return bytes(head[:22]) + checksum.to_bytes(4, "little") + bytes(head[26:]) + body


def test_what_a_decoder_does_not_notice_is_refused_too(tmp_path: Path) -> None:
    """An Ogg file without a page, or cut inside a packet; and a WAV that tells of gigabytes."""
    whole = RECORDING.read_bytes()
    pages = [match.start() for match in re.finditer(b"OggS\\x00", whole)]
    cut = tmp_path / "a.ogg"
    cut.write_bytes(whole[: pages[3]] + whole[pages[4] :])
    with pytest.raises(
        SpikesoundError, match=r"a\.ogg: damaged: Ogg pages are missing before byte"
    ):
        list(blocks(cut, 22050))
    cut.write_bytes(whole[: pages[4]] + unfinished(whole[pages[4] : pages[5]]))
    with pytest.raises(SpikesoundError, match="not the last of its stream"):
        list(blocks(cut, 22050))
    big = tmp_path / "a.wav"
    soundfile.write(big, noise(1, 8000), 8000)
    content = bytearray(big.read_bytes())
    content[4:8], content[40:44] = [(0x90000000).to_bytes(4, "little")] * 2
    big.write_bytes(content)
    with pytest.raises(SpikesoundError, match=r"a.wav: "):
        list(blocks(big, 8000))


@pytest.mark.slow
def test_refusals_name_the_file_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    bad = noise(0.1, 8000)
    bad[7] = np.nan
    packed = b"PK\3\4" + bytes(100)
    contents = {
        "expected finite samples": bad,
        "times full scale": noise(0.1, 8000) * np.float32(2e9),
        "no sound can be read from it": b"Dear all,\n" * 50,
        "an archive": packed,
        "(no sound in it|no sound can be read from it)": b"",
    }
    for words, content in contents.items():
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            soundfile.write(path, content, 8000, subtype="FLOAT")
        with pytest.raises(SpikesoundError, match=rf"^{re.escape(str(path))}: .*{words}"):
            list(blocks(path, 8000))
    soundfile.write(path, noise(0.1, 8000), 7)
    with pytest.raises(SpikesoundError, match=r"expected a sampling rate of 1000 to .*got 7 Hz"):
        list(blocks(path, 8000))
    with pytest.raises(SpikesoundError, match="no such file"):
        list(blocks(tmp_path / "none.wav", 8000))
    with pytest.raises(SpikesoundError, match="not a file"):
        list(blocks(tmp_path, 8000))


def test_a_playlist_opens_nothing(tmp_path: Path) -> None:
    for number, text in enumerate(
        (f"ffconcat version 1.0\nfile {RECORDING}\n", f"#EXTM3U\n#EXTINF:5,\n{RECORDING}\n")
    ):
        path = tmp_path / f"{number}.wav"
        path.write_text(text)
        with pytest.raises(SpikesoundError, match="no sound can be read"):
            list(blocks(path, 8000))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("sleep 60", "timed out: no output for 0.2 s"),
        ("kill -SEGV $$", "failed with exit code -11"),
    ],
)
def test_a_decoder_that_hangs_or_crashes_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script.replace('sleep', 'exec sleep')}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "ffmpeg_binary", lambda: str(program))
    with pytest.raises(SpikesoundError, match=f"{RECORDING.name}: its decoder {words}"):
        list(blocks(RECORDING, 8000, stall_s=0.2))


def test_folders_give_all_their_sounds_once(tmp_path: Path) -> None:
    for name in ("b/x.WAV", "b/._x.wav", "a.mp3", "notes.txt", ".cache/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_sounds([str(tmp_path), str(tmp_path / "a.mp3"), "-", str(tmp_path / "notes.txt")])
    assert [sound.name for sound in found] == ["a.mp3", "b/x.WAV", "stdin", "notes.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpikesoundError, match="empty: no sound file in this folder"):
        find_sounds([str(tmp_path / "empty")])
    with pytest.raises(SpikesoundError, match="none: no such file or folder"):
        find_sounds([str(tmp_path / "none")])


@pytest.mark.slow
@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=20))
def test_whole_numbers_have_the_full_scale_of_their_type(values: list[int]) -> None:
    expected = np.array(values) / 2**15
    assert np.allclose(mono(np.array(values, np.int16)), expected, atol=1e-7)
    assert np.allclose(mono(np.array(values, np.int32) * 2**16), expected, atol=1e-7)
    stereo = np.stack([expected, np.zeros(len(values))], axis=1)
    if len(values) > 1:
        assert np.allclose(mono(stereo), expected / 2, atol=1e-7)


def test_samples_that_cannot_be_meant_are_refused() -> None:
    for samples, words in {
        "channels first": (np.zeros((2, 100)), r"expected shape \(sample,\) or .*got \(2, 100\)"),
        "none": (np.zeros(0), "empty array"),
        "text": (np.array(["a"]), "got <U1"),
        "nan": (np.array([np.nan]), "expected finite"),
        "integers made floats": (np.array([20000.0, 3.0]), "2e.04 times full scale"),
    }.values():
        with pytest.raises(SpikesoundError, match=words):
            mono(samples)


@pytest.mark.slow
def test_damaged_files_are_labelled_rightly_or_refused_in_one_line(tmp_path: Path) -> None:
    outcomes = fuzz_sound.fuzz(60, tmp_path, seed=3, recordings=1)
    assert [o for o in outcomes if o.outcome not in ("labelled", "refused")] == []
    whole = {o.outcome for o in outcomes if o.damage == "whole"}
    hopeless = {o.outcome for o in outcomes if o.damage in ("noise", "text", "empty", "zipped")}
    assert (whole, hopeless) == ({"labelled"}, {"refused"})
