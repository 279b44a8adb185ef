"""Recordings to teach and to test with, and what a network's last hidden layer makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.apps.learning import windows_of
from spikesound.audio.reading import blocks
from spikesound.core.progress import track
from spikesound.inference.learnt.activity import Activity, HiddenLayer
from spikesound.inference.learnt.file import digest_of
from spikesound.inference.learnt.teach import median_frames
from spikesound.models.loading import TrainedModel, find_model, load

ROOT = Path(__file__).resolve().parents[2]
TEST, VALIDATION = "5", "4"
"""Folds of ESC-10; the others are to be taught by."""

MOST_KNOWN = 3
"""Recordings of a known class and fold that are taught with as other sounds."""

Floats = npt.NDArray[np.float32]
TAUGHT = "02468"
"""Digits that are taught; the others are unknown."""

KEYS = ("rows", "known", "active")


@dataclass(frozen=True)
class Material:
    """A model, and recordings by part (teach, validation, test), kind and label."""

    model: TrainedModel
    frames: int
    recordings: Mapping[tuple[str, str, str], list[Activity]]

    def of(self, part: str, kind: str) -> dict[str, list[Activity]]:
        """Return the recordings of a part and kind, by label."""
        return {key[2]: each for key, each in self.recordings.items() if key[:2] == (part, kind)}


def esc10() -> pd.DataFrame:
    """ESC-10: file, media_id, label, fold, recording, part."""
    credits = pd.read_csv(ROOT / "data/esc10/credits.csv")
    ids = credits["media_id"]
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str).set_index("media_id")["fold"]
    fold = folds[ids].to_numpy()
    return pd.DataFrame(
        {
            "file": [str(ROOT / f"data/esc10/audio/{each}.ogg") for each in ids],
            "media_id": ids,
            "label": credits["esc10_category"],
            "fold": fold,
            "recording": [each.split("-")[1] for each in ids],
            "part": [{TEST: "test", VALIDATION: "validation"}.get(each, "teach") for each in fold],
        }
    )


def with_kinds(recordings: pd.DataFrame, known: set[str]) -> pd.DataFrame:
    """Return recordings with their kind, known or new; of the known ones few are taught with."""
    rows = recordings.assign(
        kind=["known" if label in known else "new" for label in recordings["label"]]
    )
    spared = (rows["kind"] == "known") & (rows["part"] == "teach")
    spared &= rows.groupby(["label", "fold"]).cumcount() >= MOST_KNOWN
    return rows[~spared]


def digits(folder: Path) -> pd.DataFrame:
    """Spoken digits: recording 0 of each speaker is for the test, as officially, 5 for the choice,
    two more to be taught by. Every other digit is taught."""
    parts = {"0": "test", "5": "validation", "12": "teach", "13": "teach"}
    rows = [
        {
            "file": str(path),
            "label": (digit := path.name.split("_")[0]),
            "part": parts[number],
            "kind": "new" if digit in TAUGHT else "unknown",
        }
        for path in sorted(folder.glob("*.wav"))
        if (number := path.stem.split("_")[-1]) in parts
    ]
    return pd.DataFrame(rows)


def unknown(folder: Path | None) -> pd.DataFrame:
    """Every third file of a folder, by turns for choice and test."""
    files = sorted(folder.glob("*.flac"))[::3] if folder else []
    parts = [("validation", "test")[number % 2] for number in range(len(files))]
    rows = pd.DataFrame({"file": [str(file) for file in files], "part": parts})
    return rows.assign(kind="unknown", label="unknown")


def material(folder: Path, rows: pd.DataFrame, cached: Path) -> Material:
    """Put recordings through a model's hidden layer, those that an earlier run has not."""
    model = load(folder)
    place = cached / digest_of(find_model(folder))[:16]
    layer: HiddenLayer | None = None
    by_kind: dict[tuple[str, str, str], list[Activity]] = {}
    for row in track(rows.itertuples(), total=len(rows), what=model.name, unit="file"):
        source = Path(str(row.file))
        file = place / f"{source.parent.name}-{source.stem}.npz"
        if not file.is_file():
            layer = layer or HiddenLayer(model)
            samples = decoded(str(source), model.front_end.rate_hz)
            activity = layer.of_windows(windows_of(model, samples))
            file.parent.mkdir(parents=True, exist_ok=True)
            aside = file.with_suffix(".part.npz")
            np.savez(aside, **{key: getattr(activity, key) for key in KEYS})
            aside.rename(file)
        stored = np.load(file)
        activity = Activity(*(stored[key] for key in KEYS))
        by_kind.setdefault((str(row.part), str(row.kind), str(row.label)), []).append(activity)
    return Material(model, median_frames(model), by_kind)


@cache
def decoded(file: str, rate_hz: int) -> Floats:
    """Return a recording's samples."""
    return np.concatenate(list(blocks(Path(file), rate_hz)))
