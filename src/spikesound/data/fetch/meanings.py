"""Meanings of failures: the state of the recording, whether to retry, and what to do about many."""

from __future__ import annotations

from dataclasses import dataclass

from yt_dlp.version import __version__ as yt_dlp_version

from spikesound.audio.ffmpeg import MediaError


class Unreachable(MediaError):
    """No server was reached: nothing is known of the recording, and no other would fare better."""


class Outdated(MediaError):
    """The site was not understood: nothing is known of the recording, and yt-dlp may be too old."""


def advice(trouble: MediaError) -> str:
    """Return what to do when many recordings in a row failed for a reason that is not their own."""
    if isinstance(trouble, Outdated):
        return (
            f"yt-dlp {yt_dlp_version} no longer understands the site, or the site holds sound back"
            " from this client. No clip is marked as gone: pip install --upgrade 'yt-dlp[default]',"
            " then run it again"
        )
    if trouble.state == "throttled":
        return "going on would prolong a block, which lasts up to an hour or two. Run it again then"
    return "the network, the proxy or the server is away. Run it again when it is there"


@dataclass(frozen=True)
class Meaning:
    """Meaning of a failure.

    Attributes
    ----------
    state, retry, refusal
        As of :class:`MediaError`.
    kind
        The class of the error.
    """

    state: str
    retry: bool = False
    refusal: bool = False
    kind: type[MediaError] = MediaError

    def error(self, reason: str, wait_s: float = 0.0) -> MediaError:
        """Return the error with its reason."""
        return self.kind(self.state, reason, self.retry, self.refusal, wait_s)


PASSING = Meaning("failed", retry=True)
THROTTLED = Meaning("throttled", retry=True, refusal=True)
UNREACHABLE = Meaning("failed", retry=True, refusal=True, kind=Unreachable)
OUTDATED = Meaning("failed", retry=True, refusal=True, kind=Outdated)
UNSAFE = Meaning("refused")
UNTRUSTED = Meaning("refused", refusal=True)
SIGN_IN = Meaning("sign_in")
PRIVATE = Meaning("private")
REMOVED = Meaning("removed")
AGE = Meaning("age_restricted")
REGION = Meaning("region_restricted")
UNAVAILABLE = Meaning("unavailable")
