"""What a file's header, clock and bytes say of its sound: all of it is decoded, or none."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from containers_made import RATE_HZ, SECONDS, begins_s, encoded, ffmpeg, film, sweep

from spikesound.audio import checks, ogg
from spikesound.audio.containers import examine
from spikesound.audio.cutting import cut, decode, fit
from spikesound.audio.decoding import NotWholeError, decoded
from spikesound.audio.ffmpeg import MediaError
from spikesound.audio.lengths import length_s
from spikesound.audio.reading import blocks
from spikesound.core.errors import SpikesoundError

SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)


def lengths_s(path: Path) -> list[float]:
    """Return a file's length as the filter, the cut, ``predict FILE`` and ``predict -`` have it."""
    listed_s = length_s(path)
    assert isinstance(listed_s, float), listed_s
    clip = decode(path, RATE_HZ, 0.0, listed_s)
    assert len(fit(clip, RATE_HZ, 0.0, listed_s, tolerance_s=0.001)) == round(listed_s * RATE_HZ)
    given = (path, io.BytesIO(path.read_bytes()))
    return [listed_s, *(sum(map(len, blocks(one, RATE_HZ))) / RATE_HZ for one in given)]


def assert_length(path: Path, seconds: float, tolerance_s: float = 0.0) -> None:
    assert lengths_s(path) == pytest.approx([seconds] * 3, abs=tolerance_s + 1.5 / RATE_HZ)


def assert_refused(path: Path, words: str) -> None:
    """The filter or the cut, and prediction, refuse a file with the same words."""
    with pytest.raises(MediaError, match=rf"^failed: {words}") as cutting:
        decode(path, RATE_HZ, 0.0, 0.1)
    with pytest.raises(SpikesoundError) as reading:
        list(blocks(path, RATE_HZ))
    assert str(reading.value) == f"{path}: {cutting.value.reason}"
    listed = length_s(path)
    assert isinstance(listed, float) or listed == cutting.value.reason


def patched(path: Path, *changes: tuple[int, bytes]) -> Path:
    content = bytearray(path.read_bytes())
    for at, new in changes:
        content[at : at + len(new)] = new
    path.write_bytes(content)
    return path


def wav(path: Path, riff: int | None = None, data: int | None = None) -> Path:
    """Write the sweep as a WAV file with other sizes in its header."""
    soundfile.write(path, sweep(), RATE_HZ)
    sizes = ((4, riff), (40, data))
    return patched(
        path, *((at, size.to_bytes(4, "little")) for at, size in sizes if size is not None)
    )


# K1: a header that states less than the file holds.


def test_a_wav_whose_header_tells_of_less_than_follows_is_refused(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 36 + 6400, 6400)
    assert_refused(path, r"damaged: its header states 6400 bytes of sound, and 57600 follow")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "name", "behind", "size"),
    [
        ("aiff", b"SSND", 4, (6408).to_bytes(4, "big")),
        ("caf", b"data", 4, (6404).to_bytes(8, "big")),
        ("w64", b"data", 16, (6424).to_bytes(8, "little")),
    ],
)
def test_its_siblings_are_refused_too(
    tmp_path: Path, suffix: str, name: bytes, behind: int, size: bytes
) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    assert_length(path, SECONDS)
    patched(path, (path.read_bytes().index(name) + behind, size))
    assert_refused(path, r"damaged: its header states 64\d\d bytes of sound, and 57\d{3} follow")


def test_a_wav_beyond_four_gigabytes_is_read_to_its_end(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", 36 + 6400, 6400)
    with path.open("r+b") as file:
        file.truncate(44 + 6400 + (1 << 32))  # a file with a hole: it takes no room
    container = examine(path)
    assert (container.fault, container.to_the_end) == ("", True)
    assert container.options == {"ignore_length": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    "tail",
    [
        b"LIST\4\0\0\0abcd",
        b"abc \1\0\0\0x\0" + b"LIST\4\0\0\0abcd",
        b"abc \1\0\0\0x" + b"LIST\0\20\0\0" + 4096 * b"x",  # not rounded up to an even size
        b"LIST\0\xff\0\0" + 4096 * b"x",  # cut off, but not in the sound
        b"TAG" + bytes(125),
        bytes(50_000),
        b"\r\n",
    ],
)
def test_what_may_follow_the_sound_of_a_wav_is_none_of_it(tmp_path: Path, tail: bytes) -> None:
    path = wav(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes() + tail)
    assert_length(path, SECONDS)


def test_rates_of_a_wav_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = patched(wav(tmp_path / "a.wav"), (24, (44100).to_bytes(4, "little")))
    assert_refused(path, "damaged: the rates in its header contradict each other")


# K2: a guessed or unknown length.


@pytest.mark.slow
@pytest.mark.parametrize("total", [0, 16000, 320000])
def test_a_flac_is_as_long_as_it_decodes(tmp_path: Path, total: int) -> None:
    path = encoded(tmp_path / "a.flac")
    at = 21  # 4 bits of the sample size, and 36 of the number of samples
    kept = path.read_bytes()[at] & 0xF0
    patched(path, (at, bytes([kept]) + total.to_bytes(4, "big")))
    if total > 2 * RATE_HZ:
        assert_refused(path, r"cut off: expected 20\.00 s by its header, got 2\.00 s")
    else:
        assert_length(path, SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [0, 7])
def test_an_mp3_is_as_long_as_it_decodes(tmp_path: Path, frames: int) -> None:
    path = encoded(tmp_path / "a.mp3", "-q:a", 4)
    at = path.read_bytes().index(b"Xing") + 8
    assert_length(patched(path, (at, frames.to_bytes(4, "big"))), SECONDS, tolerance_s=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.5])
