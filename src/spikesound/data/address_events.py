"""Address events of neuromorphic sensors (AER): files of jAER, and their bins over time.

An event is an address and a time. Of a cochlea such as the Neuromorphic Auditory Sensor (NAS) the
address is twice the channel, plus one for the OFF polarity.

References
----------
jAER's file formats AER-DAT1.0 (16-bit addresses) and AER-DAT2.0 (32-bit), with 32-bit time stamps
in microseconds, big-endian, behind lines that begin with ``#``; Jiménez-Fernández et al. 2017, "A
binaural neuromorphic auditory sensor for FPGA: a spike signal processing approach".
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError

HEADERS = {b"#!AER-DAT1.0": 2, b"#!AER-DAT2.0": 4}
"""First line of a file, and the bytes of an address."""

PACKED = ".xz"
WRAP = 1 << 32
"""Of the counter of microseconds, which begins again."""

DISORDER_US = 1000
"""How much later than its time an event may stand: sensors send from several buffers in turn."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class AddressEvents:
    """Events in the order of their times.

    Attributes
    ----------
    addresses : of each event
    times_us : of each event, from the first, in microseconds
    """

    addresses: Ints
    times_us: Ints

    def __post_init__(self) -> None:
        assert self.addresses.shape == self.times_us.shape

    @property
    def seconds(self) -> float:
        """Time from the first event to the last."""
        return float(self.times_us[-1]) / 1e6 if len(self.times_us) else 0.0

    def between(self, start_us: int, end_us: int) -> AddressEvents:
        """Return the events from one time until before another; times count from the start."""
        first, last = np.searchsorted(self.times_us, [start_us, end_us])
        return AddressEvents(self.addresses[first:last], self.times_us[first:last] - start_us)

    def histogram(self, count: int) -> Ints:
        """Return the number of events of each address below ``count``."""
        found: Ints = np.bincount(self.addresses, minlength=count).astype(np.int64)
        return found

    def binned(self, step_us: int, steps: int, count: int) -> Ints:
        """Return the number of events (step, address) in steps of ``step_us`` from the first."""
        within = self.times_us < step_us * steps
        cells = self.times_us[within] // step_us * count + self.addresses[within]
        found: Ints = np.bincount(cells, minlength=steps * count).reshape(steps, count)
        return found


def read_events(path: Path, *, addresses: int, address_bytes: int | None = None) -> AddressEvents:
    """Read a file of jAER (``.aedat``), also packed by xz; events are put in order.

    Parameters
    ----------
    addresses : how many there are; a file with a higher one is refused
    address_bytes : 2 or 4, of a file without a header; None: as its header says, else 4

    Raises
    ------
    SpikesoundError
        If the file is missing or damaged, of another version, without an event, or of more
        addresses; or its times go back by more than :data:`DISORDER_US`, as where a clock was set.
    """
    content = _content(path)
    size, content = _header(path, content, address_bytes)
    if len(content) % (size + 4) or not content:
        raise SpikesoundError(
            f"{path}: expected events of {size + 4} bytes, got {len(content)} bytes"
        )
    layout = np.dtype([("address", f">u{size}"), ("time", ">u4")])
    events = np.frombuffer(content, layout)
    times = events["time"].astype(np.int64)
    wraps = np.flatnonzero(np.diff(times) <= -WRAP // 2)
    times += WRAP * np.searchsorted(wraps, np.arange(len(times)), side="left")
    late = np.maximum.accumulate(times) - times
    if late.max() > DISORDER_US:
        at = int(np.argmax(late > DISORDER_US))
        raise SpikesoundError(
            f"{path}: event {at + 1}: time {times[at]} us, after one of {times[at] + late[at]} us"
        )
    values = events["address"].astype(np.int64)
    if values.max() >= addresses:
        at = int(np.argmax(values >= addresses))
        raise SpikesoundError(
            f"{path}: event {at + 1}: address {values[at]}, expected less than {addresses}"
        )
    order = np.argsort(times, kind="stable")
    return AddressEvents(values[order], times[order] - times[order[0]])


def write_events(events: AddressEvents, path: Path) -> None:
    """Write events as AER-DAT2.0, by an atomic write.

    Raises
    ------
    SpikesoundError
        If a time does not fit 32 bits: more than 71 minutes.
    """
    if len(events.times_us) and events.times_us[-1] >= 1 << 32:
        raise SpikesoundError(f"{path}: times of more than 32 bits, {events.seconds:.0f} s")
    rows = np.empty(len(events.addresses), np.dtype([("address", ">u4"), ("time", ">u4")]))
    rows["address"], rows["time"] = events.addresses, events.times_us
    with written_aside(path) as file:
        file.write(b"#!AER-DAT2.0\r\n" + rows.tobytes())


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    content = path.read_bytes()
    if path.suffix != PACKED:
        return content
    try:
        return lzma.decompress(content)
    except lzma.LZMAError as error:
        raise SpikesoundError(f"{path}: damaged: {error}") from error


def _header(path: Path, content: bytes, given: int | None) -> tuple[int, bytes]:
    """Return the bytes of an address, and the events without the header before them."""
    if not content.startswith(b"#"):
        return given or 4, content
    first = content.partition(b"\n")[0].strip()
    if first not in HEADERS:
        versions = ", ".join(each.decode()[2:] for each in HEADERS)
        raise SpikesoundError(
            f"{path}: {first[:40].decode('latin-1')!r}: expected one of {versions}, or no header"
        )
    while content.startswith(b"#"):
        content = content.partition(b"\n")[2]
    return HEADERS[first], content
