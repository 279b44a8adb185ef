"""A section of a recording on the web: ffmpeg seeks in it, and fetches only what it needs."""

from __future__ import annotations

import os
from collections.abc import Mapping

from spikesound.audio.cutting import Samples, Span, cut_stream
from spikesound.audio.cutting import span as samples_of
from spikesound.audio.ffmpeg import MediaError, pcm, sound

LEAD_S = 2.0
"""Decoded ahead of a stretch: after a jump, decoders drop a packet, or need some to settle."""

SETTLED_S = 0.2
"""Time before the section at which the cut by timestamps is, and the cut by counting begins."""

PROTOCOLS = "http,https,tls,tcp,httpproxy,crypto"
"""Protocols that an address may lead to. Not file: a server must not name files of this machine."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def fetch_section(
    address: str,
    headers: Mapping[str, str],
    rate_hz: int,
    span: Span,
    *,
    timeout_s: float,
    limit_s: float,
    proxy: str | None = None,
) -> Samples:
    """Fetch and decode one stretch of a sound file on a server that allows ranges.

    ffmpeg begins to decode LEAD_S before the stretch and cuts by the samples' timestamps: exact to
    the sample where the container counts in samples (Ogg, WAV, FLAC, MP3, MP4), to the millisecond
    where it counts in those (WebM).

    Parameters
    ----------
    address, headers
        Where the file lies, and what to send with the request.
    rate_hz
        Sampling rate of the result; channels are mixed to one.
    span
        Start and end, in seconds.
    timeout_s
        Without a byte, after which the connection is given up.
    limit_s
        For the whole of it.
    proxy
        Address of an HTTP proxy; None for none, whatever the environment says. ffmpeg knows no
        other kind: see :func:`spikesound.data.fetch.session.Session.section_proxy`.

    Raises
    ------
    MediaError
        ``failed``, to be tried again another way, if it takes longer, or nothing comes of it.
    """
    start_s, end_s = span
    first, count = samples_of(rate_hz, start_s, end_s)
    # First by the timestamps of packets, which a decoder has right again some packets after a jump;
    # then, at the rate wanted, by counting.
    settled = min(first, round(SETTLED_S * rate_hz))
    ahead = min(first, round(LEAD_S * rate_hz))
    from_s = (first - ahead) / rate_hz
    recording = sound(
        address,
        PROTOCOLS,
        ss=f"{from_s:.6f}",
        t=f"{end_s - from_s + 1.0:.6f}",
        rw_timeout=round(timeout_s * 1e6),
        headers="".join(f"{name}: {value}\r\n" for name, value in headers.items()),
    )
    cut = (
        recording.filter("atrim", start=f"{(ahead - settled) / rate_hz:.6f}")
        .filter("asetpts", "PTS-STARTPTS")
        .filter("aresample", rate_hz)
        .filter("atrim", start_sample=settled, end_sample=settled + count)
    )
    job = cut.output("pipe:", format="s16le", ac=1)
    pieces = pcm(job, limit_s, _environment(proxy))
    [(_, samples)] = cut_stream(pieces, rate_hz, [(0.0, count / rate_hz)])
    if isinstance(samples, MediaError):
        raise samples
    return samples


def _environment(proxy: str | None) -> dict[str, str]:
    """Return this process's environment with that proxy and no other.

    By its option ``http_proxy``, ffmpeg still goes past the proxy where ``no_proxy`` says so, and
    every user of the machine can read a password in it.
    """
    others = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
    return others | ({"http_proxy": proxy} if proxy else {})
