"""Damaged and hostile model files, made from a good one."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from typing import Any

from spikesound.models.safe_file import digest

Header = dict[str, Any]

VALUES: tuple[Any, ...] = (
    *(10**9, 2**63, 10**30, -1, 0, 1.5, float("nan"), float("inf"), None, True, [], {}, "", [[]]),
    *("../../etc/passwd", "a\x1b[31mb", "a\nb", "\u202e", "x" * 10_000, "\ud800", [1] * 20_000),
    *("cnn", "lstm", "som", [10**9], [0], [-1], ["a", "a"], {"a": 1}, 65_536, 4_096),
)
"""What is put in the place of a value of the header."""

BOMB_RAN = "bomb-ran"
"""A file of this name appears if a pickle is ever opened."""


class Bomb:
    """Unpickled, it makes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (BOMB_RAN, "w")


def split(content: bytes) -> tuple[Header, bytes]:
    """Return the header, parsed, and what comes behind it."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Header, body: bytes, *, sign: bool = True) -> bytes:
    """Return the file of a header and a body, with a hash that fits if ``sign``."""
    if sign:
        text = json.dumps(header, ensure_ascii=True).encode()
        sha256 = digest(len(text).to_bytes(8, "little") + text + body)
        header = {**header, "__metadata__": {**header["__metadata__"], "sha256": sha256}}
    text = json.dumps(header, ensure_ascii=True).encode()
    return len(text).to_bytes(8, "little") + text + body


def flipped_in_header(content: bytes, draw: random.Random) -> bytes:
    """Flip a bit of the length or the header."""
    end = 8 + int.from_bytes(content[:8], "little")
    return _flipped(content, draw.randrange(end), draw)


def flipped_in_weights(content: bytes, draw: random.Random) -> bytes:
    """Flip a bit of the weights."""
    start = 8 + int.from_bytes(content[:8], "little")
    return _flipped(content, draw.randrange(start, len(content)), draw)


def overwritten(content: bytes, draw: random.Random) -> bytes:
    """Put up to 64 random bytes in place of others."""
    count, place = draw.randint(1, 64), draw.randrange(len(content))
    return content[:place] + draw.randbytes(count) + content[place + count :]


def cut(content: bytes, draw: random.Random) -> bytes:
    """Cut the end off."""
    return content[: draw.choice([0, 1, 8, 9, draw.randrange(len(content)), len(content) - 1])]


def longer(content: bytes, draw: random.Random) -> bytes:
    """Put bytes behind the end."""
    return content + draw.randbytes(draw.choice([1, 8, 4096]))


def length_changed(content: bytes, draw: random.Random) -> bytes:
    """Write another length of the header."""
    length = int.from_bytes(content[:8], "little")
    other = [0, 1, 2**63, 2**64 - 1, 10**8, length - 1, length + 1, draw.randrange(2**40)]
    return draw.choice(other).to_bytes(8, "little") + content[8:]


def swapped(content: bytes, draw: random.Random) -> bytes:
    """Return another kind of file."""
    deep = b"[" * 100_000
    header = b'{"__metadata__":{"spec":' + deep
    nested = len(header).to_bytes(8, "little") + header
    kinds = (
        *(pickle.dumps(Bomb(), protocol) for protocol in range(6)),
        *(b"PK\x03\x04" + draw.randbytes(500), b"\x89HDF\r\n\x1a\n" + draw.randbytes(500)),
        *(b"\x08\x07\x12\x07pytorch" + draw.randbytes(500), b"# a text\nmodel: tcn\n", nested),
        *(draw.randbytes(1000), bytes(1000), b"{}", b"\xff" * 16, b"<html></html>"),
        (2).to_bytes(8, "little") + b"{}",
    )
    return draw.choice(kinds)


def value_changed(content: bytes, draw: random.Random) -> bytes:
    """Put a hostile value into the spec, and sign it."""
    header, body = split(content)
    spec = json.loads(header["__metadata__"]["spec"])
    _put(spec, draw.choice(VALUES), draw)
    header["__metadata__"]["spec"] = json.dumps(spec)
    return joined(header, body)


def key_changed(content: bytes, draw: random.Random) -> bytes:
    """Drop, rename, double or add a key of the spec, and sign it."""
    header, body = split(content)
    spec = json.loads(header["__metadata__"]["spec"])
    key = draw.choice(list(spec))
    text = json.dumps(spec)
    if (way := draw.randrange(4)) == 0:
        del spec[key]
    elif way == 1:
        spec[key + "s"] = spec.pop(key)
    elif way == 2:
        spec["added"] = draw.choice(VALUES)
    text = text[:-1] + f', "{key}": null}}' if way == 3 else json.dumps(spec)
    header["__metadata__"]["spec"] = text
    return joined(header, body)


def metadata_changed(content: bytes, draw: random.Random) -> bytes:
    """Change format, version, hash or the spec's text as a whole."""
    header, body = split(content)
    key = draw.choice(list(header["__metadata__"]))
    values = ("", "2", "x" * 1000, "null", "[]", "[" * 50_000, '{"a": NaN}', "1" * 5000, "\ud800")
    header["__metadata__"][key] = draw.choice(values)
    return joined(header, body, sign=key != "sha256")


def table_changed(content: bytes, draw: random.Random) -> bytes:
    """Change what the header says of a tensor, and sign it."""
    header, body = split(content)
    name = draw.choice([name for name in header if name != "__metadata__"])
    way = draw.randrange(4)
    if way == 0:
        header[name + "x"] = header.pop(name)
    elif way == 1:
        del header[name]
    elif way == 2:
        header[name]["dtype"] = draw.choice(["F64", "F16", "BOOL", "I64", "Q8", "", None, 4])
    else:
        _put(header[name], draw.choice(VALUES), draw)
    return joined(header, body)


def weights_changed(content: bytes, draw: random.Random) -> bytes:
    """Put what is not finite, or a variance below zero, into the weights, and sign it."""
    header, body = split(content)
    name = draw.choice(
        [n for n, at in header.items() if n != "__metadata__" and at["dtype"] == "F32"]
    )
    place = header[name]["data_offsets"][0]
    bad = [b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\x00\x00\x80\xff"]
    if name.endswith("running_var"):
        bad.append(b"\x00\x00\x80\xbf")
    return joined(header, body[:place] + draw.choice(bad) + body[place + 4 :])


SIGNED = (value_changed, key_changed, metadata_changed, table_changed, weights_changed)
"""Those by an author who knows how the hash is made: what is sound in them may be loaded."""

WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flipped_in_header,
    flipped_in_weights,
    overwritten,
    cut,
    longer,
    length_changed,
    swapped,
    *SIGNED,
)


def _flipped(content: bytes, place: int, draw: random.Random) -> bytes:
    other = content[place] ^ (1 << draw.randrange(8))
    return content[:place] + bytes([other]) + content[place + 1 :]


def _put(tree: Any, value: Any, draw: random.Random) -> None:
    """Put a value somewhere into a tree of mappings and lists."""
    while True:
        key = draw.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        below = tree[key]
        if not isinstance(below, dict | list) or not below or draw.random() < 0.2:
            tree[key] = value
            return
        tree = below
