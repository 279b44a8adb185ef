"""The filter stage alone, on small sources: what it refuses before any sound is fetched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT

SEGMENTS = "# YTID, start_seconds, end_seconds, positive_labels\nab_cdef-hi_, 0, 10, /m/05tny_\n"
STRONG = "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\nab_cdef-hi__0\t1\t2\t/m/05tny_\n"


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


@pytest.mark.parametrize(
    ("content", "strong"), [(SEGMENTS, False), (STRONG, True)], ids=["weak", "strong"]
)
def test_detection_needs_a_list_of_strong_labels(project: Path, content: str, strong: bool) -> None:
    (project / "list").write_text(content)
    changes = {
        "tasks.detection.source": "audioset",
        "tasks.detection.folds": ["1"],
        "sources.audioset.segments": {"1": "list"},
    }
    status, text = filtered(project, "detection", changes)
    assert status == (0 if strong else 1), text
    assert ("error: source audioset: no strong labels" in text) != strong
