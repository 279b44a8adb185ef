"""Clock times: from the date, time and zone that a recorder wrote to an instant."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from difflib import get_close_matches

from spikesound.core.errors import SpikesoundError

_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{1,2})(?::?(\d{2}))?")
_LATEST = timedelta(hours=14)
"""Of all offsets in use, the greatest, on either side of UTC (in truth -12 hours on the other)."""


def utc_offset(text: str) -> tzinfo | None:
    """Return the zone of an offset, such as Z, UTC, UTC-3:30, +02:00, +0200, +1:00 or +2.

    None of anything else. All offsets in use are whole quarters of an hour.
    """
    if text in ("Z", "UTC"):
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > _LATEST or int(minutes or 0) % 15 or int(minutes or 0) > 45:
        return None
    return timezone(-offset if sign == "-" else offset)


def find_zone(name: str) -> tzinfo:
    """Return a time zone of the IANA database, or a fixed offset from UTC.

    Raises
    ------
    SpikesoundError
        If there is none of that name; the message gives the nearest one.
    """
    if (fixed := utc_offset(name)) is not None:
        return fixed
    names = zoneinfo.available_timezones()
    if not names:
        raise SpikesoundError(
            "--timezone: this system has no database of time zones: pip install tzdata"
        )
    if name not in names:
        near = get_close_matches(name, sorted(names), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise SpikesoundError(
            f"unknown time zone {name[:60]!r}{hint}; valid: names of the IANA database such as "
            "Europe/Berlin, and offsets such as +01:00"
        )
    return zoneinfo.ZoneInfo(name)


def instant(local: datetime, zone: tzinfo) -> tuple[datetime, str]:
    """Return the instant (in UTC) of a local time, and a note where daylight saving leaves doubt.

    A time that the clocks skipped is counted by the offset before, as of a recorder whose clock was
    not put forward; a time that came twice is taken as the first (PEP 495, fold 0).
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first, ""
    wall = first.astimezone(zone)
    if wall.replace(tzinfo=None) == local:
        return first, f"{local} came twice in {zone}: taken as the first, {wall.isoformat()}"
    return first, f"{local} was skipped in {zone}: taken as {wall.isoformat()}"


def iso_time(start: datetime, seconds: float, zone: tzinfo) -> str:
    """Return the time some seconds after an instant, in a zone, as ISO 8601 with its offset.

    Seconds are counted in UTC: a recording that runs across a change of the clocks stays right.
    """
    at = start.astimezone(UTC) + timedelta(seconds=seconds)
    return at.astimezone(zone).isoformat(timespec="milliseconds")