def test_a_short_mp3_needs_no_more_frames_to_be_one(tmp_path: Path, seconds: float) -> None:
    assert_length(encoded(tmp_path / "a.mp3", "-t", seconds), seconds)


# K3: Ogg without the flag of its end; and what is damaged in Ogg.


def pages(content: bytes) -> list[bytes]:
    starts = [match.start() for match in re.finditer(rb"OggS\0", content)]
    return [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]


def checked(page: bytes) -> bytes:
    """Return a page with the right checksum."""
    blank = page[:22] + bytes(4) + page[26:]
    return blank[:22] + ogg.checksum(blank).to_bytes(4, "little") + blank[26:]


@pytest.mark.parametrize("suffix", ["opus", "ogg"])
def test_an_ogg_file_without_the_flag_of_its_end_is_whole(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    *before, last = pages(path.read_bytes())
    path.write_bytes(b"".join([*before, checked(last[:5] + bytes([last[5] & ~4]) + last[6:])]))
    assert_length(path, SECONDS, tolerance_s=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["opus", "ogg"])
def test_one_flipped_byte_in_an_ogg_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    for at in range(10, len(whole), len(whole) // 10):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert_refused(path, r"(damaged|cut off): ")


@pytest.mark.slow
def test_a_missing_page_is_noticed_but_not_the_number_in_a_broadcast(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.opus", "-page_duration", 100000)
    whole = pages(path.read_bytes())
    path.write_bytes(b"".join(whole[:4] + whole[5:]))
    assert_refused(path, "damaged: Ogg pages are missing before byte")
    path.write_bytes(b"".join(whole[:2] + whole[4:]))
    assert examine(path).fault == ""


# K4: sizes of pipes and unfinished writers.


@pytest.mark.slow
@pytest.mark.parametrize("riff", [None, *SIZES])
@pytest.mark.parametrize("data", [None, *SIZES])
def test_a_wav_of_unknown_size_is_read_to_its_end(
    tmp_path: Path, riff: int | None, data: int | None
) -> None:
    path = wav(tmp_path / "a.wav", riff, data)
    assert_length(path, SECONDS)
    np.testing.assert_array_equal(decode(path, RATE_HZ, 0.0, SECONDS), sweep())


def test_a_wav_of_no_samples_has_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sweep()[:0], RATE_HZ)
    assert_refused(tmp_path / "a.wav", "no sound in it")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["wav", "caf", "au", "flac", "mp3", "ogg", "webm", "asf", "adts"])
def test_a_file_that_was_written_to_a_pipe_is_whole(tmp_path: Path, form: str) -> None:
    def run(*to: object) -> None:
        ffmpeg("-i", encoded(tmp_path / "a.wav"), "-f", form, *to)

    path = tmp_path / "piped"
    run("-seekable", 0, f"file:{path}") if form != "adts" else run(path)
    assert_length(path, SECONDS, tolerance_s=0.12)


# K6: a clock that does not start at 0.


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
def test_times_count_from_the_files_start(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}", "-output_ts_offset", 1)
    assert_length(path, SECONDS)
    assert begins_s(decode(path, RATE_HZ, 0.0, SECONDS)) == pytest.approx(0.0, abs=0.002)


# K7: several recordings, one after the other.


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "flac", "aac", "mkv", "ts"])
def test_all_of_joined_recordings_is_decoded(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    path.write_bytes(2 * path.read_bytes())
    assert_length(path, 2 * SECONDS, tolerance_s=0.25)
    first = decode(path, RATE_HZ, 0.0, SECONDS)
    second = decode(path, RATE_HZ, SECONDS, 2 * SECONDS)
    assert begins_s(first) == pytest.approx(0.0, abs=0.1)
    assert begins_s(second) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "caf", "w64", "mp4", "wma", "wv"])
