"""Hours that rows will take, by those that were timed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from project import ROOT

from spikesound.experiments.data import Folders
from spikesound.experiments.row import Row
from spikesound.experiments.time_left import UNIT_S, TimeLeft, work_of
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import ProbeParams, changed

CONTENT = read_sections(ROOT / "params.yaml")


def row(model: str, **changes: Any) -> Row:
    params = Params.of(changed(CONTENT, changes))
    folders = Folders(lambda task: pytest.fail(task), Path(), Path(), Path(), Path())
    return Row(
        "s", 1, params, params, params.model(model), None, ProbeParams.model_validate({}), (),
        folders, Path(),
    )  # fmt: skip


def test_work_counts_epochs_folds_steps_and_bases() -> None:
    assert work_of(row("ann-cnn")) == 5 * 60
    assert work_of(row("ann-cnn-int8")) == 5 * (60 + 15), "its base is trained first"
    assert work_of(row("snn-cnn-surrogate")) == 5 * 60 * (0.4 + 0.5 * 4)
    wide = row("ann-cnn", **{"networks.cnn.channels": [32, 64, 128, 256]})
    assert work_of(wide) == pytest.approx(5 * 60 * 4, rel=0.1)


def test_hours_follow_the_rows_that_were_trained() -> None:
    ann = row("ann-cnn")
    left = TimeLeft()
    assert left.hours([ann, ann]) == pytest.approx(2 * UNIT_S * 300 / 3600)
    left.add(ann, 1.0)
    assert left.hours([ann]) == pytest.approx(UNIT_S * 300 / 3600), "a training that was found"
    left.add(ann, 600.0)
    assert left.hours([ann]) == pytest.approx(600 / 3600)
