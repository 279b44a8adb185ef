"""Sections over the network: what they hold is what the whole recording has at that place."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fetch_all import SOUNDS, lag, steady
from mirror import Mirror, Pace

from spikesound.audio.cutting import decode
from spikesound.audio.ffmpeg import MediaError, ffmpeg_binary
from spikesound.data.fetch.section import fetch_section

RATE_HZ = 44100
CODECS = {
    "flac": "flac",
    "ogg": "libvorbis",
    "mp3": "libmp3lame",
    "m4a": "aac",
    "webm": "libopus",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One minute of real recordings, in each container."""
    made: Path = tmp_path_factory.mktemp("long")
    names = [SOUNDS / f"{name}.ogg" for name in steady(13)]
    (made / "list.txt").write_text("".join(f"file '{path}'\n" for path in names))
    run = [ffmpeg_binary(), "-v", "error"]
    joined = ["-f", "concat", "-safe", "0", "-i", made / "list.txt"]
    subprocess.run([*run, *joined, "-ar", str(RATE_HZ), "-ac", "1", made / "long.wav"], check=True)
    for suffix, codec in CODECS.items():
        rate = ["-ar", "48000" if codec == "libopus" else str(RATE_HZ)]
        command = [*run, "-i", made / "long.wav", *rate, "-c:a", codec, made / f"long.{suffix}"]
        subprocess.run(command, check=True)
    return made


@pytest.fixture(scope="module")
def mirror(folder: Path) -> Iterator[Mirror]:
    with Mirror(folder, pace=Pace(bytes_per_s=None, latency_s=0.0)) as made:
        yield made


def fetch(mirror: Mirror, name: str, start_s: float, end_s: float, limit_s: float = 20.0):  # type: ignore[no-untyped-def]
    return fetch_section(
        mirror.address(name), {}, RATE_HZ, (start_s, end_s), timeout_s=5.0, limit_s=limit_s
    )


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [0.0, 0.4, 23.123456, 41.5])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_section_is_the_same_samples(
    mirror: Mirror, folder: Path, suffix: str, start_s: float
) -> None:
    section = fetch(mirror, f"long.{suffix}", start_s, start_s + 2.0)
    np.testing.assert_array_equal(
        section, decode(folder / f"long.{suffix}", RATE_HZ, start_s, start_s + 2.0)
    )
    assert len(section) == 2 * RATE_HZ


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "most"), [("m4a", 0), ("webm", 2 * RATE_HZ // 1000)])
@pytest.mark.parametrize("start_s", [6.4, 23.123456, 41.5])
def test_a_section_of_a_lossy_container_is_at_its_place(
    mirror: Mirror, folder: Path, suffix: str, most: int, start_s: float
) -> None:
    section = fetch(mirror, f"long.{suffix}", start_s, start_s + 1.0)
    assert len(section) == RATE_HZ
    assert (
        abs(lag(decode(folder / f"long.{suffix}", RATE_HZ, start_s, start_s + 1.0), section))
        <= most
    )


@pytest.mark.slow
def test_only_a_part_is_transferred(folder: Path) -> None:
    with Mirror(folder, pace=Pace(bytes_per_s=2e5, latency_s=0.0)) as slow:
        fetch(slow, "long.wav", 30.0, 31.0)
        sent = sum(entry.bytes for entry in slow.entries)
    assert sent < (folder / "long.wav").stat().st_size / 2


@pytest.mark.slow
def test_a_section_past_the_end_is_short(mirror: Mirror, folder: Path) -> None:
    whole = decode(folder / "long.wav", RATE_HZ, 0.0, 1000.0)
    length_s = len(whole) / RATE_HZ
    section = fetch(mirror, "long.wav", length_s - 0.5, length_s + 0.5)
    np.testing.assert_array_equal(section, whole[-len(section) :])
    assert abs(len(section) - RATE_HZ // 2) <= 1


@pytest.mark.slow
def test_a_section_that_crawls_is_given_up(folder: Path) -> None:
    with (
        Mirror(folder, pace=Pace(bytes_per_s=20_000, latency_s=0.0)) as slow,
        pytest.raises(MediaError, match="timed out after"),
    ):
        fetch(slow, "long.wav", 30.0, 40.0, limit_s=1.0)


@pytest.mark.parametrize("name", ["redirect-file", "playlist.ogg", "missing.ogg"])
def test_a_section_leads_to_no_file_of_this_machine(mirror: Mirror, name: str) -> None:
    with pytest.raises(MediaError) as error:
        fetch(mirror, name, 0.0, 1.0)
    assert error.value.state == "failed"
