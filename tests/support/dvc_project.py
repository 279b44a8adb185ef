"""A copy of the project with small parameters, to be run by DVC."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from project import ROOT


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged(base[key], value) if both else value
    return result


class Project:
    """A copy of the project with small parameters, under git and DVC of its own.

    Its stages run its own copy of the library.

    Parameters
    ----------
    changes : of params.yaml
    models : rows of the table of models that are kept
    """

    def __init__(self, folder: Path, changes: dict[str, Any], models: Sequence[str]) -> None:
        self.folder = folder
        for name in ("src", "stages", "networks", "data/esc10", "data/noise", "data/scenes"):
            # Caches are written beside the sources while another worker copies.
            skipped = shutil.ignore_patterns("*.pyc*", "*.tmp.*", "dvc.lock")
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        (folder / "data/audioset").mkdir()
        for name in ("data/audioset/ontology.json", "dvc.yaml", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        params["models"] = {name: params["models"][name] for name in models}
        self.write(merged(params, changes))
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")
        # Python writes its caches into the packages that are deps.
        shutil.copy(ROOT / ".dvcignore", folder)
        self.run("git", "add", ".")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")

    def write(self, params: dict[str, Any]) -> None:
        text = yaml.safe_dump(params, sort_keys=False)
        (self.folder / "params.yaml").write_text(text, encoding="utf-8")

    def change(self, **changes: Any) -> None:
        params = yaml.safe_load((self.folder / "params.yaml").read_text(encoding="utf-8"))
        self.write(merged(params, changes))

    @contextmanager
    def changed_code(self, file: str, old: str, new: str) -> Iterator[None]:
        """Have a file of the copy's library with the first ``old`` replaced."""
        path = self.folder / "src/spikesound" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of commands: this Python's programs, the copy's library."""
        tools = Path(sys.executable).parent
        return os.environ | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.folder / "src"),
        }

    def run(self, *command: str, ok: bool = True) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == ok, done.stdout[-3000:]
        return done.stdout

    def repro(self, *arguments: str, ok: bool = True) -> tuple[set[str], str]:
        """Run ``dvc repro``; return the instances of stages that were run, and the text."""
        text = self.run("dvc", "repro", *arguments, ok=ok)
        lines = [line for line in text.splitlines() if line.startswith("Running stage '")]
        return {line.split("'")[1].split(":")[-1] for line in lines}, text

    def killed(self, stage: str, at: str) -> None:
        """Run ``dvc repro`` of a stage, and kill all its processes when a file is there.

        Parameters
        ----------
        at : pattern of the file, below the project
        """
        command = ["dvc", "repro", stage]
        with (self.folder.parent / "killed.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        while not list(self.folder.glob(at)):
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def trainings(self) -> dict[str, int]:
        """Return when each file of a finished or half finished training was written."""
        store = self.folder / "data/store/trainings"
        return {
            str(path.relative_to(store)): path.stat().st_mtime_ns
            for path in store.rglob("*")
            if path.is_file()
        }

    def metrics(self) -> dict[str, Any]:
        """Return all metrics but the times."""
        found = {}
        for path in sorted((self.folder / "metrics").rglob("*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            text = json.dumps(content, sort_keys=True)
            found[str(path.relative_to(self.folder))] = json.loads(text, object_hook=without_times)
        return found


def without_times(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.startswith("train_s")}
