"""A light install: what the help, a model and a program need, and one line for what is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from project import ROOT
from trained_models import RECORDING, detector

from spikesound.core.errors import SpikesoundError
from spikesound.core.extras import PIPELINE, missing, needing

HEAVY = {"torch", "numpy", "pandas", "numba", "scipy", "librosa", "pyarrow", "sklearn"}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]

BY_TORCH = {"filelock", "jinja2"}
"""Packages that torch installs too."""

WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(set(PIPELINE) - BY_TORCH)!r}))
"""


def python(code: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run code with arguments in a new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def command(*arguments: object, cwd: Path) -> subprocess.CompletedProcess:
    """Run the command line where no package of the extra ``pipeline`` is installed."""
    code = WITHOUT + "from spikesound.apps.cli import main; main()"
    return python(code, *arguments, cwd=cwd)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["detect", "--help"], ["export", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = """
import sys
from spikesound.apps.cli import main
try:
    main()
finally:
    print(sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""
    done = python(code, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    imported = set(re.findall(r"'(\w+)'", done.stderr))
    assert "typer" in imported
    assert imported & HEAVY == set()


@pytest.mark.slow
def test_a_model_is_used_without_the_packages_of_the_pipeline(tmp_path: Path) -> None:
    model = detector(tmp_path / "m.safetensors", 0.3)
    for arguments in (
        ["predict", RECORDING, "--format", "json"],
        ["detect", RECORDING, "--format", "csv"],
        ["listen", "--file", RECORDING, "--json"],
    ):
        done = command(*arguments, "--model", model, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Dog" in done.stdout


@pytest.mark.slow
def test_a_missing_package_of_the_pipeline_is_one_line(tmp_path: Path) -> None:
    done = command("status", "status.parquet", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"error: package '\w+' is not installed: pip install 'spikesound\[pipeline\]'\n",
        done.stderr,
    )


@pytest.mark.slow
def test_a_missing_package_of_costs_is_one_line(tmp_path: Path) -> None:
    done = command("cost", "net.py:make", "--shape", "4,1,2", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: package 'pandas' is not installed: pip install 'spikesound[cost]'\n"
    )


def test_other_missing_modules_are_no_mistakes_of_the_user() -> None:
    assert missing(ModuleNotFoundError("no", name="spikesound.nothing")) is None
    with pytest.raises(ModuleNotFoundError), needing("cost"):
        raise ModuleNotFoundError("no", name="spikesound.nothing")
    with pytest.raises(SpikesoundError, match=r"spikesound\[cost\]"), needing("cost"):
        raise ModuleNotFoundError("no", name="pandas.core")


@pytest.mark.slow
def test_the_packages_of_the_pipeline_are_those_of_its_extra() -> None:
    listed = {re.split(r"[\[<>=]", each)[0] for each in EXTRAS["pipeline"]}
    distributions = metadata.packages_distributions()
    installed = {distributions[name][0].lower().replace("_", "-") for name in PIPELINE}
    assert installed == listed
