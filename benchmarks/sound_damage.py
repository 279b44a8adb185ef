"""Damaged, absurd and foreign files, made from real sounds."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from spikesound.audio.ffmpeg import ffmpeg_binary

Generator = np.random.Generator
FORMATS = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "aiff", "webm", "wma")
SECONDS = 1.5


def sounds(recordings: list[Path]) -> dict[str, bytes]:
    """Return the start of each recording in each format, by a file's name."""
    made = {}
    for recording in recordings:
        for suffix in FORMATS:
            made[f"{recording.stem}.{suffix}"] = encoded(recording, suffix)
    return made


def encoded(recording: Path, suffix: str) -> bytes:
    # Into a file, not a pipe: only then can the maker go back and write the length.
    place = recording.with_name(f"made.{suffix}")
    command = [ffmpeg_binary(), "-v", "fatal", "-t", str(SECONDS), "-i", str(recording), "-y"]
    subprocess.run([*command, str(place)], check=True)
    content = place.read_bytes()
    place.unlink()
    return content


def cut(content: bytes, generator: Generator) -> bytes:
    """Cut the end off."""
    return content[: int(generator.integers(1, len(content)))]


def flipped(content: bytes, generator: Generator) -> bytes:
    """Flip up to 20 bits, anywhere."""
    damaged = bytearray(content)
    for at in generator.integers(0, len(content), int(generator.integers(1, 21))):
        damaged[at] ^= 1 << int(generator.integers(8))
    return bytes(damaged)


def head(content: bytes, generator: Generator) -> bytes:
    """Put random bytes into the first hundred."""
    damaged = bytearray(content)
    for at in generator.integers(0, min(100, len(content)), 8):
        damaged[at] = int(generator.integers(256))
    return bytes(damaged)


def hole(content: bytes, generator: Generator) -> bytes:
    """Take a stretch out of the middle."""
    first, last = sorted(int(n) for n in generator.integers(0, len(content), 2))
    return content[:first] + content[last:]


def zeros(content: bytes, generator: Generator) -> bytes:
    """Overwrite a stretch with zeros."""
    first, last = sorted(int(n) for n in generator.integers(0, len(content), 2))
    return content[:first] + bytes(last - first) + content[last:]


def noise(content: bytes, generator: Generator) -> bytes:
    """Random bytes, as many."""
    return generator.bytes(len(content))


def wave(content: bytes, generator: Generator) -> bytes:
    """A WAV file whose header says absurd things: of rate, channels, length, bits, format."""
    values = [0, 1, 2, 3, 7, 255, 65534, 65535, 2**31 - 1, 2**31, 2**32 - 1]
    small = [value for value in values if value < 2**16]
    fields = {"tag": 1, "channels": 1, "rate": 22050, "align": 2, "bits": 16, "size": 22050}
    for name in generator.choice(sorted(fields), 2, replace=False):
        choices = values if name in ("rate", "size") else small
        fields[name] = int(generator.choice(choices))
    sound = generator.integers(-3000, 3000, 11025).astype("<i2").tobytes()
    head = struct.pack("<HHIIHH", fields["tag"], fields["channels"], fields["rate"],
                       44100, fields["align"], fields["bits"])  # fmt: skip
    riff = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    riff += b"data" + struct.pack("<I", fields["size"]) + sound
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


def not_numbers(content: bytes, generator: Generator) -> bytes:
    """A WAV file of floats, some of which are NaN, infinite or far too large."""
    samples = generator.normal(0, 0.1, 11025).astype(np.float32)
    samples[generator.integers(0, len(samples), 5)] = generator.choice([np.nan, np.inf, 1e30])
    return _wav(samples, 22050)


def short(content: bytes, generator: Generator) -> bytes:
    """A WAV file of no, one or a few samples."""
    return _wav(np.full(int(generator.integers(0, 4)), 0.1, np.float32), 22050)


def text(content: bytes, generator: Generator) -> bytes:
    """Text: a letter, a playlist or a script that names other files."""
    texts = [
        "Dear all,\nthe sounds are on the other disk.\n" * 20,
        "#EXTM3U\n#EXTINF:5\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        '<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1/</BaseURL></MPD>',
    ]
    return str(generator.choice(texts)).encode()


def zipped(content: bytes, generator: Generator) -> bytes:
    """A zip that holds the sound."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("sound", content)
    return stream.getvalue()


def cover(content: bytes, generator: Generator) -> bytes:
    """An MP3's tag with a picture in it, and no sound."""
    picture = b"\0image/png\0\3\0" + b"\x89PNG\r\n\x1a\n" + generator.bytes(500)
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = len(frame)
    synchsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + synchsafe + frame


def empty(content: bytes, generator: Generator) -> bytes:
    """Nothing."""
    return b""


def whole(content: bytes, generator: Generator) -> bytes:
    """The sound, undamaged; under another format's suffix it is sound all the same."""
    return content


DAMAGES: dict[str, Callable[[bytes, Generator], bytes]] = {
    damage.__name__: damage
    for damage in (
        cut, flipped, head, hole, zeros, noise, wave, not_numbers, short, text, zipped, cover,
        empty, whole,
    )
}  # fmt: skip
"""Each makes a file's content from that of a good one."""


def _wav(samples: np.ndarray, rate_hz: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format="WAV", subtype="FLOAT")
    return stream.getvalue()
