"""A folder in which stage ``train`` trains a tiny network, and the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from dvc_project import merged
from project import ROOT
from small_shards import NAMES, write_features, write_spikes
from toy_clips import NO_AUGMENT

from spikesound.core.json_files import write_json
from spikesound.params import Params

STAGE = str(ROOT / "stages/train.py")
RECIPE: dict[str, Any] = {
    "dataset": "stream",
    "epochs": 4,
    "patience": 4,
    "batch_clips": 7,  # 36 clips: the last batch has 8, and the others have no equal shares
    "save_s": 1e-9,
    "augment": NO_AUGMENT.model_dump() | {"mixup": 0.3},
}


class RankedProject:
    """A folder with parameters and shards of toy clips.

    Parameters
    ----------
    changes : of params.yaml
    """

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        names = ("ann-cnn", "snn-cnn-surrogate", "ann-cnn-int8")
        content["models"] = {name: content["models"][name] for name in names}
        content["recipes"]["memory"] = content["recipes"]["ann"]
        content["models"]["ann-cnn-int8"]["recipe"] = "memory"
        small: dict[str, Any] = {
            "device": {"accelerator": "cpu", "devices": 2},
            "encoding": "rate_deterministic",
            "tasks": {"classification": {"folds": ["1", "2"], "validation_share": 0.25}},
            "networks": {"cnn": {"channels": [4, 8]}},
            "recipes": {"ann": RECIPE, "snn": RECIPE},
            "costs": {"zero_skipping": []},
        }
        folder.mkdir(parents=True)
        self.content = merged(content, small)
        self.change(**changes)
        params = Params.load(folder / "params.yaml")
        features = write_features(folder / "data/features/classification", params)
        write_spikes(features, params).rename(folder / "data/spikes")
        (folder / "data/clips/classification").mkdir(parents=True)
        write_json(folder / "data/clips/classification/labels.json", NAMES)

    def change(self, **changes: Any) -> None:
        """Change parameters."""
        self.content = merged(self.content, changes)
        text = yaml.safe_dump(self.content, sort_keys=False)
        (self.folder / "params.yaml").write_text(text, encoding="utf-8")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command; its output is one text."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command, and return what it prints."""
        process = self.start(*command)
        text, _ = process.communicate(timeout=240)
        assert process.returncode == code, text
        return text

    def train(self, model: str = "ann-cnn", code: int = 0) -> str:
        """Run the stage as DVC does."""
        return self.run(sys.executable, STAGE, model, code=code)

    def finished(self) -> dict[Path, int]:
        """Return the files of the trainings in the store, with their times."""
        files = self.folder.glob("data/store/trainings/*/*")
        return {path: path.stat().st_mtime_ns for path in files}

    def checkpoints(self) -> dict[Path, int]:
        """Return the checkpoints of trainings that are not finished, with their times."""
        files = self.folder.glob("data/store/trainings/*.pt")
        return {path: path.stat().st_mtime_ns for path in files}

    def model(self, name: str = "ann-cnn", fold: str = "1") -> Path:
        """Return the folder of a trained network."""
        return self.folder / f"data/models/classification/{name}/fold-{fold}"


def children(parent: int) -> list[int]:
    """Return the processes that a process has started, by their ranks."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            place = (entry / "stat").read_text().rpartition(")")[2].split()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        own = [each for each in environment if each.startswith(b"RANK=")]
        if int(place[1]) == parent and own:
            found[int(own[0][5:])] = int(entry.name)
    return [found[rank] for rank in sorted(found)]


def lines(text: str, signs: Sequence[str] = ("error",)) -> list[str]:
    """Return the lines of a text that say one of some words."""
    return [line for line in text.splitlines() if any(sign in line for sign in signs)]
