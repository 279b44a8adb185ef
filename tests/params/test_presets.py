"""Presets: each goes with params.yaml, says where it comes from, and keeps the comments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.presets import applied, read_presets, write_preset

FOLDER = ROOT / "presets"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_the_benchmarks_and_audioset_have_presets() -> None:
    assert {"shd-dcls", "ssc-dcls", "gsc35-dcls", "shd-silif", "ssc-silif", "gsc12"} <= set(NAMES)
    assert {"audioset-balanced", "audioset-full", "audioset-strong"} <= set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_goes_with_the_parameters(name: str) -> None:
    preset = read_presets(FOLDER)[name]
    params = Params.of(applied(read_sections(ROOT / "params.yaml"), preset))
    assert set(params.models) == set(preset.models)
    assert {row.task for row in params.models.values()} == {params.task}
    assert any(model.spiking for model in params.table().values())
    for model in params.table().values():
        assert model.recipe.dataset == "stream"
    if params.source_params.spikes and params.task == "classification":
        assert 700 % params.features.mels == 0
    assert preset.here == "not run here" or "benchmarks" in preset.here
    assert preset.published.source
    assert preset.differs


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_written_with_the_comments_kept(name: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copyfile(ROOT / "params.yaml", path)
    params = write_preset(path, name, read_presets(FOLDER))
    assert Params.load(path).model_dump() == params.model_dump()
    text = path.read_text()
    assert "# of classification: one of sources" in text
    assert "# hyperparameters of the training loop" in text
    write_preset(path, name, read_presets(FOLDER))
    lines = [line for line in text.splitlines() if line]
    again = [line for line in path.read_text().splitlines() if line]
    assert again == lines, "once more changes nothing"


@pytest.mark.slow
def test_a_wrong_preset_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copyfile(ROOT / "params.yaml", path)
    before = path.read_bytes()
    with pytest.raises(SpikesoundError, match=r"unknown preset 'shd'; valid: audioset-balanced"):
        write_preset(path, "shd", read_presets(FOLDER))
    (tmp_path / "p").mkdir()
    text = (FOLDER / "shd-dcls.yaml").read_text()
    (tmp_path / "p/a.yaml").write_text(text.replace("networks.delayed", "networks.delay"))
    with pytest.raises(SpikesoundError, match=r"preset 'a' on .*params\.yaml: .*delay"):
        write_preset(path, "a", read_presets(tmp_path / "p"))
    (tmp_path / "p/a.yaml").write_text(text.replace("about:", "abut:"))
    with pytest.raises(SpikesoundError, match=r"a\.yaml: unknown section 'abut'"):
        read_presets(tmp_path / "p")
    with pytest.raises(SpikesoundError, match="no presets"):
        read_presets(tmp_path / "none")
    assert path.read_bytes() == before


@pytest.mark.slow  # a process of the command line
def test_the_command_lists_and_writes(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    program = [sys.executable, "-c", "from spikesound.apps.cli import main; main()", "preset"]
    listed = subprocess.run(
        [*program, "--presets", str(FOLDER)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.split()[0] for line in listed.splitlines()] == NAMES
    assert "not run here" in listed
    written = subprocess.run(
        [*program, "shd-silif", "--presets", str(FOLDER)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "models: snn-silif" in written
    assert Params.load(tmp_path / "params.yaml").source == "shd"
