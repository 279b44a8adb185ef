"""Small models trained within a few minutes, to try benchmarks that need trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spikesound.apps.lab import DetectionLab, Lab
from spikesound.audio.flac import to_flac
from spikesound.data.ontology import Ontology
from spikesound.data.scenes.make import make_scene, read_material
from spikesound.data.scenes.material import Material
from spikesound.data.sources.scenes import Scenes
from spikesound.data.store import Store
from spikesound.params import Params

ROOT = Path(__file__).resolve().parents[1]
SCENES = 40
"""Of each fold."""

CHANNELS = [8, 16, 16]
"""Of the small classifier: simulators hold each synapse by itself."""


def scenes_of(params: Params) -> Scenes:
    """Return the source of scenes, at the features' rate."""
    section = params.sources.scenes.model_copy(update={"rate_hz": params.features.rate_hz})
    ontology = Ontology.load(ROOT / "data/audioset/ontology.json")
    return Scenes(section, ontology, Store(ROOT / params.store).root / "sources")


def material(scenes: Scenes, fold: str) -> Material:
    """Return the recordings of a fold."""
    recorded = [each for each in scenes.recorded() if each.fold == fold]
    return read_material(recorded, scenes.backgrounds(), scenes.params)[fold]


def detectors(names: Sequence[str], params: Params, folder: Path, epochs: int) -> Path:
    """Train detectors on a few scenes, unless they are there; return their folder."""
    missing = [name for name in names if not (folder / "models" / name).is_dir()]
    if missing:
        fold, (clips, events) = params.tasks.detection.folds[0], _scenes(params, folder / "sound")
        lab = DetectionLab(clips, events, params, test_fold=fold, folder=folder)
        for name in missing:
            print(f"training a stand-in for {name}, {epochs} epochs")
            lab.train(name, recipe={"epochs": epochs, "patience": epochs})
    return folder / "models"


def _scenes(params: Params, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write a few scenes of each fold; return the tables of clips and of events."""
    scenes, clips, events = scenes_of(params), [], []
    folder.mkdir(parents=True, exist_ok=True)
    for fold in sorted({each.fold for each in scenes.recorded()}):
        of_fold = material(scenes, fold)
        for number in range(SCENES):
            scene = make_scene(of_fold, fold, number, scenes.params)
            file = folder / f"{scene.media_id}.flac"
            file.write_bytes(to_flac(scene.samples, scenes.params.rate_hz))
            clips.append({"file": str(file), "fold": fold})
            events += [
                {
                    "file": str(file),
                    "label": row.label,
                    "onset_s": float(row.onset_s),
                    "offset_s": float(row.offset_s),
                }
                for row in scene.rows
                if row.label
            ]
    return pd.DataFrame(clips), pd.DataFrame(events)


def classifier(params: Params, folder: Path, epochs: int) -> Path:
    """Train a narrow spiking CNN on ESC-10, unless it is there; return its folder."""
    out = folder / "models/snn-cnn-surrogate"
    if not out.is_dir():
        print(f"training a spiking CNN of {CHANNELS} channels, {epochs} epochs")
        lab = Lab(recordings(), params, test_fold="1", folder=folder)
        recipe = {"epochs": epochs, "patience": epochs}
        model = lab.train("snn-cnn-surrogate", network={"channels": CHANNELS}, recipe=recipe)
        print(f"accuracy on the held-out fold: {model.accuracy:.3f}")
    return out


def recordings() -> pd.DataFrame:
    """Return ESC-10's recordings: file, label, fold, recording."""
    credits = pd.read_csv(ROOT / "data/esc10/credits.csv")
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str).set_index("media_id")["fold"]
    ids = credits["media_id"]
    return pd.DataFrame(
        {
            "file": [str(ROOT / f"data/esc10/audio/{each}.ogg") for each in ids],
            "label": credits["esc10_category"],
            "fold": folds[ids].to_numpy(),
            "recording": [each.split("-")[1] for each in ids],
        }
    )
