"""A short made list goes through all stages of the preset for AudioSet (benchmarks/scale)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

STAGES = [
    *("filter", "download", "features", "encode", "baseline baseline-logistic"),
    *("train ann-cnn", "train snn-cnn", "evaluate ann-cnn", "evaluate snn-cnn", "metrics"),
]


def scale(folder: Path) -> str:
    """Run the benchmark with 24 clips and one epoch; return what it prints."""
    command = [sys.executable, str(ROOT / "benchmarks/scale"), "--clips", "24", "--epochs", "1"]
    command += ["--presets", "audioset-balanced", "--folder", str(folder / "work")]
    done = subprocess.run(
        [*command, "--keep", "--out", str(folder / "scale.json")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_list_goes_through_all_stages_and_a_second_run_goes_on(tmp_path: Path) -> None:
    said = scale(tmp_path)
    assert f"figures: {tmp_path / 'scale.json'}" in said
    content = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))
    rows = {row["stage"]: row for row in content["rows"]}
    assert list(rows) == STAGES
    for row in rows.values():
        assert (row["train_clips"], row["test_clips"]) == (19, 5)
        assert row["seconds"] > 0.1
        assert row["peak_mb"] > 50
    for name in STAGES[4:5] + STAGES[7:9]:
        assert 0 < rows[name]["metrics"]["map"] <= 1
    assert rows["metrics"]["labels"] == 527
    # 32,000 16-bit samples a second for ten seconds, packed without loss; 1000 frames of 64 bins
    for what, stage, least, most in (
        ("sound (FLAC)", "download", 50_000, 640_000),
        ("features", "features", 128_000, 140_000),
    ):
        assert least < rows[stage]["bytes"][what] / 24 < most
    assert rows["download"]["served_bytes"] > 24 * 10_000
    assert content["changes"]["audioset-balanced"]["recipes.ann.epochs"] == [60, 1]

    content["rows"] = [row for row in content["rows"] if row["stage"] != "encode"]
    (tmp_path / "scale.json").write_text(json.dumps(content), encoding="utf-8")
    said = scale(tmp_path)
    assert [line for line in said.splitlines() if " of 10)" in line] == [
        "audioset-balanced, 24 clips: encode (4 of 10)"
    ]
    assert "all there" in scale(tmp_path)
