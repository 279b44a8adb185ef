"""Weights and a spec in one file that can be read without trusting it.

It is a ``.safetensors`` file, which any reader of these opens: weights, and in the header's
metadata ``format``, ``version``, ``spec`` (JSON) and ``sha256``, of a calibrated model
``calibration`` (JSON). Nothing in it is executed. The header is checked before anything is built
from it, the weights' sizes before they are read.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import safetensors
import safetensors.torch
import torch
from torch import nn

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import parse_untrusted
from spikesound.models.integer_weights import SCALE, sizes_with_scales, unpacked

HEADER_LIMIT = 2**20
"""Bytes of a header: far more than names and ranges of thousands of classes and bins need."""

DTYPES = {"F32": torch.float32, "I64": torch.int64, "I8": torch.int8}
"""Types of weights, of a batch norm's count of batches, and of weights with scales."""

FOREIGN = {
    b"PK\x03\x04": "a zip archive, as PyTorch's checkpoints are, which are never unpickled here",
    b"\x80": "a Python pickle, which is never unpickled here",
    b"\x89HDF": "an HDF5 file, as NIR graphs are",
    b"\x08": "perhaps an ONNX file",
    b"{": "JSON",
}


@dataclass(frozen=True)
class Entry:
    """A tensor by the header: its type, shape, and place in the bytes behind the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class SafeFile:
    """A file whose header has been checked. Its weights have not been read yet.

    Attributes
    ----------
    metadata : of the header, without the spec; empty strings where a key is missing
    spec : of the model, parsed; finite numbers only
    table : the tensors by name
    data_at : where the weights begin, in bytes
    calibration : of the model, parsed; None: there is none
    prefix : begin of the tensors' names in the file, which is not in the table
    """

    path: Path
    metadata: dict[str, str]
    spec: Any
    table: dict[str, Entry]
    data_at: int
    calibration: Any = None
    prefix: str = ""

    def part(self, prefix: str) -> SafeFile:
        """Return the tensors whose names begin with a prefix, without it."""
        size = len(prefix)
        table = {name[size:]: each for name, each in self.table.items() if name.startswith(prefix)}
        return replace(self, table=table, prefix=self.prefix + prefix)

    def without(self, prefix: str) -> SafeFile:
        """Return the other tensors."""
        table = {name: each for name, each in self.table.items() if not name.startswith(prefix)}
        return replace(self, table=table)

    def check_kind(self, kind: str, version: str, what: str) -> None:
        """Check the file's format and version, and that it has a hash.

        Raises
        ------
        SpikesoundError
            If they are others; ``what`` names the expected kind of file.
        """
        if self.metadata["format"] != kind:
            self.refuse(f"safetensors, but not {what} of spikesound")
        if self.metadata["version"] != version:
            found = self.metadata["version"][:20]
            self.refuse(f"format version: expected {version!r}, got {found!r}")
        if not self.metadata["sha256"]:
            self.refuse("sha256: missing")

    def check_fits(self, network: nn.Module) -> None:
        """Compare names, types and shapes with those of a network, which may be a meta one.

        Raises
        ------
        SpikesoundError
            If they differ; the message names the first.
        """
        floats = {
            name: (value.dtype, tuple(value.shape)) for name, value in network.state_dict().items()
        }
        integers = {name for name, entry in self.table.items() if entry.dtype == "I8"}
        wanted = sizes_with_scales(floats, integers)
        for name in sorted(wanted.keys() | self.table.keys()):
            if name not in self.table:
                self.refuse(f"weights {name!r}: missing")
            if name not in wanted:
                self.refuse(f"weights {name[:80]!r}: not expected by its network")
            entry = self.table[name]
            dtype, shape = wanted[name]
            if (DTYPES[entry.dtype], entry.shape) != (dtype, shape):
                self.refuse(f"weights {name!r}: expected {shape}, got {entry.dtype} {entry.shape}")

    def fill(self, network: nn.Module) -> None:
        """Read the weights into a network that they fit; their hash and values are checked.

        Raises
        ------
        SpikesoundError
            If they are damaged, or not finite.
        """
        content = self.path.read_bytes()
        if self.metadata["sha256"] and self.metadata["sha256"] != digest(content):
            self.refuse("damaged: sha256 of its content differs from the one in its header")
        try:
            every = safetensors.torch.load(content)
        except safetensors.SafetensorError as error:
            raise SpikesoundError(f"{self.path}: {_line(error)}") from error
        weights = {name: every[self.prefix + name] for name in self.table}
        for name, value in weights.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                self.refuse(f"weights {name!r}: expected finite values")
            if name.endswith("running_var") and bool((value < 0).any()):
                self.refuse(f"weights {name!r}: expected variances of at least 0")
            if name.endswith(SCALE) and not bool((value > 0).all()):
                self.refuse(f"weights {name!r}: expected scales above 0")
        network.load_state_dict(unpacked(weights))

    def refuse(self, why: str) -> NoReturn:
        """Raise an error about the file."""
        raise SpikesoundError(f"{self.path}: {why}")


def write(path: Path, metadata: Mapping[str, str], state: Mapping[str, torch.Tensor]) -> None:
    """Write a network's state with the metadata and a hash of both, by an atomic write."""
    weights = {name: value.contiguous() for name, value in state.items()}
    content = safetensors.torch.save(weights, dict(metadata))
    header, body = _split(content)
    header["__metadata__"]["sha256"] = digest(content)
    # The library writes metadata in any order: sorted, equal models are equal bytes.
    text = json.dumps(header, sort_keys=True, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        file.write(len(text).to_bytes(8, "little") + text + body)


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's header, without the hash in it, and of its weights."""
    header, body = _split(content)
    header.get("__metadata__", {}).pop("sha256", None)
    canonical = json.dumps(header, sort_keys=True).encode()
    return hashlib.sha256(canonical + b"\0" + body).hexdigest()


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def read(path: Path) -> SafeFile:
    """Read the header, and check it against the file's size.

    Raises
    ------
    SpikesoundError
        If it is missing, another kind of file, cut off, or its header is invalid.
    """
    header, data_at, size = _header(path)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise SpikesoundError(f"{path}: metadata: expected texts by name")
    table = {name: _entry(path, name, value) for name, value in header.items()}
    place = 0
    for name, entry in sorted(table.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != place:
            raise SpikesoundError(f"{path}: weights {name[:80]!r}: expected at byte {place}")
        place = entry.end
    if place != size - data_at:
        raise SpikesoundError(
            f"{path}: weights: expected {place} bytes, got {size - data_at}: cut off?"
        )
    spec, calibration = (
        parse_untrusted(metadata[key].encode(errors="surrogatepass"), f"{path}: {key}")
        if key in metadata
        else None
        for key in ("spec", "calibration")
    )
    known = {key: metadata.get(key, "") for key in ("format", "version", "sha256")}
    return SafeFile(path, known, spec, table, data_at, calibration)


def _header(path: Path) -> tuple[dict[str, Any], int, int]:
    """Return the header, where the weights begin, and the file's size."""
    if not path.is_file():
        raise SpikesoundError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(9)
        length = int.from_bytes(start[:8], "little")
        if len(start) < 9 or start[8:] != b"{" or length > size - 8:
            raise SpikesoundError(f"{path}: not a model file{_kind(start, size)}")
        if length > HEADER_LIMIT:
            raise SpikesoundError(
                f"{path}: header: expected at most {HEADER_LIMIT} bytes, got {length}"
            )
        text = start[8:] + file.read(length - 1)
    header = parse_untrusted(text, f"{path}: header")
    assert isinstance(header, dict)  # it begins with a brace
    return header, 8 + length, size


def _kind(start: bytes, size: int) -> str:
    if size < 9:
        return f": {size} bytes"
    for magic, kind in FOREIGN.items():
        if start.startswith(magic):
            return f" but {kind}"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return " but text"
    return ", or one that is cut off or damaged"


def _entry(path: Path, name: str, value: Any) -> Entry:
    try:
        dtype, shape, (start, end) = value["dtype"], value["shape"], value["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise SpikesoundError(
            f"{path}: weights {name[:80]!r}: dtype, shape or data_offsets missing"
        ) from error
    numbers = [*shape, start, end] if isinstance(shape, list) else [None]
    if not all(type(number) is int and 0 <= number < 2**48 for number in numbers):
        raise SpikesoundError(f"{path}: weights {name[:80]!r}: invalid size")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise SpikesoundError(
            f"{path}: weights {name[:80]!r}: type must be one of {', '.join(DTYPES)}, "
            f"got {str(dtype)[:20]!r}"
        )
    if math.prod(shape) * DTYPES[dtype].itemsize != end - start:
        raise SpikesoundError(f"{path}: weights {name[:80]!r}: {end - start} bytes for {shape[:8]}")
    return Entry(dtype, tuple(shape), start, end)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
