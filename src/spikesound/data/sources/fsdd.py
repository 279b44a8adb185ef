"""Free Spoken Digit Dataset: the ten English digits, spoken 50 times each by six people, at 8 kHz.

Source: Z. Jackson et al., "Free Spoken Digit Dataset", DOI 10.5281/zenodo.1342401. The official
test set is the first tenth of the recordings, indices 0 to 4.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from spikesound.data.sources.collection import Archived, measured, of_file
from spikesound.data.sources.tables import Rejected, Row

_NAME = re.compile(r"([0-9])_([A-Za-z]+)_([0-9]+)")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class FSDD(Archived):
    """Files ``{digit}_{speaker}_{index}.wav``.

    By ``split: recordings``, fold '1' is the official test set and '2' to '10' have five indices
    each; by ``split: speakers``, each fold is one speaker, in alphabetical order; by ``split:
    random``, each recording is drawn into one of five folds by its name, whoever speaks: what is
    often published, with the speakers of the test set in training.
    """

    name = "fsdd"
    marker = "recordings"

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        parsed: list[tuple[Path, tuple[str, ...]]] = []
        strange: list[Rejected] = []
        for path in sorted((self.top / self.marker).glob("*.wav")):
            name = _NAME.fullmatch(path.stem)
            if name:
                parsed.append((path, name.groups()))
            else:
                strange.append((of_file(path), "not named digit_speaker_index"))
        speakers = sorted({speaker for _, (_, speaker, _) in parsed})
        listed = []
        for path, (digit, speaker, index) in parsed:
            recording, fold = path.stem, _fold(int(index))
            if self.params.split == "speakers":
                recording, fold = speaker, str(speakers.index(speaker) + 1)
            elif self.params.split == "random":
                fold = _drawn(path.stem)
            label = (DIGITS[int(digit)],)
            listed.append((path, Row(of_file(path), path.stem, recording, 0, 0, label, fold)))
        rows, silent = measured(listed, what=self.name)
        return rows, strange + silent

    def path(self, media_id: str) -> Path:
        return self.top / self.marker / f"{media_id}.wav"


def _fold(index: int) -> str:
    """Return '1' for the official test set, indices 0-4, and '2' to '10' for the others."""
    return "1" if index < 5 else str((index - 5) // 5 % 9 + 2)


def _drawn(name: str) -> str:
    """Return '1' to '5', by a draw that depends on the name alone."""
    return str(hashlib.sha256(name.encode()).digest()[0] % 5 + 1)
