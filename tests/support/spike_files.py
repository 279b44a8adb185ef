"""Small HDF5 files of spike trains in the layout of SHD and SSC."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

DIGITS = [b"zero", b"one", "fünf".encode()]


def spike_file(path: Path, words: int, *, seed: int = 0, keys: list[bytes] = DIGITS) -> Path:
    """Write words of random spikes; those of class k are in the k-th part of the units.

    Times are float16 and units uint16 of variable length, labels and speakers uint16, as published.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (words,), h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (words,), h5py.vlen_dtype(np.uint16))
        labels = np.arange(words, dtype=np.uint16) % len(keys)
        for word, label in enumerate(labels):
            count = int(generator.integers(60, 90))
            times[word] = np.sort(generator.uniform(0, 0.95, count)).astype(np.float16)
            width = 700 // len(keys)
            units[word] = generator.integers(label * width, (label + 1) * width, count)
        file["labels"] = labels
        file["extra/speaker"] = (np.arange(words) // 5).astype(np.uint16)
        file["extra/keys"] = np.array(keys)
        file["extra/meta_info/gender"] = np.array([b"female", b"male"])
        file["extra/meta_info/age"] = np.array([24, 56], np.uint16)
        file["extra/meta_info/body_height"] = np.array([166, 184], np.uint16)
    return path
