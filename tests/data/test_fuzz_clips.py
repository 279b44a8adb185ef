"""Damaged files through ``source: folder`` and the cut: right samples or a reason, nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import fuzz_clips


@pytest.mark.slow
def test_damaged_files_become_no_wrong_clips(tmp_path: Path) -> None:
    outcomes = fuzz_clips.fuzz(80, tmp_path, seed=5, recordings=2)
    assert len(outcomes) == 80
    assert [o for o in outcomes if o.outcome not in ("refused", "right", "unknown")] == []
    assert {o.outcome for o in outcomes if o.damage == "whole"} == {"right"}
    # What no check can tell: formats of plain samples, or of packets without a checksum.
    unknown = {Path(o.name).suffix for o in outcomes if o.outcome == "unknown"}
    assert unknown.isdisjoint({".ogg", ".opus", ".flac", ".mkv", ".wv"})


def test_a_difference_from_the_undamaged_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes((ROOT / "data/esc10/audio/1-100032-A.ogg").read_bytes())
    clean = fuzz_clips._by_ffmpeg(path)
    assert fuzz_clips.difference(clean, path.read_bytes(), path) == ""
    late = fuzz_clips.difference(clean[2000:], path.read_bytes(), path)
    assert "s, not" in late
    noisy = clean.copy()
    noisy[30000:31000] = 0.5
    assert "of its level apart at 1.3" in fuzz_clips.difference(noisy, path.read_bytes(), path)
