"""The networks that sounds are taught to, trained once: their folders lie in build/learn."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sounds import ROOT, TEST, esc10

from spikesound.apps.lab import DetectionLab, Lab
from spikesound.core.progress import track
from spikesound.data.ontology import Ontology
from spikesound.data.scenes.make import make_scenes
from spikesound.data.sources.scenes import Scenes
from spikesound.models.file import WEIGHTS
from spikesound.params import Params

BUILD = ROOT / "build/learn"
CLASSIFIERS = ("ann-cnn", "snn-cnn-surrogate")
DETECTORS = ("ann-tcn-strong", "snn-tcn-strong")


def halves() -> list[set[str]]:
    """Return ESC-10's classes in two halves, every other one in each."""
    labels = sorted(esc10()["label"].unique())
    return [set(labels[half::2]) for half in (0, 1)]


def classifiers(name: str, labels: set[str], epochs: int) -> dict[str, Path]:
    """Train both twins on ESC-10's recordings of the labels without the test fold."""
    folder = BUILD / f"{name}-{epochs}"
    folders = {each: folder / "models" / each for each in CLASSIFIERS}
    if missing := _missing(folders):
        recordings = esc10()
        table = recordings[recordings["label"].isin(labels)].drop(columns=["part", "media_id"])
        lab = Lab(table, Params.load(ROOT / "params.yaml"), test_fold=TEST, folder=folder)
        for each in track(missing, total=len(missing), what=f"training {name}", unit="network"):
            lab.train(each, recipe={"epochs": epochs})
    return folders


def detectors(name: str, scenes: int, epochs: int) -> tuple[dict[str, Path], set[str]]:
    """Train both twins on scenes of every other class of events, without the test fold.

    Parameters
    ----------
    scenes : of each fold

    Returns
    -------
    folders : of the trained models
    known : media ids of the recordings whose class the detectors know, as event or background
    """
    folder = BUILD / f"{name}-{scenes}-{epochs}"
    params, ontology = Params.load(ROOT / "params.yaml"), Ontology.load(
        ROOT / "data/audioset/ontology.json"
    )  # fmt: skip
    mixing = params.sources.scenes.model_copy(update={"scenes_per_fold": scenes})
    source = Scenes(mixing, ontology, folder)
    behind = source.backgrounds()
    events = sorted({each.label for each in source.recorded()} - behind)[::2]
    recordings = [each for each in source.recorded() if each.label in {*behind, *events}]
    folders = {each: folder / "models" / each for each in DETECTORS}
    if missing := _missing(folders):
        make_scenes(recordings, behind, mixing, folder / "scenes")
        clips, mixed = (
            pd.read_csv(folder / "scenes" / table, dtype={"fold": str})
            for table in ("folds.csv", "mixed.csv")
        )
        mixed = mixed.dropna(subset="label")
        for table in (clips, mixed):
            table["file"] = [
                str(folder / f"scenes/audio/{each}.flac") for each in table["media_id"]
            ]
        lab = DetectionLab(clips, mixed, params, test_fold=TEST, folder=folder)
        for each in track(missing, total=len(missing), what=f"training {name}", unit="network"):
            lab.train(each, recipe={"epochs": epochs})
    return folders, {each.media_id for each in recordings}


def _missing(folders: dict[str, Path]) -> list[str]:
    return [name for name, folder in folders.items() if not (folder / WEIGHTS).is_file()]
