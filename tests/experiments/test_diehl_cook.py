"""BindsNET beside our STDP (benchmarks/diehl_cook): files, read-outs, licence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from project import ROOT, SRC, STAGES, module_of

sys.path.append(str(ROOT / "benchmarks/diehl_cook"))
import environment
import read_outs
from exchange import Clips, read_clips, read_counts, write_clips

from spikesound.core.errors import SpikesoundError
from spikesound.params.base import read_sections

HERE = ROOT / "benchmarks/diehl_cook"
COUNTS = np.array([[6, 0, 2, 0], [2, 0, 2, 0], [0, 3, 1, 0], [0, 5, 3, 0]])
LABELS = np.array([0, 0, 1, 1])
"""Neuron 0 is of class 0, neuron 1 of class 1, neuron 2 tends to neither, neuron 3 is silent."""


@pytest.fixture
def clips() -> Clips:
    """Twelve clips of two classes, each loud in a half of its own; eight are training clips."""
    values = np.full((12, 2, 3), 0.05, np.float32)
    labels = np.arange(12) % 2
    values[labels == 0, 0] = values[labels == 1, 1] = 0.9
    parts = np.repeat([0, 1, 2], [8, 2, 2])
    ids = np.array([f"clip{number}" for number in range(12)])
    return Clips(values, labels, parts, ids, np.array(["one", "two"]))


def test_the_product_never_imports_bindsnet() -> None:
    files = [*SRC.rglob("*.py"), *STAGES.rglob("*.py"), *(ROOT / "networks").rglob("*.py")]
    assert len(files) > 100
    named = re.compile(r"^\s*(import|from)\s+bindsnet|import_module\(.bindsnet", re.MULTILINE)
    assert [path for path in files if named.search(path.read_text(encoding="utf-8"))] == []
    benchmarks = (ROOT / "benchmarks").rglob("*.py")
    users = [path for path in benchmarks if named.search(path.read_text(encoding="utf-8"))]
    assert users == [HERE / "in_bindsnet.py"], "it alone runs in BindsNET's environment"
    ours = re.compile(r"^\s*(import|from)\s+(spikesound|exchange)", re.MULTILINE)
    assert not ours.search((HERE / "in_bindsnet.py").read_text(encoding="utf-8"))
    assert "bindsnet" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_clips_come_back_as_they_were(tmp_path: Path, clips: Clips) -> None:
    write_clips(clips, tmp_path / "clips.npz")
    again = read_clips(tmp_path / "clips.npz")
    for name, values in vars(clips).items():
        np.testing.assert_array_equal(getattr(again, name), values)
    assert again.rows("validation").tolist() == [8, 9]
    np.savez(tmp_path / "counts.npz", counts=np.zeros((11, 4), int))
    with pytest.raises(SpikesoundError, match="expected counts of 12 clips"):
        read_counts(tmp_path / "counts.npz", clips)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intensities": np.full((12, 2, 3), 1.5, np.float32)}, "values from 0 to 1"),
        ({"intensities": np.zeros((12, 6), np.float32)}, r"\(clip, frame, bin\)"),
        ({"labels": np.full(12, 2)}, "numbers of 2 classes"),
        ({"parts": np.zeros(11, int)}, "each of 12 clips"),
    ],
)
def test_damaged_clips_are_refused(
    tmp_path: Path, clips: Clips, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        write_clips(replace(clips, **change), tmp_path / "clips.npz")
    assert list(tmp_path.iterdir()) == []


def test_neurons_get_the_class_in_which_they_spike_most() -> None:
    assigned = read_outs.assign(COUNTS, LABELS, 3)
    # Mean counts by class: 4 and 0, 0 and 4, 2 and 2, none.
    assert assigned.classes.tolist() == [0, 1, 0, -1]
    wanted = [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 0]]
    np.testing.assert_allclose(assigned.proportions, wanted)


def test_votes_are_means_over_a_class_s_neurons() -> None:
    assigned = read_outs.assign(COUNTS, LABELS, 3)
    seen = np.array([[2, 2, 1, 0], [1, 2, 6, 0], [0, 0, 0, 0], [0, 0, 0, 9]])
    # Class 0 has neurons 0 and 2: (2 + 1) / 2 against 2, (1 + 6) / 2 against 2.
    assert read_outs.all_activity(seen, assigned).tolist() == [1, 0, -1, -1]
    # Neuron 2 counts half: (2 + 1/2) / 2 against 2, (1 + 6/2) / 2 = 2 against 2: the first.
    assert read_outs.proportion_weighting(seen, assigned).tolist() == [1, 0, -1, -1]


def test_the_linear_read_out_finds_what_votes_cannot() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    counts = generator.poisson(4, (120, 3))
    counts[:, 2] = counts[:, 0] + 3 * labels  # the class is in a difference
    parts = [(counts[rows], labels[rows]) for rows in (slice(0, 60), slice(60, 90))]
    found = read_outs.logistic_regression(*parts, counts[90:])
    assert (found == labels[90:]).mean() > 0.9
    voted = read_outs.all_activity(counts[90:], read_outs.assign(counts[:60], labels[:60], 2))
    assert (voted == labels[90:]).mean() < 0.9


@pytest.fixture
def benchmark() -> ModuleType:
    return module_of(HERE / "__main__.py")


def test_test_clips_have_no_part_in_the_read_outs(benchmark: ModuleType, clips: Clips) -> None:
    counts = np.random.default_rng(1).poisson(2, (12, 4))
    counts[:, :2] = 9 * (clips.labels[:, None] == [0, 1])
    first = benchmark.accuracies(counts, clips, clips.rows("training"), ("training", "test"))
    assert first["accuracy"]["all_activity"] == first["accuracy"]["logistic_regression"] == 1.0
    wrong = replace(clips, labels=np.where(clips.parts == 2, 1 - clips.labels, clips.labels))
    second = benchmark.accuracies(counts, wrong, clips.rows("training"), ("training", "test"))
    assert second["accuracy"] == dict.fromkeys(first["accuracy"], 0.0)
    assert second["validation_accuracy"] == first["validation_accuracy"]


def test_seeds_are_summed_up_by_setting(benchmark: ModuleType) -> None:
    figures = ("train_cpu_s", "clips", "weights", "operations", "input_spikes", "excitatory_spikes")
    row = {"setting": "a", **dict.fromkeys(figures, 2)}
    rows = [
        row | {"seed": seed, "accuracy": {"all_activity": value}}
        for seed, value in ((1, 0.5), (2, 0.7))
    ]
    found = benchmark.summary([*rows, rows[0] | {"setting": "b"}])
    assert found["a"]["all_activity"] == pytest.approx(0.6)
    assert found["a"]["all_activity_deviation"] == pytest.approx(0.02**0.5)
    assert (found["a"]["seeds"], found["b"]["seeds"]) == (2, 1)
    assert found["b"]["all_activity_deviation"] is None


def test_the_committed_results_are_of_the_settings_and_their_clips(benchmark: ModuleType) -> None:
    content = json.loads(benchmark.OUT.read_text(encoding="utf-8"))
    sections = read_sections(benchmark.SETTINGS)
    assert content["settings"] == benchmark.summary(content["rows"])
    assert {row["setting"] for row in content["rows"]} <= set(sections["test"])
    for row in content["rows"]:
        setting = sections["test"][row["setting"]]
        assert row["key"] == benchmark.key_of(setting, sections, benchmark.PARTS)
        assert row["clips_scored"] == 300, "ten digits, six speakers, indices 0 to 4"
        assert row["clips"] <= 2700
    assert all(row["clips_scored"] < 400 for row in content["search"])


KILLED = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("in_bindsnet", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.CHECKPOINT_CLIPS = 3
def show(self, done):
    if done == 5:
        sys.exit(9)
module.Line.show = show
module.main(*map(pathlib.Path, sys.argv[2:]))
"""
"""Ends while the fifth clip is learnt, with a checkpoint of three."""


