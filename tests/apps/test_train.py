"""``spikesound train`` before any work: the survey, the parameters, the workspace, the mistakes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from collections_made import table
from own_sounds import base_file, classes, labelled, tone, write
from project import ROOT
from typer.testing import CliRunner

from spikesound.apps.cli import app
from spikesound.apps.train import run as running
from spikesound.apps.train.outcome import ENERGY, HEADLINES, Outcome, _verdict, lines
from spikesound.apps.train.plan import Plan, make_plan, read_base
from spikesound.apps.train.survey import Survey, contents, survey
from spikesound.apps.train.workspace import (
    check_workspace,
    make_workspace,
    parameters,
    pipeline_files,
    template,
)
from spikesound.core.errors import SpikesoundError
from spikesound.params import Params

TEMPLATE = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def listed(clips: int, **recordings: int) -> Survey:
    labels = {name: name.title() for name in recordings}
    source = {"folder": "/x", "table": None, "events": None, "cut_s": 10.0}
    return Survey(source, labels, recordings, clips, False, (), (), ())


def plan(found: Survey, task: str = "classification", base: Any = None) -> Plan:
    return make_plan(found, task, TEMPLATE, base)


def params(made: Plan, **changes: Any) -> Params:
    return Params.of(yaml.safe_load(parameters(made, changes)))


def test_folders_are_surveyed_by_class(tmp_path: Path) -> None:
    own = classes(tmp_path / "own")
    write(own / "high" / "long.wav", tone(3000, 25.0))
    (own / "high" / "text.wav").write_text("no sound")
    found = survey(own, "classification")
    assert found.labels == {"high": "high", "low_tone": "low tone"}
    assert found.recordings == {"high": 5, "low_tone": 4}
    assert found.clips == 4 + 4 + 3
    assert len(found.rejected) == 1
    assert found.rejected[0].startswith("high/text.wav: ")
    assert not found.several_labels


def test_a_csv_of_labels_is_surveyed(tmp_path: Path) -> None:
    own = classes(tmp_path / "own")
    rows = [f"{name}/{n}.wav,{name}" for name in ("high", "low tone") for n in range(4)]
    csv = table(own / "labels.csv", "file,label", *rows, 'high/0.wav,"bright, dull"', "x.wav,high")
    found = survey(csv, "classification")
    assert found.several_labels
    assert found.recordings == {"bright": 1, "dull": 1, "high": 4, "low_tone": 4}
    assert found.rejected == (f"{csv}, line 11: x.wav: no such file",)
    assert csv in found.files
    assert len(found.files) == 1 + 8
    assert found.source["table"] == str(csv)
    folds = [f"{row},{row[-1]}" for row in rows]
    with_folds = survey(table(own / "folds.csv", "file,label,fold", *folds), "classification")
    assert with_folds.own_folds == ("e", "h")


def test_label_files_are_surveyed_by_event(tmp_path: Path) -> None:
    found = survey(labelled(tmp_path / "takes"), "detection")
    assert found.recordings == {"beep": 4}
    assert found.clips == 6
    assert found.source["events"] == "beside"


def test_a_changed_file_changes_the_table_of_files(tmp_path: Path) -> None:
    own = classes(tmp_path / "own")
    before = contents(survey(own, "classification").files)
    assert before.count("\n") == 1 + 8
    write(own / "high" / "0.wav", tone(3000, 0.6))
    assert contents(survey(own, "classification").files) != before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counts", "folds", "share"), [((4, 40), 4, 0.3333), ((20, 30), 5, 0.125), ((6, 9), 5, 0.25)]
)
def test_there_are_as_many_folds_as_the_rarest_class_has_recordings(
    counts: tuple[int, int], folds: int, share: float
) -> None:
    made = params(plan(listed(sum(counts), a=counts[0], b=counts[1])))
    section = made.tasks.classification
    assert section.folds == [str(n + 1) for n in range(folds)]
    assert made.sources.folder.folds == folds
    assert section.validation_share == share
    assert list(made.models) == ["ann-cnn", "snn-cnn-surrogate"]


@pytest.mark.slow
def test_small_data_has_small_batches_and_more_epochs() -> None:
    lengths = {}
    for clips in (12, 60, 400, 20_000):
        recipe = params(plan(listed(clips, a=clips // 2, b=clips // 2))).recipes["snn"]
        lengths[clips] = (recipe.batch_clips, recipe.epochs)
    assert lengths == {12: (4, 100), 60: (4, 55), 400: (32, 67), 20_000: (32, 20)}


@pytest.mark.slow
def test_detection_validates_on_the_fold_before() -> None:
    made = params(plan(listed(40, dog=4), "detection"))
    assert made.task == "detection"
    assert made.of_task("detection").source == "folder"
    assert made.tasks.detection.folds == ["1", "2", "3", "4"]
    assert made.tasks.detection.validation_fold == "previous"
    assert list(made.models) == ["ann-tcn-strong", "snn-tcn-strong"]


def test_rare_classes_are_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(30, dog=10, cat=10, owl=3)
    made = plan(found)
    assert made.too_few == {"Owl": 3}
    assert made.changes["filter.labels"] == ["dog", "cat"]
    running._say(found, made, Path("here"))
    said = capsys.readouterr().err
    assert "left out: class 'Owl': only 3 recordings" in said
    assert "recordings by class: Dog 10, Cat 10; 30 clips, 5 folds" in said
    with pytest.raises(SpikesoundError, match=r"1 classes have 4 recordings .*\(Dog 9, Owl 3\)"):
        plan(listed(12, dog=9, owl=3))
    assert plan(listed(12, dog=9, owl=3), "detection").too_few == {"Owl": 3}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classification", "detection"])
def test_a_base_gives_its_architecture_to_all(task: str, params: Params, tmp_path: Path) -> None:
    base = read_base(str(base_file(tmp_path, params, task)), task)
    made = plan(listed(40, dog=9, owl=9), task, base)
    checked = Params.of(yaml.safe_load(parameters(made, {})))
    tuned = checked.model(f"{base.name}-tuned")
    assert tuned.spiking
    assert tuned.network_params.model_dump() == base.spec.network_section().model_dump()
    assert tuned.row.needs == f"base/{base.name}"
    assert tuned.base is None
    twin = checked.model(next(name for name in made.models if name.startswith("ann")))
    assert twin.is_twin_of(tuned), "the same network without spikes"
    assert tuned.recipe.learning_rate < checked.model(list(made.models)[1]).recipe.learning_rate
    other = "detection" if task == "classification" else "classification"
    with pytest.raises(SpikesoundError, match=f"expected a model of {other}, got one of {task}"):
        read_base(str(base.path), other)


@pytest.mark.slow
def test_a_changed_parameter_goes_before_the_plan() -> None:
    made = plan(listed(40, dog=9, owl=9))
    assert params(made, **{"recipes.snn.epochs": 3}).recipes["snn"].epochs == 3
    with pytest.raises(SpikesoundError, match=r"'epoch' \(did you mean 'epochs'\?\)"):
        parameters(made, {"recipes.snn.epoch": 3})
    with pytest.raises(SpikesoundError, match="unknown section 'recipe'"):
        parameters(made, {"recipe.snn.epochs": 3})


@pytest.mark.slow
def test_a_workspace_has_the_pipeline_and_keeps_what_is_the_same(tmp_path: Path) -> None:
    own, folder = classes(tmp_path / "own"), tmp_path / "work"
    found = survey(own, "classification")
    text = parameters(plan(found), {})
    make_workspace(folder, own, "classification", found, None, text)
    scripts = {path.name for path in (ROOT / "stages").glob("*.py")}
    assert {path.name for path in (folder / "stages").glob("*.py")} == scripts
    graph = yaml.safe_load((folder / "stages/dvc.yaml").read_text())["stages"]
    original = yaml.safe_load((ROOT / "stages/dvc.yaml").read_text())["stages"]
    library = [dep for dep in graph["check"]["deps"] if dep not in original["check"]["deps"]]
    assert library == [str(ROOT / "src/spikesound")]
    del graph["check"]["deps"], original["check"]["deps"]
    assert graph == original, "the pipeline is the repository's"
    assert Params.load(folder / "params.yaml").source == "folder"
    assert any((folder / "data/noise/background").iterdir())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    make_workspace(folder, own, "classification", found, None, text)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.slow
def test_edited_parameters_are_kept_beside_the_new_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, folder = classes(tmp_path / "own"), tmp_path / "work"
    found = survey(own, "classification")
    text = parameters(plan(found), {})
    make_workspace(folder, own, "classification", found, None, text)
    (folder / "params.yaml").write_text(text + "# mine\n")
    make_workspace(folder, own, "classification", found, None, text)
    assert (folder / "params.edited.yaml").read_text().endswith("# mine\n")
    assert (folder / "params.yaml").read_text() == text
    assert "was edited" in capsys.readouterr().err


def test_a_folder_that_is_no_workspace_for_these_recordings_is_refused(tmp_path: Path) -> None:
    own = classes(tmp_path / "own")
    check_workspace(tmp_path / "new", own, "classification")
    with pytest.raises(SpikesoundError, match="lies in the folder of the recordings"):
        check_workspace(own / "work", own, "classification")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    with pytest.raises(SpikesoundError, match="not empty, and no workspace"):
        check_workspace(tmp_path / "full", own, "classification")
    marker = {"task": "detection", "recordings": str(own)}
    (tmp_path / "full" / "workspace.json").write_text(json.dumps(marker))
    with pytest.raises(SpikesoundError, match="workspace of detection on"):
        check_workspace(tmp_path / "full", own, "classification")
    check_workspace(tmp_path / "full", own, "detection")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "error: gone: no such folder or file\n"),
        (["empty"], "no recordings in "),
        (["letter.doc"], "letter.doc: expected a folder of recordings, or a CSV"),
        (["own", "--task", "detect"], "unknown task 'detect' (did you mean 'detection'?)"),
        (["own", "-S", "epochs"], "--set 'epochs': expected KEY=VALUE"),
        (["own", "-S", "seeds=2"], "unknown section 'seeds' (did you mean 'seed'?)"),
        (["own", "--base", "gone"], "gone: no such file"),
        (["odd", "--task", "detection"], "a.TextGrid is of no known label format; valid: a.txt"),
        (["few"], "0 classes have 4 recordings or more (high 2, low tone 2)"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.doc").write_text("x")
    classes(tmp_path / "own")
    classes(tmp_path / "few", 2)
    write(tmp_path / "odd/a.wav", tone(300, 0.5))
    (tmp_path / "odd/a.TextGrid").write_text("")
    result = CliRunner().invoke(app, ["train", *arguments])
    assert isinstance(result.exception, SpikesoundError)
    assert message.removeprefix("error: ").rstrip("\n") in str(result.exception)
    assert not list(tmp_path.glob("*-classification")), "nothing is made before all is checked"


def test_the_outcome_says_what_the_intervals_allow() -> None:
    figures = {"event_f1": 0.25, "event_f1_low": 0.2, "event_f1_high": 0.3, "events_uw": 15.36}
    measure = HEADLINES["detection"]
    pair = {"event_f1": -0.05, "event_f1_low": -0.1, "event_f1_high": -0.01}
    sentence = _verdict(pair, "snn", "ann", 0.95)
    assert sentence.startswith("ann is better than snn by 0.050 of event F1")
    shown = lines(
        Outcome(
            Path("w"), Path("w/report.html"), {"snn": Path("w/snn")}, {"snn": figures, "base": {}},
            measure, ENERGY["detection"], [sentence], [],
        )
    )  # fmt: skip
    assert shown[0].split() == ["model", "event", "F1", "[95", "%", "interval]", "energy"]
    assert shown[1].split() == ["snn", "0.250", "[0.200–0.300]", "15.36", "µW", "in", "sound"]
    assert shown[2].split() == ["base", "–", "–"]
    assert shown[-2:] == ["report: w/report.html", "model: w/snn"]


def test_without_the_pipelines_packages_training_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "NEEDED", ("dvc_that_is_not_there",))
    with pytest.raises(SpikesoundError, match=r"pip install 'spikesound\[pipeline\]'"):
        running.train(tmp_path)


@pytest.mark.slow
def test_an_installed_package_carries_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What setup.py copies is what a workspace is made of."""
    names = ("setup.py", "params.yaml", "dvc.yaml", "stages", "networks", "data/noise")
    for name in names:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / "repo" / name)
    shutil.copytree(ROOT / "src/spikesound/apps/cli", tmp_path / "repo/src/spikesound/apps/cli")
    monkeypatch.chdir(tmp_path / "repo")
    built = tmp_path / "built"
    code = os.spawnlp(os.P_WAIT, "python", "python", "setup.py", "-q", "build", "-b", str(built))
    assert code == 0
    carried = next(built.rglob("pipeline"))
    assert (carried / "params.yaml").read_text() == template()
    assert {path.name for path in (carried / "stages").glob("*.py")} == {
        path.name for path in (pipeline_files() / "stages").glob("*.py")
    }
    assert list((carried / "data/noise/babble").iterdir())
    assert (carried / "networks/README.md").is_file()
