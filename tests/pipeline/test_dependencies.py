"""What is installed for whom: the pipeline's packages are no needs of the library."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from project import ROOT

from spikesound.models import shipped

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ONLY_IN_EXTRAS = {"dvc", "sed_eval", "sed_scores_eval", "snntorch", "pathlib", "yt-dlp"}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", each)[0] for each in requirements}


def test_a_user_of_a_model_installs_nothing_of_the_pipeline() -> None:
    assert not names(PROJECT["dependencies"]) & ONLY_IN_EXTRAS
    extras = PROJECT["optional-dependencies"]
    assert "yt-dlp" in names(extras["pipeline"])
    assert "pipeline" in extras["dev"][0], "which make installs"


def without(module: str, code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code where a module is not installed."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{module!r}] = None; {code}"],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_models_are_used_without_yt_dlp(tmp_path: Path) -> None:
    code = "import spikesound.apps.cli, spikesound.apps.api, spikesound.data.sources"
    done = without("yt_dlp", code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_download_stage_without_yt_dlp_is_one_line(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    stage = ROOT / "stages/download.py"
    code = (
        f"sys.path.insert(0, {str(stage.parent)!r}); sys.argv = ['x', 'classification'];"
        f" import runpy; runpy.run_path({str(stage)!r}, run_name='__main__')"
    )
    done = without("yt_dlp", code, tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: yt-dlp, which downloads recordings, is not installed: "
        "pip install 'spikesound[pipeline]'\n"
    )


@pytest.mark.slow
def test_a_sound_is_learnt_without_pandas(tmp_path: Path) -> None:
    """Teaching by files of one's own needs nothing of the pipeline."""
    model = shipped.named("snn-tcn-strong")
    assert model is not None
    shutil.copy(model, tmp_path / "m.safetensors")
    recordings = sorted((ROOT / "data/esc10/audio").glob("*.ogg"))[:6]
    sound, others = ([str(file) for file in part] for part in (recordings[:3], recordings[3:]))
    given = ["learn", "Bell", *sound, *(f"--not={file}" for file in others)]
    code = (
        "from spikesound.apps.cli import app;"
        f" app({[*given, '--model', 'm.safetensors']}, standalone_mode=False)"
    )
    done = without("pandas", code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.learnt").is_file()
    assert "Bell: found in" in done.stdout
