"""A folder in which the pipeline's stages run on a made list, with the parameters of a preset."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from made_list import (
    TEST,
    TRAIN,
    Mix,
    Original,
    make_list,
    read_originals,
    write_events,
    write_weak,
)
from mixed_sounds import read_spans, write_sounds
from pipeline_stages import ROOT
from preset_sizes import preset_params
from ruamel.yaml import YAML

from spikesound.params.base import read_sections
from spikesound.params.presets import read_presets, write_preset

SEED = 1
ORIGINALS = ROOT / "data/esc10"
LISTS = {TRAIN: "data/audioset/train", TEST: "data/audioset/eval"}
RECORDINGS = "recordings"
MIRROR = "sources.audioset.mirror"
VALIDATED, LARGEST_SHARE = 8, 0.25
"""Training clips for validation, at least; a preset's share of a short list may be none."""


class Workspace:
    """The folder of one preset and one number of clips.

    Attributes
    ----------
    changes : keys of params.yaml that differ from the preset, each with the preset's value and ours
    counts : clips of each side, and labels
    """

    def __init__(self, folder: Path, preset: str, clips: int, epochs: int) -> None:
        self.folder, self.preset, self.clips, self.epochs = folder, preset, clips, epochs
        self.task = preset_params(preset).task
        self.changes: dict[str, list[Any]] = {}
        self.counts: dict[str, int] = {}

    def prepare(self) -> None:
        """Make what is not there: parameters, lists, recordings."""
        (self.folder / "data/audioset").mkdir(parents=True, exist_ok=True)
        originals = read_originals(ORIGINALS)
        mixes = make_list(originals, self.clips, SEED)
        sides = Counter(mix.side for mix in mixes)
        self.counts = {"train_clips": sides[TRAIN], "test_clips": sides[TEST]}
        self.counts["labels"] = len({label for mix in mixes for label in mix.labels})
        shutil.copyfile(
            ROOT / "data/audioset/ontology.json", self.folder / "data/audioset/ontology.json"
        )
        shutil.copytree(ROOT / "data/noise", self.folder / "data/noise", dirs_exist_ok=True)
        self._set_params()
        self._write_lists(originals, mixes)
        write_sounds(mixes, ORIGINALS / "audio", self.folder / RECORDINGS)

    def _set_params(self) -> None:
        path = self.folder / "params.yaml"
        shutil.copyfile(ROOT / "params.yaml", path)
        params = write_preset(path, self.preset, read_presets(ROOT / "presets"))
        share = params.task_params(params.task).validation_share
        least = min(LARGEST_SHARE, VALIDATED / self.counts["train_clips"])
        suffix = ".csv" if params.task == "classification" else ".tsv"
        lists = {side: f"{stem}{suffix}" for side, stem in LISTS.items()}
        self.set(
            {
                "sources.audioset.segments": lists,
                "sources.audioset.names": None,
                MIRROR: "this machine",  # until it is served
                "download.requests_per_s": None,
                "download.pause_s": [0.0, 0.0],
                f"tasks.{params.task}.validation_share": max(share, least),
                **{
                    f"recipes.{name}.epochs": min(self.epochs, params.recipes[name].epochs)
                    for name in sorted({model.row.recipe for model in params.table().values()})
                },
            }
        )

    def set(self, values: dict[str, Any]) -> None:
        """Replace the values of params.yaml at dotted keys."""
        path = self.folder / "params.yaml"
        content = read_sections(path)
        for key, value in values.items():
            section: Any = content
            *parents, last = key.split(".")
            for part in parents:
                section = section[part]
            if section[last] != value:
                self.changes.setdefault(key, [section[last], value])[1] = value
            section[last] = value
        with path.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(content, file)

    def _write_lists(self, originals: list[Original], mixes: list[Mix]) -> None:
        spans = read_spans(originals, ORIGINALS / "audio")
        for side, stem in LISTS.items():
            of_side = [mix for mix in mixes if mix.side == side]
            write_weak(of_side, self.folder / f"{stem}.csv")
            write_events(of_side, spans, self.folder / f"{stem}.tsv")

    @contextmanager
    def served(self) -> Iterator[Path]:
        """Serve the recordings by tests/support/mirror.py; the log of its requests."""
        port, log = self.folder / "port", self.folder / "requests.jsonl"
        for path in (port, log):
            path.unlink(missing_ok=True)
        process = subprocess.Popen(
            [
                *(sys.executable, ROOT / "tests/support/mirror.py"),
                *("--folder", self.folder / RECORDINGS, "--port-file", port, "--log", log),
                *("--bytes-per-s", "1e12", "--latency-s", "0"),
            ]
        )
        try:
            while not port.exists():
                if process.poll() is not None:
                    raise RuntimeError("the mirror ended before it listened")
                time.sleep(0.05)
            mirror = f"http://127.0.0.1:{port.read_text()}/{{media_id}}.ogg"
            self.set({MIRROR: mirror})
            self.changes[MIRROR][1] = "this machine"
            yield log
        finally:
            process.kill()
            process.wait()


def served_bytes(log: Path) -> int:
    """Return the bytes of all answers of a mirror."""
    return sum(json.loads(line)["bytes"] for line in log.read_text(encoding="utf-8").splitlines())