def test_joined_recordings_that_a_decoder_takes_for_one_are_refused(
    tmp_path: Path, suffix: str
) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    path.write_bytes(2 * path.read_bytes())
    assert_refused(path, "damaged: (another file begins|Found duplicated MOOV|Invalid block)")


# K8: sound that begins after the picture.


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "wmv", "flv"])
def test_a_clips_times_are_the_films_clock(tmp_path: Path, suffix: str, after_s: float) -> None:
    path = film(tmp_path / f"a.{suffix}", after_s)
    assert_length(path, after_s + SECONDS, tolerance_s=0.12)
    # What encoders put before the sound: of AAC 64 ms, of WMA 32 ms.
    delay_s = {"wmv": 0.032}.get(suffix, 0.065 if suffix == "flv" and not after_s else 0.002)
    samples = decode(path, RATE_HZ, 0.0, 4.0)
    assert begins_s(samples) == pytest.approx(after_s, abs=delay_s + 0.002)
    silent = samples[: round(max(0.0, after_s - 0.08) * RATE_HZ)]
    assert not silent.any()
    read = np.concatenate(list(blocks(path, RATE_HZ)))
    assert begins_s(read) == pytest.approx(begins_s(samples), abs=0.001)


def test_wma_is_as_long_as_its_clip(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.wma")
    assert_length(path, SECONDS, tolerance_s=0.1)
    assert begins_s(decode(path, RATE_HZ, 0.0, SECONDS)) == pytest.approx(0.0, abs=0.04)


# 3: damaged media, and one judgement for training data and prediction.


def test_sound_that_is_missing_by_the_time_stamps_is_refused(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mkv")
    gap = tmp_path / "gap.mkv"
    ffmpeg("-i", path, "-c", "copy", "-bsf:a", "setts=ts='TS+if(gte(TS,1000),500,0)'", gap)
    assert_refused(gap, r"damaged: 0\.50 s of sound are missing at (1\.0\d|0\.9\d) s")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a", "mkv", "wma", "wav", "aiff"])
def test_a_hole_in_a_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[: middle - len(whole) // 5] + whole[middle:])
    assert_refused(path, "(damaged|cut off|no sound can be read from it): ")


def test_a_flipped_byte_of_an_element_with_a_checksum_is_noticed(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mkv", "-c:a", "pcm_s16le")
    middle = path.stat().st_size // 2
    patched(path, (middle, bytes([path.read_bytes()[middle] ^ 1])))
    assert_refused(path, "damaged: wrong checksum of the Matroska element at byte")


def test_samples_that_are_not_numbers_are_no_training_data(tmp_path: Path) -> None:
    samples = sweep() / np.float32(32768)
    samples[777] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")
    assert_refused(tmp_path / "a.wav", "expected finite samples, got NaN or infinity")


def test_no_clip_is_taken_before_the_recording_is_known_to_be_whole(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.flac")
    patched(path, (path.stat().st_size - 100, b"\xaa\xbb\xcc"))
    with pytest.raises(MediaError, match="failed: damaged: "):
        next(cut(path, RATE_HZ, [(0.0, 0.1)]))


def test_clips_wait_on_disk_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikesound.audio.cutting._HELD_BYTES", 1000)
    path = wav(tmp_path / "a.wav")
    spans = [(1.0, 1.5), (0.0, 0.25), (1.25, 1.75), (9.0, 9.5)]
    clips = dict(cut(path, RATE_HZ, spans))
    for number, (start_s, end_s) in enumerate(spans[:3]):
        expected = sweep()[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        np.testing.assert_array_equal(clips[number], expected)
    assert isinstance(clips[3], MediaError)


def test_sound_from_after_the_files_end_is_refused() -> None:
    opened = "[info]   Duration: 00:00:02.00, start: 0.000000\n[Eval @ 0x1] [info] {}\n"
    assert checks.start_s(opened.format("1.500000")) == 1.5
    assert checks.start_s(opened.format("-0.013000")) == 0.0
    assert checks.start_s(opened.format("nan")) == 0.0
    assert checks.stated_end_s(opened) == 2.0
    assert checks.stated_end_s("[info]   Duration: N/A, bitrate: N/A") is None


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.wav", "no such file"), (tmp_path, "not a file")):
        with pytest.raises(NotWholeError, match=words):
            next(decoded(path))
