"""Google Speech Commands: single words of a second, spoken by thousands of people, at 16 kHz.

Source: P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition",
arXiv:1804.03209, 2018. Two lists name the files for validation and for testing; no speaker is in
more than one part.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.data.sources.collection import Archived, measured, of_file
from spikesound.data.sources.tables import Origin, Rejected, Row

LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}
NOISE = "_background_noise_"
MOST = 2**27 - 1
"""Largest number of recordings of a word that the rule of the hash allows for."""
_NAME = re.compile(r"([0-9A-Za-z]+)_nohash_[0-9]+")


class SpeechCommands(Archived):
    """A folder a word; the folds are 'train', 'validation' and 'test'; a recording is a speaker."""

    name = "speech_commands"
    marker = "testing_list.txt"

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        words = self._words()
        files = [path for word in words for path in sorted((self.top / word).glob("*.wav"))]
        names = {f"{path.parent.name}/{path.name}" for path in files}
        rejected: list[Rejected] = []
        if self.params.split == "hash":
            fold_of = {name: fold_by_hash(name) for name in names}
        else:
            fold_of, rejected = self._listed(names)
        listed = []
        for path in files:
            word, speaker = path.parent.name, _NAME.fullmatch(path.stem)
            if speaker is None:
                rejected.append((of_file(path), "not named speaker_nohash_number"))
                continue
            fold = fold_of.get(f"{word}/{path.name}", "train")
            row = Row(of_file(path), f"{word}_{path.stem}", speaker[1], 0, 0, (word,), fold)
            listed.append((path, row))
        for path in sorted((self.top / NOISE).glob("*.wav")):
            rejected.append((of_file(path), "background noise, which is no word"))
        rows, silent = measured(listed, what=self.name)
        return rows, rejected + silent

    def path(self, media_id: str) -> Path:
        word, _, name = media_id.partition("_")
        return self.top / word / f"{name}.wav"

    def _listed(self, names: set[str]) -> tuple[dict[str, str], list[Rejected]]:
        fold_of: dict[str, str] = {}
        rejected: list[Rejected] = []
        for fold, list_name in LISTS.items():
            for origin in _lines(self.top / list_name):
                if origin.row in names:
                    fold_of[origin.row] = fold
                elif self._chosen(origin.row):
                    rejected.append((origin, "no such recording"))
        return fold_of, rejected

    def _words(self) -> list[str]:
        folders = (path.name for path in self.top.iterdir() if path.is_dir())
        present = sorted(name for name in folders if re.fullmatch(r"[A-Za-z]+", name))
        for word in self.params.words:
            if word not in present:
                raise unknown(f"word in sources.{self.name}.words", word, present)
        return sorted(set(self.params.words)) or present

    def _chosen(self, line: str) -> bool:
        return not self.params.words or line.partition("/")[0] in self.params.words


def fold_by_hash(name: str, *, validation: float = 10, test: float = 10) -> str:
    """Return the fold of a recording by the rule that made the published lists.

    A hash of the speaker decides, so that all of a speaker's words are in one fold, and stay there
    when recordings are added.

    Parameters
    ----------
    name : of the file, ``word/speaker_nohash_number.wav``
    validation, test : percentages
    """
    speaker = name.rpartition("/")[2].partition("_nohash_")[0]
    share = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (MOST + 1) * (100.0 / MOST)
    if share < validation:
        return "validation"
    return "test" if share < validation + test else "train"


def _lines(path: Path) -> list[Origin]:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [Origin(str(path), n, line.strip()) for n, line in enumerate(lines, 1) if line.strip()]
