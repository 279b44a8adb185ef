"""Sound of a made list: each mix as an Ogg file to be served, and where its events sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from made_list import CLIP_S, RECORDING_S, Mix, Original

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE_HZ = 44100
PEAK = 0.5
"""Of each recording before its gain."""

AFTER_S = 0.5
"""Length of a recording behind its clip."""

ACTIVE = 0.01
"""Share of a recording's peak: the sound event is from the first such sample to the last."""


def write_sounds(mixes: Sequence[Mix], originals: Path, out: Path) -> None:
    """Write the recordings of all mixes that are not there, on all cores.

    Other processes do it: the peak of memory that the kernel states of a child begins at that of
    the process which starts it.
    """
    out.mkdir(parents=True, exist_ok=True)
    work = partial(write_mix, originals=originals, out=out)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        written = pool.map(work, mixes, chunksize=8)
        for _ in track(written, total=len(mixes), what="mix recordings"):
            pass


def write_mix(mix: Mix, originals: Path, out: Path) -> str:
    """Write the recording that holds a mix as Ogg Vorbis; return its media id."""
    import numpy as np
    import soundfile

    path = out / f"{mix.media_id}.ogg"
    if path.exists():
        return mix.media_id
    clip = np.zeros(round(CLIP_S * RATE_HZ), np.float32)
    for part in mix.parts:
        at = round(part.at_s * RATE_HZ)
        samples = sound_of(originals / f"{part.original.media_id}.ogg")
        clip[at : at + len(samples)] += np.float32(10 ** (part.gain_db / 20)) * samples
    before, after = round(mix.start_s * RATE_HZ), round(AFTER_S * RATE_HZ)
    whole = np.concatenate([clip[len(clip) - before :], clip, clip[:after]])
    unfinished = path.with_suffix(".part")
    with soundfile.SoundFile(unfinished, "w", RATE_HZ, 1, format="OGG", subtype="VORBIS") as file:
        for first in range(0, len(whole), RATE_HZ):  # libsndfile's encoder fails at long blocks
            file.write(whole[first : first + RATE_HZ])
    unfinished.replace(path)
    return mix.media_id


def read_spans(originals: Iterable[Original], folder: Path) -> dict[str, tuple[float, float]]:
    """Return the first and the last second at which each original sounds, by its media id."""
    names = [each.media_id for each in originals]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        spans = pool.map(span_of, [folder / f"{name}.ogg" for name in names], chunksize=16)
        return dict(zip(names, spans, strict=True))


def span_of(path: Path) -> tuple[float, float]:
    """Return the first and the last second at which a recording sounds."""
    import numpy as np

    samples = np.abs(sound_of(path))
    sounding = np.flatnonzero(samples > ACTIVE * PEAK)
    return float(sounding[0]) / RATE_HZ, float(sounding[-1] + 1) / RATE_HZ


@lru_cache(maxsize=400)
def sound_of(path: Path) -> NDArray[np.float32]:
    """Return RECORDING_S of a recording, scaled to PEAK [shape=(samples,)].

    Raises
    ------
    SpikesoundError
        If it has another rate or several channels, or is silent.
    """
    import numpy as np
    import soundfile

    samples, rate_hz = soundfile.read(path, dtype="float32")
    length = round(RECORDING_S * RATE_HZ)
    samples = samples[:length]
    peak = float(np.abs(samples).max(initial=0.0))
    if rate_hz != RATE_HZ or samples.ndim != 1 or not peak:
        raise SpikesoundError(
            f"{path}: expected sound of one channel at {RATE_HZ} Hz, got shape {samples.shape} at"
            f" {rate_hz} Hz with peak {peak:g}"
        )
    padded: NDArray[np.float32] = np.pad(samples * (PEAK / peak), (0, length - len(samples)))
    return padded