def run_in_bindsnet(
    clips: Path, out: Path, *, killed: bool = False, **changes: Any
) -> dict[str, np.ndarray]:
    """Run BindsNET's script in its environment; return what it gives back of each clip."""
    sections = read_sections(HERE / "settings.yaml")
    own = {"seed": 1, "parts": ["training", "validation", "test"], "neurons": 6, "window_ms": 60}
    own |= {"input_hz": 2000.0, "norm_per_input": 0.8}
    out.mkdir(exist_ok=True)
    settings = out / "settings.json"
    settings.write_text(json.dumps(sections["bindsnet"] | own | changes))
    python, script = environment.interpreter(sections["requirement"]), HERE / "in_bindsnet.py"
    if killed:
        command = [python, "-I", "-c", KILLED, script, clips, settings, out]
        assert subprocess.run(command).returncode == 9
        assert [each.name for each in out.glob("*.pt")] == ["checkpoint.pt"]
    subprocess.run([python, "-I", script, clips, settings, out], check=True)
    with np.load(out / "counts.npz") as file:
        return dict(file)


@pytest.mark.slow
@pytest.mark.skipif(
    not environment.installed(read_sections(HERE / "settings.yaml")["requirement"]),
    reason="BindsNET's environment is made by python benchmarks/diehl_cook",
)
def test_bindsnet_runs_and_reads_as_we_do(tmp_path: Path, clips: Clips) -> None:
    write_clips(clips, tmp_path / "clips.npz")
    found = run_in_bindsnet(tmp_path / "clips.npz", tmp_path / "out")
    counts, training = found["counts"], clips.rows("training")
    assert counts.shape == (12, 6)
    assert (counts.sum(1) > 0).all(), "each clip makes a neuron spike"
    assert np.flatnonzero(found["trained"]).tolist() == training.tolist()
    assigned = read_outs.assign(counts[training], clips.labels[training], 2)
    for name in ("all_activity", "proportion_weighting"):
        np.testing.assert_array_equal(getattr(read_outs, name)(counts, assigned), found[name])
    figures = json.loads((tmp_path / "out/figures.json").read_text())
    assert figures["inputs"] == 6
    assert read_sections(HERE / "settings.yaml")["requirement"].endswith(
        figures["versions"]["bindsnet"]
    )
    # 2,000 spikes a second in sum for 60 ms, less those that fall into one step of an input.
    assert 60 < figures["input_spikes"] <= 120

    again = run_in_bindsnet(tmp_path / "clips.npz", tmp_path / "again", killed=True)
    for name, values in found.items():
        np.testing.assert_array_equal(again[name], values, err_msg="after a kill")
    fewer = run_in_bindsnet(tmp_path / "clips.npz", tmp_path / "fewer", parts=["training"])
    assert (fewer["counts"][training] >= 0).all()
    assert (fewer["counts"][8:] == -1).all(), "a part that is not named is not presented"
