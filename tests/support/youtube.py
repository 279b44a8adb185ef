"""A YouTube on loopback that yt-dlp's own extractor takes for the real one.

It is a proxy: a client that is set to use it and to accept its certificate finds YouTube's hosts
behind it, and no other host. It speaks as much of the watch page, of the player's API (innertube)
and of the media hosts as yt-dlp 2026.10 asks of them; nothing leaves the machine. With its client
``visionos``, which needs neither JavaScript nor tokens, and with the parts PLAYER_SKIP left out, a
video costs one request before its media.
"""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import trustme
from loopback import Answer, Loopback, Request
from videos import FORMATS, REFUSALS, STATUSES, Media, Turn, described

HOSTS = ("youtube.com", "youtube-nocookie.com", "googlevideo.com", "googleapis.com", "ytimg.com")
PLAYER_SKIP = ("webpage", "configs", "js", "initial_data")
# The player's program, of which yt-dlp reads the version and a number.
_SCRIPTS = {
    "iframe_api": rb"var scriptUrl = 'https:\/\/www.youtube.com\/s\/player\/0a1b2c3d\/api.js';",
    "base.js": b"var a={signatureTimestamp:20000};",
}


class YouTube(Loopback):
    """The proxy; see :class:`loopback.Loopback` for its ``url``, ``entries`` and ``peak``.

    Parameters
    ----------
    videos
        By id of 11 letters: a Media, one of REFUSALS or STATUSES, or several of them, which the
        player's API answers with in turn, with the last from then on. Any other id is
        ``unavailable``.
    bytes_per_s, crawl_bytes_per_s
        Of media for each connection, and what ffmpeg gets if it asks itself.
    latency_s, drip_s, log
        As in Loopback.
    pages
        Other things that are found behind the proxy, by host and path ("example.org/list.csv").

    Attributes
    ----------
    blocked
        May be set at any time: while it is true, every video is answered as ``bot``, as YouTube
        does to an address that asked too much.
    ca
        The certificate, PEM, of those who sign for the hosts.
    """

    def __init__(
        self,
        videos: Mapping[str, Turn | Sequence[Turn]],
        *,
        bytes_per_s: float | None = 200_000.0,
        crawl_bytes_per_s: float | None = None,
        latency_s: float = 0.1,
        drip_s: float = 5.0,
        log: Path | None = None,
        pages: Mapping[str, bytes] | None = None,
    ) -> None:
        authority = trustme.CA()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        names = [name for host in HOSTS for name in (host, f"*.{host}")]
        authority.issue_cert(*names).configure_cert(tls)
        super().__init__(
            self._reply,
            bytes_per_s=bytes_per_s,
            latency_s=latency_s,
            drip_s=drip_s,
            log=log,
            tls=tls,
            hosts=rf"(?:[\w-]+\.)*(?:{'|'.join(HOSTS)})",
        )
        self.ca = authority.cert_pem.bytes()
        self.blocked = False
        self._pages = dict(pages or {})
        self._crawl_bytes_per_s = crawl_bytes_per_s
        self._turns: dict[str, Sequence[Turn]] = {
            video: [turns] if isinstance(turns, Media | str) else list(turns)
            for video, turns in videos.items()
        }
        known = {*REFUSALS, *STATUSES}
        for turn in (turn for turns in self._turns.values() for turn in turns):
            assert isinstance(turn, Media) or turn in known, f"{turn}: {', '.join(sorted(known))}"
        self._asked: Counter[str] = Counter()

    def _reply(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        host = request.host.partition(":")[0]
        if host + parts.path in self._pages:
            return Answer(body=self._pages[host + parts.path])
        if host.endswith("googlevideo.com"):
            return self._media(request, query)
        if parts.path == "/youtubei/v1/player":
            return self._player(str(json.loads(request.body).get("videoId")))
        if parts.path == "/youtubei/v1/next":
            return _json({"contents": {"twoColumnWatchNextResults": {}}})
        if parts.path == "/watch" and host.endswith("youtube.com"):
            return self._page(query.get("v", ""))
        script = _SCRIPTS.get(parts.path.rpartition("/")[2])
        return Answer(404) if script is None else Answer(body=script)

    def _turn(self, video: str, step: int) -> Turn:
        if self.blocked:
            return "bot"
        turns = self._turns.get(video, ["unavailable"])
        self._asked[video] += step
        return turns[min(max(self._asked[video] - 1, 0), len(turns) - 1)]

    def _player(self, video: str) -> Answer:
        turn = self._turn(video, 1)
        if isinstance(turn, str) and turn in STATUSES:
            code = STATUSES[turn]
            content = {"error": {"code": code, "message": "Resource has been exhausted"}}
            return Answer(code, json.dumps(content).encode(), {"Content-Type": "application/json"})
        return _json(described(video, turn))

    def _page(self, video: str) -> Answer:
        """The watch page, which holds what the player's API would say (and asks no turn of it)."""
        turn = self._turn(video, 0)
        if isinstance(turn, str) and turn in STATUSES:
            return Answer(STATUSES[turn])
        player = json.dumps(described(video, turn))
        page = (
            f"<!doctype html><title>{video} - YouTube</title><script>"
            f'ytcfg.set({{"VISITOR_DATA": "Cgt2aXNpdG9yAAAA", "STS": 20000}});</script>'
            f"<script>var ytInitialPlayerResponse = {player};</script>"
            f'<script>var ytInitialData = {{"contents": {{"twoColumn": {{}}}}}};</script>'
        )
        return Answer(body=page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})

    def _media(self, request: Request, query: Mapping[str, str]) -> Answer:
        media = next((x for x in self._turns.get(query["id"], ()) if isinstance(x, Media)), None)
        if media is None or int(query["itag"]) not in media.files:
            return Answer(403)
        path = media.files[int(query["itag"])]
        asked = f"{query['id']}/{query['itag']}"
        self._asked[asked] += 1
        faults = media.faults[self._asked[asked] - 1 :]
        fault = faults[0] if faults else ""
        if fault.isdigit():
            return Answer(int(fault), fault=fault)
        # ffmpeg is known by a header of its own: yt-dlp gives it a browser's User-Agent.
        crawls = "icy-metadata" in request.headers
        rate = self._crawl_bytes_per_s if crawls else None
        kind = str(FORMATS[int(query["itag"])]["mimeType"]).partition(";")[0]
        return Answer(body=path, headers={"Content-Type": kind}, fault=fault, bytes_per_s=rate)


def _json(content: Mapping[str, Any]) -> Answer:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    return Answer(body=json.dumps(content).encode(), headers=headers)
