"""A mirror of recordings on loopback that is as slow and unreliable as the web, by plan.

As a module it serves a test from a thread; as a program, a process that outlives its clients::

    python tests/mirror.py --folder data/esc10/audio --port-file port --log requests.jsonl --seed 1
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote, urlsplit

from loopback import Answer, Loopback, Request

# The share of the recordings that each fault befalls.
FAULTS: Mapping[str, float] = {
    "busy": 0.10,  # the first one or two requests are answered 429 with Retry-After
    "reset": 0.05,  # the connection breaks off in the first body, by RST
    "removed": 0.05,  # 404 or 410, for ever
    "truncated": 0.02,  # the first body ends before its Content-Length
    "slow": 0.01,  # the first body comes a byte at a time
}
TYPES = {
    ".ogg": "audio/ogg",
    ".m4a": "audio/mp4",
    ".webm": "audio/webm",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}
_PLAYLIST = b"""#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:10
#EXTINF:10.0,
file:///etc/passwd
#EXT-X-ENDLIST
"""
_PAGE = b"<!doctype html><title>Sorry</title><p>This recording is on another page."


def _redirect(where: str) -> Answer:
    return Answer(302, headers={"Location": where})


# What a client must not be taken in by; each is also found with ".ogg" behind its name.
SPECIAL: Mapping[str, Answer] = {
    "redirect-file": _redirect("file:///etc/passwd"),
    "redirect-loop": _redirect("/redirect-loop"),
    "playlist": Answer(body=_PLAYLIST, headers={"Content-Type": "audio/ogg"}),
    "page": Answer(body=_PAGE, headers={"Content-Type": "text/html; charset=utf-8"}),
    "empty": Answer(headers={"Content-Type": "audio/ogg"}),
}


class Plan:
    """Which recording suffers which fault: drawn by a seed, the same for the same names.

    Parameters
    ----------
    names
        Of the recordings.
    seed
        Another one chooses other recordings.
    faults
        The share of the names that each fault of FAULTS befalls, rounded to whole recordings.
    """

    def __init__(
        self, names: Iterable[str], seed: int = 0, faults: Mapping[str, float] = FAULTS
    ) -> None:
        assert set(faults) <= set(FAULTS), f"faults are {', '.join(FAULTS)}"
        assert sum(faults.values()) <= 1.0, "the shares add up to more than 1"
        self._seed = seed
        order = sorted(set(names), key=self._draw)
        self._fault: dict[str, str] = {}
        for fault, share in faults.items():
            count = round(share * len(order))
            done = len(self._fault)
            self._fault |= dict.fromkeys(order[done : done + count], fault)

    def _draw(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed} {name}".encode()).digest()[:8], "big")

    def fault(self, name: str) -> str:
        """Return the recording's fault, one of FAULTS, or ""."""
        return self._fault.get(name, "")

    def times(self, name: str) -> int:
        """Return how many requests meet the recording's fault before they are served well: 0, 1 or,
        of a busy one, 2; -1 for all of them."""
        fault = self.fault(name)
        if fault == "busy":
            return 1 + self._draw(name) % 2
        return -1 if fault == "removed" else int(bool(fault))

    def gone(self, name: str) -> int:
        """Return the status that a removed recording is answered with, 404 or 410."""
        return (404, 410)[self._draw(name) % 2]

    def expected(self, name: str) -> str:
        """Return what becomes of the recording in the end: ``ok`` or ``removed``."""
        return "removed" if self.fault(name) == "removed" else "ok"


@dataclass(frozen=True)
class Pace:
    """How fast a mirror is."""

    bytes_per_s: float | None = 200_000.0  # for each connection
    latency_s: float = 0.3  # before each answer
    drip_s: float = 5.0  # between two bytes of a slow body
    retry_after_s: int = 1  # what a busy recording asks for


class Mirror(Loopback):
    """The server; see :class:`loopback.Loopback` for its ``url``, ``entries`` and ``peak``.

    Parameters
    ----------
    recordings
        The files by the names that they are served under, or a folder that holds them.
    plan
        By default no recording suffers.
    pace
        How fast it is.
    log
        A file that the requests are appended to.
    """

    def __init__(
        self,
        recordings: Mapping[str, Path] | Path,
        *,
        plan: Plan | None = None,
        pace: Pace | None = None,
        log: Path | None = None,
    ) -> None:
        if isinstance(recordings, Path):
            recordings = {path.name: path for path in sorted(recordings.iterdir())}
        pace = pace or Pace()
        super().__init__(
            self._find,
            bytes_per_s=pace.bytes_per_s,
            latency_s=pace.latency_s,
            drip_s=pace.drip_s,
            log=log,
        )
        self.recordings = dict(recordings)
        self.plan = plan or Plan((), faults={})
        self._retry_after_s = pace.retry_after_s
        self._asked: Counter[str] = Counter()

    def address(self, name: str) -> str:
        """Return the recording's address."""
        return f"{self.url}/{name}"

    def _find(self, request: Request) -> Answer:
        name = unquote(urlsplit(request.path).path).removeprefix("/")
        if request.method not in ("GET", "HEAD"):
            return Answer(405, headers={"Allow": "GET, HEAD"})
        special = SPECIAL.get(name.removesuffix(".ogg"))
        if special is not None:
            return special
        if name not in self.recordings:
            return Answer(404)
        path = self.recordings[name]
        headers = {"Content-Type": TYPES.get(path.suffix, "application/octet-stream")}
        fault = self.plan.fault(name)
        if fault == "removed":
            return Answer(self.plan.gone(name), fault=fault)
        # A HEAD has no body to damage, and so does not use its fault up.
        meets = fault == "busy" or request.method == "GET"
        self._asked[name] += meets
        if not meets or self._asked[name] > self.plan.times(name):
            return Answer(body=path, headers=headers)
        if fault == "busy":
            return Answer(429, headers={"Retry-After": self._later(self._asked[name])}, fault=fault)
        return Answer(body=path, headers=headers, fault=fault)

    def _later(self, time_asked: int) -> str:
        """Retry-After, in seconds at first and then as a date: servers send either."""
        if time_asked == 1:
            return str(self._retry_after_s)
        return formatdate(time.time() + self._retry_after_s, usegmt=True)


def main() -> None:
    """Serve a folder until the process is killed, or the one that started it has gone."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="holds the recordings")
    parser.add_argument("--port-file", type=Path, required=True, help="is given the port, once")
    parser.add_argument("--log", type=Path, help="is given a line of JSON for each request")
    parser.add_argument("--seed", type=int, help="of the faults; without it there are none")
    parser.add_argument("--bytes-per-s", type=float, default=Pace.bytes_per_s)
    parser.add_argument("--latency-s", type=float, default=Pace.latency_s)
    parser.add_argument("--drip-s", type=float, default=Pace.drip_s)
    given = parser.parse_args()
    recordings = {path.name: path for path in sorted(given.folder.iterdir())}
    plan = None if given.seed is None else Plan(recordings, given.seed)
    pace = Pace(given.bytes_per_s, given.latency_s, given.drip_s)
    parent = os.getppid()
    with Mirror(recordings, plan=plan, pace=pace, log=given.log) as mirror:
        aside = given.port_file.with_suffix(".part")
        aside.write_text(mirror.url.rpartition(":")[2], encoding="utf-8")
        aside.replace(given.port_file)
        while os.getppid() == parent:
            time.sleep(1.0)


if __name__ == "__main__":
    main()
