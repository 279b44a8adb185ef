"""Fetching of recordings: from a disk, from another file system, from the web."""

from spikesound.core.errors import SpikesoundError

try:
    import yt_dlp  # noqa: F401
except ImportError as error:
    raise SpikesoundError(
        "yt-dlp, which downloads recordings, is not installed: pip install 'spikesound[pipeline]'"
    ) from error
