"""Clips that are the same sound, found by their fingerprints.

An inverted index says in which clips a sub-fingerprint occurs; where a few agree in all 32 bits at
one shift, the whole fingerprints are compared at it. A clip that repeats an earlier one does not go
into the index, so that many copies of one sound cost no more than that many clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spikesound.data.cleaning.fingerprint import Fingerprint

LEAST_FRAMES = 32  # 0.37 s: fewer bits agree by chance
LEAST_SHARE = 0.5  # of the shorter clip's sound must be common
LEAST_HITS = 2
STRIDE = 2  # every second frame is in the index; all are looked up
COMMON = 256  # clips: a sub-fingerprint that occurs in more tells nothing
CANDIDATES = 20  # clips compared with one, those with most hits
SHIFTS = 3  # compared for each of them, and the frames beside
BATCH = 128  # clips, taken into the index at once


@dataclass(frozen=True)
class Match:
    """Earlier clip that a clip repeats, by its number, and the share of bits that differ."""

    first: int
    error: float


def find_duplicates(prints: Iterable[Fingerprint], errors: float) -> dict[int, Match]:
    """Find the clips that repeat an earlier one.

    Parameters
    ----------
    prints
        Fingerprints in clip order. They, and 12 bytes for every second frame, are held in memory:
        9 kB for a clip of 10 s.
    errors
        Bit error rate over the overlap, at the best shift, up to which two clips are the same
        sound. Unrelated sounds have 0.5; Haitsma and Kalker take 0.35 for the same song.

    Returns
    -------
    dict
        By the number of the clip, the first clip that it matches and that repeats none itself. The
        overlap is at least half of the shorter clip's sound and 0.37 s. Up to an error of about
        0.1 hardly a pair is missed; above 0.2, where few sub-fingerprints agree wholly, many are.
    """
    matches: dict[int, Match] = {}
    held: dict[int, Fingerprint] = {}
    index = _Index()
    coming = iter(enumerate(prints))
    for batch in iter(lambda: dict(islice(coming, BATCH)), {}):
        held |= batch
        beside = _Index().extended(batch)
        for number, fingerprint in batch.items():
            candidates = index.shifts(fingerprint) | beside.shifts(fingerprint)
            match = _first_match(number, held, candidates, errors)
            if match is not None:
                matches[number] = match
                del held[number]
        index = index.extended({n: print_ for n, print_ in batch.items() if n in held})
    return matches


def bit_error(one: Fingerprint, other: Fingerprint, shift: int) -> float:
    """Compare two fingerprints, frame n of one with frame n + shift of the other.

    Returns
    -------
    float
        The share of bits that differ, over the frames that both have sound in; 1 if these are
        fewer than half of the shorter clip's, or than 32.
    """
    start, end = max(0, -shift), min(len(one.bits), len(other.bits) - shift)
    if end - start < LEAST_FRAMES:
        return 1.0
    aligned = slice(start + shift, end + shift)
    both = one.audible[start:end] & other.audible[aligned]
    frames = int(both.sum())
    shorter = min(one.audible.sum(), other.audible.sum())
    if frames < max(LEAST_FRAMES, LEAST_SHARE * shorter):
        return 1.0
    differ = (one.bits[start:end] ^ other.bits[aligned])[both]
    return int(np.unpackbits(differ.view(np.uint8)).sum()) / (32 * frames)


def _first_match(
    number: int,
    held: Mapping[int, Fingerprint],
    candidates: Mapping[int, list[int]],
    errors: float,
) -> Match | None:
    for other in sorted(candidates):
        if other < number and other in held:
            near = {shift + step for shift in candidates[other] for step in (-1, 0, 1)}
            error = min(bit_error(held[number], held[other], shift) for shift in near)
            if error <= errors:
                return Match(other, error)
    return None


class _Index:
    """Sub-fingerprints in order, each with a clip it occurs in and its first frame there."""

    def __init__(self) -> None:
        self.values = np.zeros(0, np.uint32)
        self.clips = np.zeros(0, np.int32)
        self.frames = np.zeros(0, np.int32)

    def extended(self, prints: Mapping[int, Fingerprint]) -> _Index:
        """Return the index with these clips, by their numbers, as well."""
        parts = [(number, *_first_frames(print_)) for number, print_ in prints.items()]
        if not parts:
            return self
        values = np.concatenate([values for _, values, _ in parts])
        order = np.argsort(values, kind="stable")
        clips = np.repeat([n for n, _, _ in parts], [len(values) for _, values, _ in parts])
        frames = np.concatenate([frames for _, _, frames in parts])
        places = np.searchsorted(self.values, values[order])
        result = _Index()
        result.values = np.insert(self.values, places, values[order])
        result.clips = np.insert(self.clips, places, clips[order])
        result.frames = np.insert(self.frames, places, frames[order])
        return result

    def shifts(self, fingerprint: Fingerprint) -> dict[int, list[int]]:
        """Return the clips that share most with the fingerprint, each with its likely shifts."""
        frames = np.flatnonzero(fingerprint.audible)
        wanted = fingerprint.bits[frames]
        low = np.searchsorted(self.values, wanted, "left")
        counts = np.searchsorted(self.values, wanted, "right") - low
        counts[counts > COMMON] = 0
        before = np.cumsum(counts) - counts
        places = np.arange(counts.sum()) + np.repeat(low - before, counts)
        shifts = self.frames[places] - np.repeat(frames, counts)
        return dict(_likely(self.clips[places], shifts))


def _first_frames(fingerprint: Fingerprint) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Return a clip's distinct sub-fingerprints, of every second frame, and where each is first."""
    frames = np.flatnonzero(fingerprint.audible)[::STRIDE].astype(np.int32)
    values, first = np.unique(fingerprint.bits[frames], return_index=True)
    return values, frames[first]


def _likely(clips: NDArray[np.int32], shifts: NDArray[np.int32]) -> Iterator[tuple[int, list[int]]]:
    """Yield the clips with most hits, and of each the shifts with most."""
    numbers, places, hits = np.unique(clips, return_inverse=True, return_counts=True)
    for place in np.argsort(-hits, kind="stable")[:CANDIDATES]:
        if hits[place] >= LEAST_HITS:
            values, votes = np.unique(shifts[places == place], return_counts=True)
            best = np.argsort(-votes, kind="stable")[:SHIFTS]
            yield int(numbers[place]), values[best].tolist()
