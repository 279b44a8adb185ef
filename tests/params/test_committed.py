"""What `dvc exp run -S` has left in params.yaml is reported, with the way back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from spikesound.params.committed import changed_since_commit, changes_note


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", folder)
    git(folder, "init", "-q")
    git(folder, "add", "params.yaml")
    git(folder, "commit", "-qm", "x")
    monkeypatch.chdir(folder)
    return folder


def change(project: Path, old: str, new: str) -> None:
    path = project / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.slow
def test_changes_add_up_until_they_are_taken_back(project: Path) -> None:
    params = Path("params.yaml")
    assert changes_note(params) == ""
    change(project, "task: classification", "task: detection")
    change(project, "    learning_rate: 0.004", "    learning_rate: 1e-05")
    change(project, "# Every parameter", "# Each parameter")
    expected = ["task=detection", "methods.sparse.learning_rate=1e-05"]
    assert changed_since_commit(params) == expected
    note = changes_note(params)
    assert "differs from Git in task=detection, methods.sparse.learning_rate=1e-05, and" in note
    assert note.endswith("git restore params.yaml && dvc repro goes back")
    git(project, "restore", "params.yaml")
    assert changes_note(params) == ""


def test_keys_that_are_new_or_gone_are_changes(project: Path) -> None:
    change(project, "  gru:\n    hidden: 128\n", "  gru2:\n    hidden: 12\n")
    changed = changed_since_commit(Path("params.yaml"))
    assert "networks.gru2.hidden=12" in changed
    assert "networks.gru.hidden" in changed


def test_without_git_or_in_a_copy_nothing_is_said(project: Path, tmp_path: Path) -> None:
    change(project, "seed: 1", "seed: 2")
    copy = project / ".dvc/tmp/exps/standalone/x/params.yaml"
    copy.parent.mkdir(parents=True)
    shutil.copy(project / "params.yaml", copy)
    assert changes_note(copy) == ""
    shutil.copy(project / "params.yaml", tmp_path / "params.yaml")
    assert changes_note(tmp_path / "params.yaml") == ""


@pytest.mark.slow
def test_a_run_says_it_at_its_start_and_at_its_end(project: Path) -> None:
    change(project, "encoding: direct", "encoding: latency")
    results = project / "data/results"
    report = project / "data/reports/classification/report.html"
    for path in (results / "classification.md", report):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    for stage, arguments in (("check", []), ("result", ["classification"])):
        command = [sys.executable, str(ROOT / f"stages/{stage}.py"), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        last = done.stdout.strip().splitlines()[-1]
        assert last.startswith("note: params.yaml differs from Git in encoding=latency, and stays")
