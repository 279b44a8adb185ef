"""Shards that stay on disk: arrays of single clips, mapped into memory where they lie."""

from __future__ import annotations

import hashlib
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikesound.core.errors import SpikesoundError

Array = NDArray[Any]

MEMBER = "x.npy"
LOCAL_HEADER = 30
"""Bytes of a zip member's local header before its name and its extra field."""
OPEN_AT_MOST = 128


class MappedShards:
    """The arrays of shards, read clip by clip without loading a shard.

    A shard's array is a member of a zip file that is stored and not compressed: it lies in the
    file as it is, and is mapped from its offset. The last :data:`OPEN_AT_MOST` shards read stay
    mapped, so that neither address space nor resident memory grows with the number of shards.

    Parameters
    ----------
    folder : of shards, on a disk of this machine
    names : of the shards' files; a shard's number is its place among them
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = Path(folder), list(names)
        self._maps: OrderedDict[int, Array] = OrderedDict()
        self._shape: tuple[int, ...] | None = None
        self._dtype: np.dtype[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to map the shards for itself."""
        return self.__dict__ | {"_maps": OrderedDict()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a clip's array."""
        if self._shape is None:
            first = self._mapped(0)
            self._shape, self._dtype = first.shape[1:], first.dtype
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type."""
        assert self.shape is not None
        assert self._dtype is not None
        return self._dtype

    def take(self, shards: NDArray[np.integer[Any]], rows: NDArray[np.integer[Any]]) -> Array:
        """Return clips by the numbers of their shards and their rows there, (clip, ...).

        Raises
        ------
        SpikesoundError
            If a shard is missing, damaged, compressed, of another shape, or has no such row.
        """
        result = np.empty((len(rows), *self.shape), self.dtype)
        for place, (shard, row) in enumerate(zip(shards.tolist(), rows.tolist(), strict=True)):
            mapped = self._mapped(shard)
            if row >= len(mapped):
                raise SpikesoundError(
                    f"{self.folder / self.names[shard]}: damaged ({len(mapped)} clips, the index "
                    f"has row {row}); run its stage again"
                )
            result[place] = mapped[row]
        return result

    def checksums(self) -> str:
        """Return a digest of the checksums of all shards, as their zip directories hold them."""
        content = hashlib.sha256()
        for name in self.names:
            with _opened(self.folder / name) as (_, entry):
                content.update(f"{name} {entry.CRC:08x} {entry.file_size} ".encode())
        return content.hexdigest()

    @property
    def _alike(self) -> tuple[Any, Any]:
        return self._shape, self._dtype

    def _mapped(self, shard: int) -> Array:
        found = self._maps.get(shard)
        if found is None:
            found = self._map(shard)
            if self._shape is not None and (found.shape[1:], found.dtype) != self._alike:
                raise SpikesoundError(
                    f"{self.folder / self.names[shard]}: expected clips of {self._dtype} "
                    f"{self._shape}, got {found.dtype} {found.shape[1:]}; run its stage again"
                )
            self._maps[shard] = found
            if len(self._maps) > OPEN_AT_MOST:
                self._maps.popitem(last=False)
        self._maps.move_to_end(shard)
        return found

    def _map(self, shard: int) -> Array:
        path = self.folder / self.names[shard]
        with _opened(path) as (file, entry):
            if entry.compress_type != zipfile.ZIP_STORED:
                raise SpikesoundError(
                    f"{path}: compressed; a stream needs shards that are stored, as write_shards "
                    "writes them (dataset: memory reads both)"
                )
            file.seek(entry.header_offset)
            header = file.read(LOCAL_HEADER)
            lengths = [int.from_bytes(header[at : at + 2], "little") for at in (26, 28)]
            file.seek(entry.header_offset + LOCAL_HEADER + sum(lengths))
            try:
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, fortran, dtype = read(file)
                if fortran or dtype.hasobject:
                    raise ValueError(f"{dtype} in Fortran order or of objects")
                return np.memmap(path, dtype, "r", file.tell(), shape)
            except (ValueError, OSError) as error:
                raise SpikesoundError(f"{path}: damaged ({error}); run its stage again") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], zipfile.ZipInfo]]:
    """Give a shard's file, and the entry of its array in the directory of the zip."""
    if not path.is_file():
        raise SpikesoundError(f"{path}: missing, though the index names it; run its stage again")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entry = archive.getinfo(MEMBER)
        except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
            raise SpikesoundError(f"{path}: damaged ({error}); run its stage again") from error
        yield file, entry
