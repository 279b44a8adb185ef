"""Collections of spike trains: SHD and SSC, spoken words through a model of the inner ear.

Source: B. Cramer, Y. Stradmann, J. Schemmel & F. Zenke, "The Heidelberg spiking data sets for the
systematic evaluation of spiking neural networks", IEEE TNNLS 33, 2022. Each part is an HDF5 file::

    spikes/times   for each word the times of its spikes, s
    spikes/units   and the unit, 0 to 699, of each
    labels         number of each word's class
    extra/keys     names of the classes
    extra/speaker  number of each word's speaker
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.collection import Collection
from spikesound.data.sources.remote import obtain
from spikesound.data.sources.tables import Origin, Rejected, Row

UNITS = 700
"""Channels of the inner ear's model."""

Train = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
"""Times in seconds, and units, of the spikes of a word."""


class SpikeTrains(Collection):
    """A file for each fold, ``<name>_<part>.h5``; a media id names the part and the word's number.

    The recordings that no split divides are a speaker's words of one part: the official parts share
    speakers.
    """

    name: ClassVar[str]
    parts: ClassVar[dict[str, str]]
    """Part of each fold, as its file is named."""

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        rows, rejected = [], []
        for fold in self.parts:
            with SpikeFile(self.path(fold)) as file:
                for number in range(len(file)):
                    origin = Origin(str(file.path), number + 1, f"word {number}")
                    times, units = file.train(number)
                    if fault := _fault(times, units):
                        rejected.append((origin, fault))
                        continue
                    media_id = f"{self.name}_{self.parts[fold]}_{number:06d}"
                    speaker = f"{self.parts[fold]}-{file.speaker(number)}"
                    label = (file.label(number),)
                    end_s = float(times.max())
                    rows.append(Row(origin, media_id, speaker, 0.0, end_s, label, fold))
        return rows, rejected

    def locate(self, media_id: str) -> str:
        return str(self.path(self._place(media_id)[0]))

    def trains(self, media_ids: list[str]) -> Iterator[Train]:
        """Yield the spikes of words, by their media ids.

        Raises
        ------
        SpikesoundError
            If an id is none of this source's, or a file is missing or damaged.
        """
        with ExitStack() as opened:
            files: dict[str, SpikeFile] = {}
            for media_id in media_ids:
                fold, number = self._place(media_id)
                if fold not in files:
                    files[fold] = opened.enter_context(SpikeFile(self.path(fold)))
                yield files[fold].train(number)

    def path(self, fold: str) -> Path:
        """Return the file of a fold; it is fetched and unpacked if it is not there."""
        name = f"{self.name}_{self.parts[fold]}.h5"
        folder = Path(self.params.folder)
        if (folder / name).is_file():
            return folder / name
        packed = obtain(self.params.files[fold], self.cache / self.name)
        state = packed.stat()  # so that another edition is unpacked afresh
        made = f"{self.parts[fold]}-{state.st_size}-{state.st_mtime_ns}.h5"
        unpacked = self.cache / self.name / made
        if not unpacked.is_file():
            unpacked.parent.mkdir(parents=True, exist_ok=True)
            _unpack(packed, unpacked)
        return unpacked

    def _place(self, media_id: str) -> tuple[str, int]:
        folds = {part: fold for fold, part in self.parts.items()}
        name, _, rest = media_id.rpartition("_")
        part = name.removeprefix(f"{self.name}_")
        if part not in folds or not rest.isdecimal():
            raise SpikesoundError(f"source {self.name}: not a media id: {media_id!r}")
        return folds[part], int(rest)


class SHD(SpikeTrains):
    """Spiking Heidelberg Digits: ten digits in English and German, twelve speakers."""

    name = "shd"
    parts: ClassVar[dict[str, str]] = {"train": "train", "test": "test"}


class SSC(SpikeTrains):
    """Spiking Speech Commands: the 35 words of Google Speech Commands."""

    name = "ssc"
    parts: ClassVar[dict[str, str]] = {"train": "train", "validation": "valid", "test": "test"}


class SpikeFile:
    """An HDF5 file of spike trains, to be used as a context.

    Raises
    ------
    SpikesoundError
        If h5py is not installed, or the file is damaged or of another layout.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        try:
            import h5py
        except ImportError as error:
            raise SpikesoundError(
                "package 'h5py' is not installed; pip install 'spikesound[spikes]'"
            ) from error
        try:
            self._file = h5py.File(self.path)
        except OSError as error:
            raise SpikesoundError(f"{self.path}: not a whole HDF5 file ({error})") from error
        for name in ("spikes/times", "spikes/units", "labels", "extra/keys"):
            if name not in self._file:
                self._file.close()
                raise SpikesoundError(
                    f"{self.path}: no dataset {name!r}; not spike trains as SHD's"
                )
        lengths = {len(self._file[name]) for name in ("spikes/times", "spikes/units", "labels")}
        if len(lengths) > 1:
            self._file.close()
            raise SpikesoundError(f"{self.path}: times, units and labels differ in number")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._labels)

    def train(self, number: int) -> Train:
        """Return the spikes of a word."""
        if not 0 <= number < len(self):
            raise SpikesoundError(f"{self.path}: no word {number}; it has {len(self)}")
        times, units = (self._file[f"spikes/{name}"][number] for name in ("times", "units"))
        return np.asarray(times, np.float64), np.asarray(units, np.int64)

    def label(self, number: int) -> str:
        """Return the name of a word's class."""
        label = int(self._labels[number])
        if label >= len(self._keys):
            raise SpikesoundError(
                f"{self.path}, word {number}: label {label}, but there are {len(self._keys)} keys"
            )
        return self._keys[label]

    def speaker(self, number: int) -> int:
        """Return the number of a word's speaker; without such, the word's own."""
        return number if self._speakers is None else int(self._speakers[number])

    @cached_property
    def _labels(self) -> npt.NDArray[Any]:
        return np.asarray(self._file["labels"])

    @cached_property
    def _speakers(self) -> npt.NDArray[Any] | None:
        found = "extra/speaker" in self._file
        return np.asarray(self._file["extra/speaker"]) if found else None

    @cached_property
    def _keys(self) -> list[str]:
        return [
            key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
            for key in self._file["extra/keys"][:]
        ]


def _fault(times: npt.NDArray[np.float64], units: npt.NDArray[np.int64]) -> str:
    """Return why a word cannot be used; empty: it can."""
    if len(times) != len(units):
        return f"{len(times)} times for {len(units)} units"
    if not len(times) or not times.max() > 0:
        return "no spikes"
    if not np.isfinite(times).all() or times.min() < 0:
        return "a time that is negative or no number"
    if units.max() >= UNITS or units.min() < 0:
        return f"unit {int(units.max())}, where there are {UNITS}"
    return ""


def _unpack(packed: Path, out: Path) -> None:
    with packed.open("rb") as start:
        zipped = start.read(2) == b"\x1f\x8b"
    try:
        with (gzip.open if zipped else open)(packed, "rb") as source, written_aside(out) as file:
            shutil.copyfileobj(source, file)
    except (gzip.BadGzipFile, EOFError) as error:
        raise SpikesoundError(f"{packed}: not a whole gzip file: {error}") from error
