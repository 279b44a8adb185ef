"""``spikesound train`` from recordings to models, by the pipeline: whole, killed, and again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from own_sounds import RATE_HZ, SMALL, base_file, classes, labelled, tone, write
from project import ROOT, SRC

from spikesound.apps.api import NONE, load
from spikesound.models.file import WEIGHTS, load_spec
from spikesound.params import Params

# The whole pipeline, on a machine that may have other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

MAIN = [sys.executable, "-c", "from spikesound.apps.cli import main; main()"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}


def run(*arguments: str | Path, cwd: Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*MAIN, "train", *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == ok, done.stdout[-2000:] + done.stderr[-4000:]
    assert "Traceback" not in done.stderr
    return done


def trainings(workspace: Path) -> dict[str, int]:
    """Return when each finished training was written."""
    store = workspace / "data/store/trainings"
    return {
        str(path.relative_to(store)): path.stat().st_mtime_ns
        for path in store.glob("*/result.json")
    }


def killed(*arguments: str | Path, cwd: Path, when: Path) -> None:
    """Start a training, and kill all its processes once a finished training is in the store."""
    process = subprocess.Popen(
        [*MAIN, "train", *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not trainings(when):
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


OF_BASE = ("-S", "recipes.of_base.epochs=2")


def without_networks() -> list[str]:
    """Return the options of little work without architectures, which are the base's."""
    changes = [value for value in SMALL[1::2] if not value.startswith("networks.")]
    return [part for value in changes for part in ("-S", value)]


def test_classes_in_folders_become_models_though_the_run_is_killed(tmp_path: Path) -> None:
    own = classes(tmp_path / "own")
    broken = write(own / "high" / "broken.wav", tone(3000, 0.5))
    broken.write_bytes(broken.read_bytes()[: RATE_HZ // 2])
    write(own / "rare" / "1.wav", tone(900, 0.5))
    workspace = tmp_path / "own-classification"
    killed("own", *SMALL, cwd=tmp_path, when=workspace)
    before = trainings(workspace)
    done = run("own", *SMALL, cwd=tmp_path)
    after = trainings(workspace)
    assert before
    assert before.items() <= after.items(), "finished trainings are not done again"
    assert len(after) == 2, "the fold of two models"
    assert "left out: class 'rare': only 1 recording" in done.stderr
    assert "high/broken.wav" in done.stdout, "what the decoder finds is named"
    assert "no difference shown" in done.stdout or "is better than" in done.stdout
    assert (workspace / "report.html").stat().st_size > 100_000
    model = load(workspace / "data/models/classification/snn-cnn-surrogate")
    assert set(model.predict(own / "high/1.wav")) == {"high", "low tone", NONE}

    run("own", *SMALL, cwd=tmp_path)
    assert trainings(workspace) == after, "nothing has changed"
    log = (workspace / "train.log").read_text()
    assert "Running stage" not in log.replace("Running stage 'stages/dvc.yaml:check'", "")

    base = tmp_path / "mine.safetensors"
    shutil.copy(workspace / "data/models/classification/snn-cnn-surrogate/fold-1" / WEIGHTS, base)
    done = run("own", *without_networks(), "--base", base, *OF_BASE, cwd=tmp_path)
    assert after.items() < trainings(workspace).items(), "the base's twin is the one from before"
    assert len(trainings(workspace)) == len(after) + 1
    tuned = f"{load_spec(base).model}-tuned"
    assert tuned in done.stdout
    spec = load_spec(workspace / f"data/models/classification/{tuned}/fold-1" / WEIGHTS)
    assert spec.network_params == load_spec(base).network_params
    assert spec.names == ["high", "low tone"]


def test_labels_of_audacity_and_raven_become_detectors_and_a_base_is_fine_tuned(
    tmp_path: Path,
) -> None:
    own = labelled(tmp_path / "takes")
    base = base_file(tmp_path, Params.load(ROOT / "params.yaml"), "detection")
    options = ("--task", "detection", "--workspace", "here", "--base", base)
    done = run(own, *options, *without_networks(), *OF_BASE, cwd=tmp_path)
    workspace = tmp_path / "here"
    assert "event F1" in done.stdout
    clips = json.loads((workspace / "data/clips/detection/report.json").read_text())
    assert clips["clips"]["kept"] == 3 + 3, "21 s are three clips"
    models = workspace / "data/models/detection"
    tuned = f"{load_spec(base).model}-tuned"
    assert {each.name for each in models.iterdir()} == {"ann-tcn-strong", "snn-tcn-strong", tuned}
    assert tuned in done.stdout
    for folder in models.iterdir():
        spec = load_spec(folder / "fold-1/model.safetensors")
        assert spec.names == ["beep"]
        assert spec.network_params == load_spec(base).network_params, "its architecture, in all"
        assert spec.spiking == (folder.name != "ann-tcn-strong")
    shown = subprocess.run(
        [*MAIN, "detect", own / "take 1.wav", "--model", models / tuned],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
