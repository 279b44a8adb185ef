"""WAV files as recorders write them: AudioMoth, Song Meter (wamd), GUANO."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

RATE_HZ = 8000


def chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a RIFF file, padded to an even length."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def wav(
    path: Path, samples: np.ndarray | None = None, *, before: bytes = b"", behind: bytes = b""
) -> Path:
    """Write 16-bit samples, or half a second of noise, with chunks before and behind them."""
    if samples is None:
        samples = np.random.default_rng(len(path.name)).normal(0, 3000, RATE_HZ // 2)
    head = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16))
    body = b"WAVE" + head + before + chunk(b"data", samples.astype("<i2").tobytes()) + behind
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def audiomoth(comment: str, device: str = "0FE081F80FE081F0") -> bytes:
    """Return the LIST chunk of AudioMoth's firmware: comment of 384 bytes, artist of 32."""
    texts = chunk(b"ICMT", comment.encode().ljust(384, b"\0"))
    texts += chunk(b"IART", f"AudioMoth {device}".encode().ljust(32, b"\0"))
    return chunk(b"LIST", b"INFO" + texts)


def wamd(pieces: dict[int, bytes], version: int = 1) -> bytes:
    """Return Wildlife Acoustics' chunk: of each piece its id, length and content."""
    whole = {0: struct.pack("<H", version)} | pieces
    content = b"".join(struct.pack("<HI", key, len(value)) + value for key, value in whole.items())
    return chunk(b"wamd", content)


def guano(text: str) -> bytes:
    """Return a GUANO chunk, with blanks and zeros at its end as some write it."""
    return chunk(b"guan", text.encode() + b" \0\0")
