"""When a recording began, and by which recorder: names, metadata, time zones, daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from recorder_files import audiomoth, chunk, guano, wamd, wav

from spikesound.apps.batch.clock import find_zone, instant, iso_time, utc_offset
from spikesound.apps.batch.file_names import start_in_name
from spikesound.apps.batch.headers import read_headers
from spikesound.apps.batch.recording import Recording, recording_of
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError

BERLIN = ZoneInfo("Europe/Berlin")
COMMENT = (
    "Recorded at 05:30:00 31/01/2024 ({zone}) by AudioMoth 0FE081F80FE081F0 at medium gain while "
    "battery was 4.1V and temperature was 21.5C."
)


def hours(number: float) -> timezone:
    return timezone(timedelta(hours=number))


@pytest.mark.parametrize(
    ("name", "local", "zone", "prefix"),
    [
        ("20240131_053000.WAV", "2024-01-31 05:30:00", UTC, ""),
        ("20240131_053000.wav", "2024-01-31 05:30:00", None, ""),
        ("65B9DAD8.WAV", "2024-01-31 05:30:00", UTC, ""),
        ("SM4_20240131_053000.wav", "2024-01-31 05:30:00", None, "SM4"),
        ("SBT-6-76-18_0+1_20160621_080000.wav", "2016-06-21 08:00:00", None, "SBT-6-76-18_0+1"),
        ("S4A02641_20240131$053000.wav", "2024-01-31 05:30:00", None, "S4A02641"),
        ("S4A02641_20240131_053000_000.wav", "2024-01-31 05:30:00", None, "S4A02641"),
        ("SwiftOne_20220719_000000_-0400.wav", "2022-07-19 00:00:00", hours(-4), "SwiftOne"),
        ("S1068_20230623_060000-0330.flac", "2023-06-23 06:00:00", hours(-3.5), "S1068"),
        ("2024-01-31T05-30-00+0200.flac", "2024-01-31 05:30:00", hours(2), ""),
        ("20240131T053000Z.mp3", "2024-01-31 05:30:00", UTC, ""),
        ("20240131T053000+1000_REC.flac", "2024-01-31 05:30:00", hours(10), ""),
        ("20240131T053000+02.flac", "2024-01-31 05:30:00", hours(2), ""),
        ("OWL_123456_2022-07-19_T00-00-00.WAV", "2022-07-19 00:00:00", None, "OWL_123456"),
        ("20240131_053000-02.wav", "2024-01-31 05:30:00", None, ""),  # the second part
        ("20240131_053000-0001.wav", "2024-01-31 05:30:00", None, ""),
        ("99999999_999999_20240131_053000.wav", "2024-01-31 05:30:00", None, "99999999_999999"),
    ],
)
def test_names_of_recorders(name: str, local: str, zone: tzinfo | None, prefix: str) -> None:
    start = start_in_name(name)
    assert start is not None
    assert (str(start.local), start.prefix) == (local, prefix)
    assert start.zone == zone


@pytest.mark.parametrize(
    "name",
    ["dog.wav", "20241331_053000.wav", "20240131.WAV", "120240131_053000.wav", "20240131_0530.wav"],
)
def test_names_without_a_start(name: str) -> None:
    assert start_in_name(name) is None


@pytest.mark.parametrize(
    ("text", "offset_h"),
    [("Z", 0), ("UTC", 0), ("UTC+2", 2), ("UTC-3:30", -3.5), ("UTC-0:30", -0.5), ("+1:00", 1),
     ("+0545", 5.75), ("-04:00", -4)],
)  # fmt: skip
def test_offsets(text: str, offset_h: float) -> None:
    zone = utc_offset(text)
    assert zone is not None
    assert zone.utcoffset(None) == timedelta(hours=offset_h)


@pytest.mark.parametrize("text", ["", "CET", "+15:00", "+01:17", "2", "+1:0", "UTC+"])
def test_what_is_no_offset(text: str) -> None:
    assert utc_offset(text) is None


def test_zones_are_names_or_offsets() -> None:
    assert find_zone("Europe/Berlin") == BERLIN
    assert find_zone("+01:00") == hours(1)
    for wrong in ("Europe/Berln", "../etc/passwd", "Berlin time"):
        with pytest.raises(
            SpikesoundError, match=r"unknown time zone .*; valid: names of the IANA"
        ):
            find_zone(wrong)
    with pytest.raises(SpikesoundError, match="did you mean 'Europe/Berlin'"):
        find_zone("Europe/Berln")


def test_a_time_that_was_skipped_and_one_that_came_twice() -> None:
    """Clocks of Berlin: forward on 31 March 2024 at 2:00, back on 27 October at 3:00."""
    at, note = instant(datetime(2024, 3, 31, 1, 59, 59), BERLIN)
    assert (at, note) == (datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC), "")
    at, note = instant(datetime(2024, 3, 31, 2, 30), BERLIN)
    assert at == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)
    assert note.endswith("was skipped in Europe/Berlin: taken as 2024-03-31T03:30:00+02:00")
    at, note = instant(datetime(2024, 10, 27, 2, 30), BERLIN)
    assert at == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert note.endswith(
        "came twice in Europe/Berlin: taken as the first, 2024-10-27T02:30:00+02:00"
    )
    assert instant(datetime(2024, 10, 27, 3, 0), BERLIN) == (
        datetime(2024, 10, 27, 2, 0, tzinfo=UTC),
        "",
    )


def test_a_recording_across_the_change_of_clocks() -> None:
    start, _ = instant(datetime(2024, 3, 31, 1, 59, 50), BERLIN)
    assert iso_time(start, 9.9994, BERLIN) == "2024-03-31T01:59:59.999+01:00"
    assert iso_time(start, 20, BERLIN) == "2024-03-31T03:00:10.000+02:00"
    start, _ = instant(datetime(2024, 10, 27, 2, 59, 50), BERLIN)
    assert iso_time(start, 20, BERLIN) == "2024-10-27T02:00:10.000+01:00"


@pytest.mark.parametrize(
    ("comment", "start", "gain"),
    [
        (COMMENT.format(zone="UTC"), "05:30:00+00:00", "medium"),
        (COMMENT.format(zone="UTC+2"), "05:30:00+02:00", "medium"),
        (COMMENT.format(zone="UTC-3:30"), "05:30:00-03:30", "medium"),
        (COMMENT.replace(" ({zone})", ""), "05:30:00+00:00", "medium"),
        (
            "Recorded at 05:30:00.250 31/01/2024 (UTC) during deployment 00000000000000AB using "
            "external microphone at low-medium gain while battery was 4.1V.",
            "05:30:00.250000+00:00",
            "low-medium",
        ),
        (
            "Recorded at 05:30:00 31/01/2024 (UTC) by AudioMoth 0FE081F80FE081F0 at gain setting 2 "
            "while battery state was 3.9V",
            "05:30:00+00:00",
            "2",
        ),
    ],
)
def test_audiomoth_says_time_zone_device_and_gain(
    tmp_path: Path, comment: str, start: str, gain: str
) -> None:
    [header] = read_headers(wav(tmp_path / "x.WAV", before=audiomoth(comment)))
    assert header.local is not None
    assert header.local.replace(tzinfo=header.zone).isoformat() == f"2024-01-31T{start}"
    assert (header.recorder, header.gain) == ("AudioMoth 0FE081F80FE081F0", gain)


def test_a_flac_file_keeps_the_comment(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        file.comment = COMMENT.format(zone="UTC+1")
        file.write(np.zeros(800))
    [header] = read_headers(path)
    assert (header.source, header.zone) == ("AudioMoth comment", hours(1))
    assert header.recorder == "AudioMoth 0FE081F80FE081F0"


SONG_METER = (
    "GUANO|Version:1.0\nFirmware Version:1.1\nMake:Wildlife Acoustics, Inc.\n"
    "Model:Song Meter Mini\nSerial:SMA00646\nWA|Song Meter|Prefix:SMA00646\n"
    'WA|Song Meter|Audio settings:[{"rate":24000,"gain":18}]\nLength:300.000\n'
    "Timestamp:2020-10-17 13:05:00+1:00\n"
)


def test_guano(tmp_path: Path) -> None:
    odd = chunk(b"note", b"odd")
    [header] = read_headers(wav(tmp_path / "a.wav", behind=odd + guano(SONG_METER)))
    assert (header.source, header.local) == ("GUANO", datetime(2020, 10, 17, 13, 5))
    assert (header.zone, header.recorder) == (hours(1), "Song Meter Mini SMA00646")
    assert header.gain == "18"
    of_bats = "GUANO|Version:  1.0\n\nTimestamp:  2012-03-29T03:58:01.5Z\nTE: 10\nNote: a: b\n"
    [header] = read_headers(wav(tmp_path / "b.wav", before=guano(of_bats)))
    assert (header.local, header.zone) == (datetime(2012, 3, 29, 3, 58, 1, 500000), UTC)
    assert (header.recorder, header.expansion) == ("", 10)
    [header] = read_headers(wav(tmp_path / "c.wav", before=guano("Timestamp: 2012-03-29 3 Uhr")))
    assert (header.local, header.zone) == (None, None)


def test_wamd(tmp_path: Path) -> None:
    pieces = {1: b"SM4\0", 2: b"S4A02641", 4: b"BOG", 5: b"2024-01-31 05:30:00.250-05:00"}
    [header] = read_headers(wav(tmp_path / "a.wav", behind=wamd(pieces)))
    assert (header.source, header.zone) == ("wamd", hours(-5))
    assert header.local == datetime(2024, 1, 31, 5, 30, 0, 250000)
    assert header.recorder == "SM4 S4A02641"
    [header] = read_headers(wav(tmp_path / "b.wav", behind=wamd({4: b"BOG", 15: b"\x08\0"})))
    assert (header.recorder, header.expansion, header.local) == ("BOG", 8, None)
    [header] = read_headers(wav(tmp_path / "c.wav", behind=wamd(pieces, version=2)))
    assert (header.recorder, header.local) == ("", None)


def test_damaged_metadata_are_no_error(tmp_path: Path) -> None:
    cut = wamd({1: b"SM4", 2: b"S4A", 5: b"2024-01-31 05:30:00"})[:-9]
    for number, content in enumerate(
        (cut, chunk(b"guan", b"\xff\xfe:" * 9), b"guan\xff\xff\xff\xff")
    ):
        path = wav(tmp_path / f"{number}.wav", behind=content)
        assert all(header.local is None for header in read_headers(path))
    (tmp_path / "zeros.wav").write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(1 << 20))
    (tmp_path / "empty.wav").touch()
    for name in ("zeros.wav", "empty.wav", "missing.wav"):
        assert read_headers(tmp_path / name) == []


def recording(path: Path, zone: tzinfo | None = None, name: str | None = None) -> Recording:
    return recording_of(SoundFile(path, name or path.name), zone)


def test_metadata_come_before_the_name_and_what_says_its_zone_first(tmp_path: Path) -> None:
    path = wav(tmp_path / "bog/20240131_053000.WAV", before=audiomoth(COMMENT.format(zone="UTC+2")))
    found = recording(path, BERLIN)
    assert found.start == datetime(2024, 1, 31, 3, 30, tzinfo=UTC)
    assert (found.clock, found.recorder) == ("AudioMoth comment", "AudioMoth 0FE081F80FE081F0")
    assert found.time(1.5) == "2024-01-31T04:30:01.500+01:00", "in the zone that was given"
    assert recording(path).time(1.5) == "2024-01-31T05:30:01.500+02:00", "in the file's own"
    naive = wamd({2: b"S4A", 5: b"2024-01-31 05:30:00"})
    found = recording(wav(tmp_path / "S4A_20240131_053000-0500.wav", behind=naive), BERLIN)
    assert (found.start, found.clock) == (datetime(2024, 1, 31, 10, 30, tzinfo=UTC), "name")
    found = recording(wav(tmp_path / "20240131_053000.WAV", behind=naive), BERLIN)
    assert (found.start, found.clock) == (datetime(2024, 1, 31, 4, 30, tzinfo=UTC), "wamd")


def test_a_name_without_a_zone_needs_one(tmp_path: Path) -> None:
    path = wav(tmp_path / "bog/SM4_20240731_053000.wav")
    found = recording(path)
    assert (found.start, found.time(1)) == (None, "")
    assert found.note == "name: 2024-07-31 05:30:00 without a time zone: --timezone"
    found = recording(path, BERLIN)
    assert found.start == datetime(2024, 7, 31, 3, 30, tzinfo=UTC)
    assert found.recorder == "bog/SM4"
    assert (
        recording(path, BERLIN, "site 3/bog/SM4_20240731_053000.wav").recorder == "site 3/bog/SM4"
    )
    utc = wav(tmp_path / "bog/20240731_053000.WAV")
    assert recording(utc, BERLIN).time(0) == "2024-07-31T07:30:00.000+02:00"
    assert recording(wav(tmp_path / "dog.wav"), BERLIN).start is None


def test_times_of_slowed_sound_are_those_of_the_clock(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", behind=guano("Timestamp: 2012-03-29T03:58:01Z\nTE: 10"))
    assert recording(path).time(15) == "2012-03-29T03:58:02.500+00:00"
