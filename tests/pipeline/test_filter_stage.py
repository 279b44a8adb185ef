"""The filter stage alone, on small sources: what it refuses before any sound is fetched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from collections_made import table, wav
from project import ROOT

SEGMENTS = "# YTID, start_seconds, end_seconds, positive_labels\nab_cdef-hi_, 0, 10, /m/05tny_\n"
STRONG = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nab_cdef-hi__0\t1\t2\t/m/05tny_\n"
OTHER = SEGMENTS.replace("ab_cdef", "AB_cdef")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data/audioset").mkdir(parents=True)
    (tmp_path / "data/audioset/ontology.json").symlink_to(ROOT / "data/audioset/ontology.json")
    return tmp_path


def filtered(project: Path, task: str, changes: dict[str, Any]) -> tuple[int, str]:
    """Run the stage with other values at dotted keys; return its exit status and what it said."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        *parents, last = key.split(".")
        section = params
        for parent in parents:
            section = section[parent]
        section[last] = value
    (project / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, ROOT / "stages/filter.py", task],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("lists", "weak"), [([SEGMENTS], 1), ([STRONG], 0), ([STRONG, OTHER], 1)])
def test_detection_needs_strong_labels_of_every_clip(
    project: Path, lists: list[str], weak: int
) -> None:
    for number, content in enumerate(lists):
        (project / f"list-{number}").write_text(content)
    changes = {
        "tasks.detection.source": "audioset",
        "tasks.detection.folds": ["0"],
        "sources.audioset.segments": {str(n): f"list-{n}" for n in range(len(lists))},
    }
    status, text = filtered(project, "detection", changes)
    assert status == (1 if weak else 0), text
    message = f"error: source audioset: {weak} clips have labels but no strong labels"
    assert (message in text) == bool(weak)


@pytest.mark.slow
def test_a_tables_own_folds_are_shown_as_they_are_to_be_set(project: Path) -> None:
    rows = [f"{name}.wav,{label},{name}" for name, label in (("one", "dog"), ("two", "rain"))]
    for name in ("one", "two"):
        wav(project / "data/folder" / f"{name}.wav")
    table(project / "own.csv", "file,label,fold", *rows)
    changes: dict[str, Any] = {"source": "folder", "sources.folder.table": "own.csv"}
    status, text = filtered(project, "classification", changes)
    assert status == 1
    assert text.splitlines()[-1] == (
        "error: unknown fold (source folder) '1'; valid: one, two; "
        "set tasks.classification.folds to ['one', 'two']"
    )
    changes["tasks.classification.folds"] = ["one", "two"]
    assert filtered(project, "classification", changes)[0] == 0
