"""What a stand-in for YouTube has: videos as real files, and the ways of refusing one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import imageio_ffmpeg

MEDIA_HOST = "rr1---sn-test.googlevideo.com"
LOGIN = "Sign in to confirm you’re not a bot"

# The playability of the videos that cannot be had: status, reason, reason below the reason.
REFUSALS: Mapping[str, tuple[str, str, str]] = {
    "removed": ("ERROR", "Video unavailable", "This video has been removed by the uploader"),
    "terminated": (
        "ERROR",
        "Video unavailable",
        "This video is no longer available because the YouTube account associated with this video"
        " has been terminated.",
    ),
    "copyright": (
        "UNPLAYABLE",
        "Video unavailable",
        "This video contains content from SME, who has blocked it on copyright grounds",
    ),
    "violation": (
        "ERROR",
        "This video has been removed for violating YouTube's Community Guidelines",
        "",
    ),
    "unavailable": ("ERROR", "Video unavailable", ""),
    "not_available": ("ERROR", "This video is not available", ""),
    "private": (
        "LOGIN_REQUIRED",
        "Private video",
        "Sign in if you've been granted access to this video",
    ),
    "age": (
        "LOGIN_REQUIRED",
        "Sign in to confirm your age",
        "This video may be inappropriate for some users.",
    ),
    "region": (
        "UNPLAYABLE",
        "Video unavailable",
        "The uploader has not made this video available in your country",
    ),
    "region_plain": (
        "UNPLAYABLE",
        "The uploader has not made this video available in your country",
        "",
    ),
    "members": (
        "UNPLAYABLE",
        "Join this channel to get access to members-only content like this video, and other"
        " exclusive perks.",
        "",
    ),
    "payment": ("UNPLAYABLE", "This video requires payment to watch", ""),
    "upcoming": ("LIVE_STREAM_OFFLINE", "This live event will begin in 2 hours.", ""),
    "processing": ("ERROR", "We're processing this video. Check back later.", ""),
    "bot": ("LOGIN_REQUIRED", LOGIN, "This helps protect our community. Learn more"),
    "limited": ("ERROR", "Video unavailable", "This content isn't available, try again later."),
    "captcha": ("LOGIN_REQUIRED", "Please solve a captcha", ""),
}
# Those that are answered by HTTP itself, at the player's API.
STATUSES: Mapping[str, int] = {"busy": 429, "forbidden": 403, "broken": 500}


@dataclass(frozen=True)
class Media:
    """A video that can be had: a file for each itag, of one length."""

    seconds: float
    files: Mapping[int, Path]
    faults: Sequence[str] = ()  # what the first requests for its files meet: a body's fault, or 403


# By itag: what YouTube says of the format.
FORMATS: Mapping[int, Mapping[str, Any]] = {
    140: {
        "mimeType": 'audio/mp4; codecs="mp4a.40.2"',
        "quality": "tiny",
        "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "audioSampleRate": "44100",
        "audioChannels": 1,
    },
    251: {
        "mimeType": 'audio/webm; codecs="opus"',
        "quality": "tiny",
        "audioQuality": "AUDIO_QUALITY_MEDIUM",
        "audioSampleRate": "48000",
        "audioChannels": 1,
    },
    160: {
        "mimeType": 'video/mp4; codecs="avc1.4d400c"',
        "quality": "tiny",
        "qualityLabel": "144p",
        "width": 256,
        "height": 144,
        "fps": 1,
    },
    18: {
        "mimeType": 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
        "quality": "medium",
        "qualityLabel": "360p",
        "width": 256,
        "height": 144,
        "fps": 1,
        "audioQuality": "AUDIO_QUALITY_LOW",
        "audioSampleRate": "44100",
        "audioChannels": 1,
    },
}
_ENDINGS = {140: "m4a", 251: "webm", 160: "160.mp4", 18: "mp4"}
_SOUND = {140: ("-c:a", "aac", "-b:a", "128k"), 251: ("-c:a", "libopus", "-b:a", "96k")}
_PICTURE = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def make_media(recordings: Sequence[Path], folder: Path, name: str, repeats: int = 1) -> Media:
    """Join recordings of 5 s to one video's files; those of an earlier call are kept.

    Parameters
    ----------
    recordings
        Of 5 s each.
    folder
        Where the files are made, as ``{name}.m4a`` and so on.
    name
        Of the files.
    repeats
        How often the whole follows itself; it is encoded once.
    """
    seconds = 5.0 * len(recordings)
    folder.mkdir(parents=True, exist_ok=True)
    joined = [word for path in recordings for word in ("-i", str(path))]
    joined += ["-filter_complex", f"concat=n={len(recordings)}:v=0:a=1"]
    black = f"color=black:s=256x144:r=1:d={seconds}"
    files = {itag: folder / f"{name}.{ending}" for itag, ending in _ENDINGS.items()}
    for itag, sound in _SOUND.items():
        _encode(files[itag], [*joined, "-ac", "1", *sound], repeats)
    _encode(files[160], ["-f", "lavfi", "-i", black, *_PICTURE], repeats)
    if not files[18].exists():
        both = ["-i", str(files[160]), "-i", str(files[140])]
        _encode(files[18], [*both, "-c", "copy", "-shortest"], 1)
    return Media(seconds * repeats, files)


def _encode(made: Path, arguments: Sequence[str], repeats: int) -> None:
    if made.exists():
        return
    once = made.with_name(f"once.{made.name}")
    ahead = ("-movflags", "+faststart") if made.suffix != ".webm" else ("-cues_to_front", "1")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*ffmpeg, *arguments, *ahead, str(once)], check=True)
    if repeats > 1:
        again = once.with_name(f"again.{made.name}")
        loop = ["-stream_loop", str(repeats - 1), "-i", str(once), "-c", "copy"]
        subprocess.run([*ffmpeg, *loop, *ahead, str(again)], check=True)
        once.unlink()
        once = again
    once.replace(made)


Turn = Media | str  # a video, or one of REFUSALS or STATUSES


def described(video: str, turn: Turn) -> dict[str, Any]:
    """Return the player's response."""
    details = {"videoId": video, "title": f"Video {video}", "isLiveContent": turn == "upcoming"}
    details |= {"author": "A channel", "shortDescription": "", "channelId": "UC" + "x" * 22}
    if isinstance(turn, Media):
        formats = {itag: _format(video, itag, turn) for itag in turn.files}
        combined = [formats.pop(18)] if 18 in formats else []
        adaptive = list(formats.values())
        return {
            "playabilityStatus": {"status": "OK", "playableInEmbed": True},
            "streamingData": {"formats": combined, "adaptiveFormats": adaptive},
            "videoDetails": details | {"lengthSeconds": str(round(turn.seconds))},
            # Today's form of an owner's address, which programs of 2021 stumble over.
            "microformat": {
                "playerMicroformatRenderer": {"ownerProfileUrl": "http://www.youtube.com/@channel"}
            },
        }
    status, reason, below = REFUSALS[turn]
    screen: dict[str, Any] = {"reason": {"simpleText": reason}}
    if below:
        screen["subreason"] = {"simpleText": below}
    errors: dict[str, Any] = {"playerErrorMessageRenderer": screen}
    if turn == "captcha":
        errors["playerCaptchaViewModel"] = {"a": 1}
    playability = {"status": status, "reason": reason, "errorScreen": errors}
    if turn == "upcoming":
        details |= {"isUpcoming": True, "isLive": False}
        return {"playabilityStatus": playability, "videoDetails": details}
    return {"playabilityStatus": playability}


def _format(video: str, itag: int, media: Media) -> dict[str, Any]:
    size = media.files[itag].stat().st_size
    bits_per_s = round(8 * size / media.seconds)
    query = {"id": video, "itag": itag, "expire": 4102444800, "clen": size, "dur": media.seconds}
    return {
        "itag": itag,
        "url": f"https://{MEDIA_HOST}/videoplayback?{urlencode(query)}",
        "bitrate": bits_per_s,
        "averageBitrate": bits_per_s,
        "contentLength": str(size),
        "approxDurationMs": str(round(1000 * media.seconds)),
        **FORMATS[itag],
    }
