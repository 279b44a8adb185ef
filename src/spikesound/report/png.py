"""PNG pictures with a palette, as ``data:`` URIs that stand in a page."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

LEVELS = 256

# The colour map magma (by van der Walt and Smith, CC0) at equal distances.
_MAGMA = "000004 1d1147 51127c 832681 b73779 e55064 fb8761 fec287 fcfdbf"


def magma() -> NDArray[np.uint8]:
    """Return the colour map magma as a palette of RGBA colours, from dark to light."""
    anchors = np.array([rgb(anchor) for anchor in _MAGMA.split()], dtype=float)
    places = np.linspace(0, len(anchors) - 1, LEVELS)
    mixed = [np.interp(places, np.arange(len(anchors)), channel) for channel in anchors.T]
    opaque = np.full(LEVELS, 255.0)
    return np.stack([*mixed, opaque], axis=1).round().astype(np.uint8)


def tint(colour: str) -> NDArray[np.uint8]:
    """Return a palette of RGBA colours: one colour (``#rrggbb``), from transparent to opaque."""
    palette = np.empty((LEVELS, 4), np.uint8)
    palette[:, :3] = rgb(colour.removeprefix("#"))
    palette[:, 3] = np.arange(LEVELS)
    return palette


def rgb(colour: str) -> tuple[int, ...]:
    """Return red, green and blue of ``rrggbb``."""
    return tuple(bytes.fromhex(colour))


def png(values: NDArray[np.floating], palette: NDArray[np.uint8]) -> bytes:
    """Return a picture as a PNG file (ISO/IEC 15948), one pixel a value.

    Parameters
    ----------
    values
        Shape (row, column), the top row first, between 0 and 1: 0 is the palette's first colour.
    palette
        Shape (256, 4): red, green, blue, opacity.
    """
    height, width = values.shape
    levels = (np.clip(values, 0, 1) * (LEVELS - 1)).round().astype(np.uint8)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), levels], axis=1)  # 0: no row filter
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette[:, :3].tobytes()),
            _chunk(b"tRNS", palette[:, 3].tobytes()),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(values: NDArray[np.floating], palette: NDArray[np.uint8]) -> str:
    """Return the picture of :func:`png` as a ``data:`` URI."""
    return "data:image/png;base64," + base64.b64encode(png(values, palette)).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
