"""Google Speech Commands with twelve classes: ten commands, other words, and silence.

Source: P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition",
arXiv:1804.03209, 2018, section 7: the commands, and about as many clips of each of `unknown` and
`silence` as of a command. A test set of its own is published with all twelve.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.archive import unpack
from spikesound.data.sources.collection import measured, of_file
from spikesound.data.sources.remote import obtain
from spikesound.data.sources.speech_commands import NOISE, SpeechCommands
from spikesound.data.sources.tables import Rejected, Row

COMMANDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SPECIAL = {"_silence_": "silence", "_unknown_": "unknown"}
"""Folders of the published test set that are no words, and their labels."""

NOISE_PARTS = (("train", 0.0, 0.8), ("validation", 0.8, 0.9), ("test", 0.9, 1.0))
"""Shares of each background recording that are silence of each fold."""

_SPEAKER = re.compile(r"(?:[A-Za-z]+_)?([0-9A-Za-z]+)_nohash_[0-9]+")


class SpeechCommands12(SpeechCommands):
    """The three folds of :class:`SpeechCommands` with twelve labels.

    Of the other words as many clips are taken as ``unknown_share`` says, those with the smallest
    hashes; silence are seconds of the background recordings. Where the published test set is there,
    or is to be downloaded, it is the fold 'test'.
    """

    name = "speech_commands_12"

    def rows(self) -> tuple[list[Row], list[Rejected]]:
        listed, rejected = super().rows()
        rejected = [each for each in rejected if f"/{NOISE}/" not in f"/{each[0].file}"]
        words = [row for row in listed if row.labels[0] in COMMANDS]
        wanted = {fold: sum(row.fold == fold for row in words) for fold, _, _ in NOISE_PARTS}
        others = [row for row in listed if row.labels[0] not in COMMANDS]
        rows = [*words, *self._unknown(others, wanted), *self._silence(wanted)]
        if self._test_top is not None:
            tested, damaged = self._published_test(self._test_top)
            rows = [row for row in rows if row.fold != "test"] + tested
            rejected += damaged
        return rows, rejected

    def path(self, media_id: str) -> Path:
        kind, _, name = media_id.partition("_")
        if kind == "noise":
            return self.top / NOISE / f"{name}.wav"
        if kind == "test":
            folder, _, stem = name.partition("-")
            assert self._test_top is not None
            return self._test_top / folder / f"{stem}.wav"
        return super().path(media_id)

    def _unknown(self, others: list[Row], wanted: dict[str, int]) -> list[Row]:
        chosen = []
        for fold, count in wanted.items():
            hashed = sorted(
                (row for row in others if row.fold == fold),
                key=lambda row: hashlib.sha1(row.media_id.encode()).digest(),
            )
            chosen += hashed[: math.ceil(self.params.unknown_share * count)]
        return [replace(row, labels=("unknown",)) for row in chosen]

    def _silence(self, wanted: dict[str, int]) -> list[Row]:
        """Return whole seconds of the background recordings, no more in a fold than its share."""
        listed = [
            (path, Row(of_file(path), f"noise_{path.stem}", path.stem, 0, 0, ("silence",), ""))
            for path in sorted((self.top / NOISE).glob("*.wav"))
        ]
        rows: dict[str, list[Row]] = {fold: [] for fold in wanted}
        for row in measured(listed, what="background noise")[0]:
            for fold, low, high in NOISE_PARTS:
                for second in range(math.ceil(low * row.end_s), math.floor(high * row.end_s)):
                    part = replace(
                        row,
                        recording=f"{row.recording}-{fold}",
                        start_s=float(second),
                        end_s=float(second + 1),
                        fold=fold,
                    )
                    rows[fold].append(part)
        most = {
            fold: math.ceil(self.params.silence_share * count) for fold, count in wanted.items()
        }
        return [row for fold, each in rows.items() for row in each[: most[fold]]]

    @cached_property
    def _test_top(self) -> Path | None:
        """The folder of the published test set; None: there is none, and none is asked for."""
        folder = Path(self.params.test_folder)
        if (folder / "_silence_").is_dir():
            return folder
        if self.params.test_archive is None:
            return None
        cache = self.cache / self.name
        archive = obtain(self.params.test_archive, cache)
        unpacked = unpack(archive, cache / f"{archive.name}-test")
        for top in (unpacked, *sorted(unpacked.iterdir())):
            if (top / "_silence_").is_dir():
                return top
        raise SpikesoundError(f"{archive}: not a test set of twelve classes: _silence_ missing")

    def _published_test(self, top: Path) -> tuple[list[Row], list[Rejected]]:
        listed = []
        for folder in sorted(path for path in top.iterdir() if path.is_dir()):
            label = SPECIAL.get(folder.name, folder.name)
            if label not in (*COMMANDS, *SPECIAL.values()):
                continue
            for path in sorted(folder.glob("*.wav")):
                speaker = _SPEAKER.fullmatch(path.stem)
                recording = speaker[1] if speaker else f"test-{path.stem}"
                media_id = f"test_{folder.name}-{path.stem}"
                listed.append(
                    (path, Row(of_file(path), media_id, recording, 0, 0, (label,), "test"))
                )
        return measured(listed, what="test set")
