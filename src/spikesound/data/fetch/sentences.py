"""Sentences of yt-dlp and of sites, and what they mean for the recording.

Those of ``YT_DLP`` stand in yt-dlp's own source, and a test looks each of them up in the installed
one, so that a yt-dlp that words them otherwise is noticed. Those of ``SITES`` are the sites' own:
yt-dlp hands them on. Names of people, labels and titles, which a sentence may hold, must not
decide: patterns are phrases, not words, and what stands in a place for a name is removed first.
"""

from __future__ import annotations

import re

from spikesound.data.fetch.meanings import (
    AGE,
    OUTDATED,
    PASSING,
    PRIVATE,
    REGION,
    REMOVED,
    SIGN_IN,
    THROTTLED,
    UNAVAILABLE,
    Meaning,
)

YT_DLP: list[tuple[str, Meaning]] = [
    ("All player responses are invalid. Your IP is likely being blocked by Youtube", THROTTLED),
    ("has been rate-limited by YouTube for up to an hour", THROTTLED),
    ("YouTube is requiring a captcha challenge before playback", THROTTLED),
    ("Your IP address is blocked", THROTTLED),
    ("Your IP address is unable to access", THROTTLED),
    ("You are rate-limited", THROTTLED),
    ("You have exceeded the rate limit", THROTTLED),
    ("Got client challenge webpage response", THROTTLED),
    ("Failed to extract any player response", OUTDATED),
    ("Cannot identify player", OUTDATED),
    ("Unable to extract ", OUTDATED),
    ("Failed to parse JSON", OUTDATED),
    ("This video is DRM protected", UNAVAILABLE),
    ("either unavailable in your region or is DRM protected", REGION),
    ("This video is not available from your location due to geo restriction", REGION),
    ("Track unavailable in your country", REGION),
    ("This song is blocked in this region", REGION),
    ("This video is only available for registered users", SIGN_IN),
    ("Login details are needed to download this content", SIGN_IN),
    ("This video requires login", SIGN_IN),
    ("Login required", SIGN_IN),
    ("Login is required", SIGN_IN),
    ("This video is for premium members only", SIGN_IN),
    ("This video is only available to premium users", SIGN_IN),
    ("This video is only available for premium users", SIGN_IN),
    ("This video is only available for members", SIGN_IN),
    ("This video is paid, subscribe to download it", SIGN_IN),
    ("The song is only for VIP accounts", SIGN_IN),
    ("Private video. Login if you have permissions to watch", PRIVATE),
    ("This VOD is private", PRIVATE),
    ("This video is only available for age verified users", AGE),
    ("Video was deleted", REMOVED),
    ("it has most likely expired", REMOVED),
    ("This video does not exist", REMOVED),
    ("is no longer available", REMOVED),
    ("Requested format is not available", UNAVAILABLE),  # a film without sound
    ("No video formats found!", OUTDATED),
    ("more expected", PASSING),
    ("Did not get any data blocks", PASSING),
    ("There is an error on server-side. Try again later.", PASSING),
]
"""Parts of yt-dlp's own messages, as they stand in its source."""

SITES: list[tuple[str, Meaning]] = [
    (
        r"not a bot|solve a captcha|too many requests|unusual traffic|rate.limit exceeded"
        r"|content isn.t available, try again later",
        THROTTLED,
    ),
    (r"page needs to be reloaded", OUTDATED),
    (r"\bprivate video\b|\b(video|track|sound|file|recording) is private\b", PRIVATE),
    (
        r"members.only|available to this channel.s members|join this channel"
        r"|requires (payment|an? (subscription|premium account|membership))"
        r"|(premium|paid) (members|users|subscribers|subscription)",
        SIGN_IN,
    ),
    (r"confirm your age|age.?restricted|inappropriate for some users", AGE),
    (
        r"(not (made this video )?|un)available in your (country|location|region)"
        r"|blocked( it)? in (your|this) (country|region)|geo.?(restrict|block)",
        REGION,
    ),
    (
        r"(has been|was|been) (removed|deleted|terminated|taken down)|no longer (available|exists)"
        r"|removed by the (user|uploader)|does(n.t| not) exist|on copyright grounds"
        r"|copyright (claim|infringement|strike)|closed their (\w+ )?account",
        REMOVED,
    ),
    (r"bytes, expected|timed out|temporarily|try again later|HTTP Error 5\d\d", PASSING),
    (
        r"(sign|log) ?in (to|if|or)\b|(please|must|need to|have to) (sign|log) ?in"
        r"|registered users",
        SIGN_IN,
    ),
    (
        r"\b(video|track|content|media|sound|recording|it|this)( is| are)?( currently)?"
        r" ?(un|not )available\b|\b(isn.t|aren.t) available\b"
        r"|\b(video|track|media|sound|recording|page) not found"
        r"|live event will begin|premieres in|check back later",
        UNAVAILABLE,
    ),
]
"""Sentences of sites, as patterns; the first that matches counts: a bot check also says "sign in",
a removed video "unavailable"."""

WARNINGS: list[str] = [
    "Signature solving failed: Some formats may be missing",
    "n challenge solving failed: Some formats may be missing",
    "nly images are available for download",
    "may have enabled the SABR-only streaming experiment",
    "formats have been skipped as they are missing a URL",
    "is forcing SABR streaming for this client",
    "formats require a GVS PO Token which was not provided",
    "an experiment that applies DRM to all videos on the tv client",
    "was skipped. It may be required to solve JS challenges",
    "Error solving ",
    "No supported JavaScript runtime could be found",
]
"""Parts of yt-dlp's warnings after which missing formats say nothing of the recording."""

OLD_WARNINGS: list[str] = ["nsig extraction failed", "Signature extraction failed"]
"""As ``WARNINGS``, of yt-dlp before 2025.11."""

_NAMES = re.compile(
    r"(?<=content from ).+?(?=,? who has blocked)"
    r"|(?<=copyright claim by ).+?(?=\.|$)"
    r"|(?<=on level: ).+?(?=\(|\.|$)"
    r"|\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)|\bhttps?://\S+",
    re.IGNORECASE,
)


def meaning_of(reason: str) -> Meaning:
    """Return what a sentence means; one that is not known is no word on the recording."""
    plain = _NAMES.sub("#", reason)
    for part, meaning in YT_DLP:
        if part in plain:
            return meaning
    for pattern, meaning in SITES:
        if re.search(pattern, plain, re.IGNORECASE):
            return meaning
    return Meaning("failed")


NO_FORMAT = (
    "Requested format is not available",
    "No video formats found!",
    "This video is DRM protected",
)
"""Reasons that mean something else after a warning of ``WARNINGS``."""
