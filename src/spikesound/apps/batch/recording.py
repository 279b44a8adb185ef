"""Which recorder made a file, and when it began: by its metadata, else by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path, PurePath

from spikesound.apps.batch.clock import instant, iso_time
from spikesound.apps.batch.file_names import NamedStart, start_in_name
from spikesound.apps.batch.headers import Header, read_headers
from spikesound.audio.paths import SoundFile
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import readable


@dataclass(frozen=True)
class Recording:
    """Origin of a sound.

    Attributes
    ----------
    recorder : model and serial number by the metadata; else its folder, and what stands before the
        date in its name
    start : instant at which it begins, in UTC; None: not known
    zone : in which times are given
    clock : what the start is from; empty: nothing
    note : doubts about the start, or why there is none
    gain : of the recorder
    expansion : factor by which the sound is slowed down
    """

    recorder: str
    start: datetime | None = None
    zone: tzinfo = UTC
    clock: str = ""
    note: str = ""
    gain: str = ""
    expansion: float = 1.0

    def instant_us(self, seconds: float) -> int:
        """Return the instant some seconds into the sound, in microseconds since 1970."""
        assert self.start is not None
        since = self.start - datetime(1970, 1, 1, tzinfo=UTC)
        return since // timedelta(microseconds=1) + round(seconds / self.expansion * 1e6)

    def time(self, seconds: float) -> str:
        """Return the clock time some seconds into the sound, as ISO 8601; empty if not known."""
        return (
            "" if self.start is None else iso_time(self.start, seconds / self.expansion, self.zone)
        )


def recording_of(sound: SoundFile, zone: tzinfo | None) -> Recording:
    """Return the origin of a sound file.

    Of its metadata and then its name the first that says a time zone gives the start; if none does,
    the first that gives a time.

    Parameters
    ----------
    zone : of those that say none, and in which all times are given; None: as each file says
    """
    if sound.path is None:
        return Recording("", note="the standard input has no date and time")
    headers = read_headers(sound.path)
    named = start_in_name(sound.path.name)
    recorder = next((header.recorder for header in headers if header.recorder), "")
    gain = next((header.gain for header in headers if header.gain), "")
    expansion = next((header.expansion for header in headers if header.expansion != 1), 1.0)
    recorder = recorder or _place(sound, named)
    stated = list(_stated(headers, named))
    said = next((each for each in stated if each[1] is not None), stated[0] if stated else None)
    if said is None:
        note = "no date and time in its metadata or its name"
        return Recording(recorder, note=note, gain=gain, expansion=expansion)
    local, own, clock = said
    if own is None and zone is None:
        note = f"{clock}: {local} without a time zone: --timezone"
        return Recording(recorder, note=note, gain=gain, expansion=expansion)
    used = own or zone
    assert used is not None
    start, note = instant(local, used)
    return Recording(recorder, start, zone or used, clock, note, gain, expansion)


def check_clocks(recordings: dict[SoundFile, Recording]) -> None:
    """Raise SpikesoundError unless the start of each recording is known."""
    without = [(sound, each) for sound, each in recordings.items() if each.start is None]
    if without:
        sound, recording = without[0]
        others = f" ({len(without)} such files)" if len(without) > 1 else ""
        raise SpikesoundError(
            f"{sound}: --merge-recorders needs clock times: {recording.note}{others}"
        )


def _stated(
    headers: list[Header], named: NamedStart | None
) -> Iterator[tuple[datetime, tzinfo | None, str]]:
    dated = [header for header in headers if header.local is not None]
    for header in dated:
        assert header.local is not None
        yield header.local, header.zone, header.source
    if named is not None:
        # With metadata of another recorder, a name of AudioMoth's form is none of AudioMoth.
        yield named.local, None if dated and named.implied else named.zone, "name"


def _place(sound: SoundFile, named: NamedStart | None) -> str:
    folder = PurePath(sound.name).parent.as_posix()
    if folder == ".":
        assert sound.path is not None
        folder = Path(sound.path).absolute().parent.name
    return readable("/".join(filter(None, (folder, named.prefix if named else ""))))
