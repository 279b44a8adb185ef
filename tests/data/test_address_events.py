"""Address events: files of jAER, read and written, and what is refused."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.data.address_events import AddressEvents, read_events, write_events


def raw(rows: list[tuple[int, int]], address: str = ">u4") -> bytes:
    return np.array(rows, np.dtype([("a", address), ("t", ">u4")])).tobytes()


ROWS = [(5, 100), (0, 100), (5, 350), (127, 1100)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (raw(ROWS), "a.aedat"),
        (lzma.compress(raw(ROWS)), "a.aedat.xz"),
        (b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n" + raw(ROWS), "a.aedat"),
        (b"#!AER-DAT1.0\n" + raw(ROWS, ">u2"), "a.dat"),
    ],
)
def test_events_are_read(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    events = read_events(tmp_path / name, addresses=128)
    assert events.addresses.tolist() == [5, 0, 5, 127]
    assert events.times_us.tolist() == [0, 0, 250, 1000], "from the first event"
    assert events.seconds == 0.001


def test_the_counter_of_times_begins_again(tmp_path: Path) -> None:
    (tmp_path / "a.aedat").write_bytes(raw([(1, 2**32 - 10), (2, 5), (3, 20), (1, 30)]))
    events = read_events(tmp_path / "a.aedat", addresses=4)
    assert events.times_us.tolist() == [0, 15, 30, 40]


def test_events_of_several_buffers_are_put_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.aedat").write_bytes(raw([(1, 100), (2, 350), (3, 90), (1, 350), (2, 400)]))
    events = read_events(tmp_path / "a.aedat", addresses=4)
    assert events.addresses.tolist() == [3, 1, 2, 1, 2]
    assert events.times_us.tolist() == [0, 10, 260, 260, 310]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    times = np.sort(generator.integers(0, 10**6, 1000))
    events = AddressEvents(generator.integers(0, 64, 1000), times - times[0])
    write_events(events, tmp_path / "a.aedat")
    again = read_events(tmp_path / "a.aedat", addresses=64)
    assert np.array_equal(again.addresses, events.addresses)
    assert np.array_equal(again.times_us, events.times_us)


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    """Tonic's reader of AER-DAT2.0, with x as the address."""
    io = pytest.importorskip("tonic.io")
    events = AddressEvents(np.array([3, 7, 3]), np.array([0, 40, 90]))
    write_events(events, tmp_path / "a.aedat")
    version, start, _ = io.read_aedat_header_from_file(tmp_path / "a.aedat")
    table = io.get_aer_events_from_file(tmp_path / "a.aedat", version, start)
    assert table["address"].tolist() == [3, 7, 3]
    assert table["timeStamp"].tolist() == [0, 40, 90]


def test_bins_and_histograms_by_hand() -> None:
    events = AddressEvents(np.array([0, 1, 1, 0]), np.array([0, 900, 1000, 2500]))
    assert events.histogram(3).tolist() == [2, 2, 0]
    assert events.binned(1000, 3, 2).tolist() == [[1, 1], [0, 1], [1, 0]]
    assert events.binned(1000, 2, 2).tolist() == [[1, 1], [0, 1]], "what comes later is left out"
    part = events.between(900, 2500)
    assert (part.addresses.tolist(), part.times_us.tolist()) == ([1, 1], [0, 100])


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "a.aedat", "a.aedat: no such file"),
        (b"", "a.aedat", "expected events of 8 bytes, got 0 bytes"),
        (raw(ROWS)[:-3], "a.aedat", "expected events of 8 bytes, got 29 bytes"),
        (b"#!AER-DAT3.1\r\n", "a.aedat", "'#!AER-DAT3.1': expected one of AER-DAT1.0, AER-DAT2.0"),
        (raw([(1, 5000), (2, 20)]), "a.aedat", "event 2: time 20 us, after one of 5000 us"),
        (raw([(1, 50), (128, 60)]), "a.aedat", "event 2: address 128, expected less than 128"),
        (b"no xz", "a.aedat.xz", "a.aedat.xz: damaged"),
    ],
)
def test_a_damaged_file_is_one_line(
    content: bytes | None, name: str, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SpikesoundError) as caught:
        read_events(tmp_path / name, addresses=128)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
