"""The graph says what is true: packages, parameters and outputs of each stage are what it uses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import graph
import pytest
from project import ROOT, STAGES

from spikesound.params import NegativeParams, Params

MAIN = graph.stages(graph.MAIN)
EXPERIMENTS = graph.stages(graph.EXPERIMENTS)
RESULT = graph.stages(graph.ROOT_FILE)
ALL = MAIN | RESULT | EXPERIMENTS

CHECK = "check"
"""The stage that reads params.yaml as a file, whole."""

APART = {"store", "scheduler", "task"}
"""Parameters that say where, not what: a change of them changes no result."""

TIMES = {"download": {"seed"}}
"""Parameters of a stage that say when: pauses between requests."""

WITH_ROWS = {"models", "models.*", "networks.*", "neurons.*", "methods.*"}
"""What a stage may take of the table of models, where it takes rows or what they are trained by."""

SOURCES = {"source", "tasks.detection.source", "download.rate_hz", "features.rate_hz"}
"""What `Params.of_task` takes for a task's data: declared where it matters, by each instance."""


@pytest.mark.parametrize("stage", sorted(set(ALL) - {CHECK}))
def test_a_stage_depends_on_its_file_of_code_and_parameters(stage: str) -> None:
    listed = [dep for dep in ALL[stage]["deps"] if dep.startswith(graph.CHECKED)]
    instance = "/${key}" if ALL[stage]["items"] else ""
    assert listed == [f"{graph.CHECKED}{graph.script(ALL[stage]).stem}{instance}.yaml"]
    assert stage in EXPERIMENTS or "params" not in ALL[stage], "dvc.lock would hold them twice"


def test_there_is_a_file_of_code_and_parameters_for_each_instance() -> None:
    content = graph.read_sections(ROOT / "params.yaml")
    written = {name.partition("/")[0] for name in graph.STAGE.instances(content)}
    assert written == {graph.script(stage).stem for stage in ALL.values()} - {CHECK}
    for name in ("train", "evaluate", "robustness"):
        assert {f"{name}/{model}" for model in content["models"]} <= set(
            graph.STAGE.instances(content)
        )


def test_the_check_depends_on_the_library_and_on_every_script() -> None:
    scripts = {f"stages/{file.name}" for file in STAGES.glob("*.py")} - {"stages/paths.py"}
    assert set(ALL[CHECK]["deps"]) == scripts | {"params.yaml", "src/spikesound", "networks"}


@pytest.mark.slow
@pytest.mark.parametrize("stage", sorted(set(MAIN) - {CHECK}))
def test_the_parameters_that_a_stage_declares_are_those_it_reads(stage: str) -> None:
    declared = graph.declared(stage)
    read = graph.parameters_read([graph.script(MAIN[stage])]) - TIMES.get(stage, set())
    missing = {
        name
        for name in read
        if name.split(".")[0] not in APART
        and not any(graph.covers(each, name) for each in SOURCES | declared)
    }
    assert not missing, f"{stage}: declare {sorted(missing)}"
    of_rows = any(name.split(".")[0] in {"models", "recipes"} for name in read)
    free = SOURCES | (WITH_ROWS if of_rows else set())
    extra = {
        each for each in declared - free if not any(graph.related(each, name) for name in read)
    }
    assert not extra, f"{stage}: does not read {sorted(extra)}"


def test_every_script_is_a_stage() -> None:
    used = {graph.script(stage) for stage in ALL.values()}
    apart = {STAGES / f"{name}.py" for name in graph.SHARED}
    assert used | apart == set(STAGES.glob("*.py"))


def test_the_graph_is_read_in_two_minutes() -> None:
    lines = [len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in graph.FILES]
    assert sum(lines) <= 150
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("*/dvc.yaml")} | {"dvc.yaml"} == set(
        graph.FILES
    )


@pytest.mark.parametrize("stage", ALL)
def test_outputs_lie_below_data_or_metrics_and_in_git_or_the_cache(stage: str) -> None:
    found = graph.outputs(ALL[stage])
    assert found
    for path, options in found.items():
        places = ("data/", "metrics/", "src/spikesound_models/")
        assert path.startswith(places) or path == "report.html", path
        if options.get("cache") is not False:
            path = path.replace("*", "x")
            check = ["git", "check-ignore", path, f"{path}/"]
            assert subprocess.run(check, cwd=ROOT, check=False).returncode == 0, path


@pytest.mark.parametrize("stage", MAIN | RESULT)
def test_outputs_keep_the_run_cache(stage: str) -> None:
    assert not any("persist" in options for options in graph.outputs(ALL[stage]).values())
    assert "always_changed" not in ALL[stage]
    assert ALL[stage]["deps"]


def test_all_stages_run_in_the_root() -> None:
    assert {stage.get("wdir") for stage in (MAIN | EXPERIMENTS).values()} == {".."}


def test_only_the_spiking_side_knows_the_encoding() -> None:
    """Its spikes are read through ``item.reads``, by the models that spike."""
    content = graph.read_sections(ROOT / "params.yaml")
    knowing = {
        name.partition("/")[0]
        for name, keys in graph.STAGE.instances(content).items()
        if any(key[0] in {"encoding", "encodings"} for key in keys)
    }
    assert knowing == {"encode"}
    reading = {name for name in MAIN if "data/spikes" in MAIN[name]["deps"]}
    assert reading == set(), "only by the item of a task or of a model"


@pytest.mark.parametrize(("task", "other"), [graph.TASKS, graph.TASKS[::-1]])
def test_no_stage_of_a_task_waits_for_one_of_the_other(task: str, other: str) -> None:
    """A folder as a dep waits for all that is made below it."""
    spikes = {"data/spikes"} if other == "classification" else set()
    for name, stage in MAIN.items():
        items = stage["items"]
        if not isinstance(items, dict):  # rows of the table name their task
            continue
        own = stage | {"items": {task: items[task]}}
        for dep in graph.dependencies(own):
            assert f"/{other}" not in dep, (name, dep)
            assert dep not in spikes, (name, dep)
            assert dep not in {"data/clips", "data/models", "data/features", "metrics"}, (name, dep)


def test_the_task_decides_what_the_last_stage_waits_for() -> None:
    assert RESULT["result"]["deps"][1:] == ["data/results/${task}.md", "data/reports/${task}"]
    for task in graph.TASKS:
        makers = {
            name
            for name, stage in MAIN.items()
            for out in graph.outputs(stage)
            if out in (f"data/results/{task}.md", f"data/reports/{task}")
        }
        assert makers == {"compare", "report"}


def test_the_finder_of_parameters_sees_every_form(tmp_path: Path) -> None:
    file = tmp_path / "stage.py"
    file.write_text(
        "def main(name, task):\n"
        "    params = Params.load(paths.PARAMS).of_task(task)\n"
        "    model, noises = params.model(name), params.robustness.noises\n"
        "    section = params.task_params(task)\n"
        "    f(noises.babble, section.folds, params.encodings.kind(params.encoding))\n"
        "    f(params.encodings[params.encoding], model.recipe.epochs, paths.inputs(model, 1))\n"
        "    f(params.table(), seed=params.seed)\n"
    )
    assert graph.parameters_read([file]) == {
        "robustness.noises.babble",
        "tasks.*.folds",
        "encodings.*",
        "encoding",
        "recipes.*.epochs",
        "models",
        "seed",
    }
    file.write_text("def main(name):\n    f(params.model(name))\n    g(model=params.download)\n")
    assert graph.parameters_read([file]) == {f"{each}.*" for each in graph.EVERY} | {"download"}


def test_a_part_of_the_parameters_has_their_place_and_no_others() -> None:
    content = {"tasks": {"a": {"folds": [1]}, "b": {}}, "seed": 1, "other": 2}
    keys = [("tasks", "a"), ("seed",)]
    assert graph.STAGE.selected(content, keys) == {"tasks": {"a": {"folds": [1]}}, "seed": 1}


@pytest.mark.slow
def test_a_changed_file_of_own_code_changes_what_its_stages_depend_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.py"
    content = graph.read_sections(ROOT / "params.yaml")
    row = content["models"]["snn-cnn-surrogate"] | {"network": f"{path}:Net", "neuron": "own"}
    content["models"]["mine"] = row
    notes = []
    for text in ("class Net: pass\n", "class Net: ...\n"):
        path.write_text(text)
        notes.append(graph.STAGE.notes(Params.of(content)))
    tables = {f"{each}/classification" for each in ("latency", "costs", "compare", "report")}
    assert set(notes[0]) == set(notes[1]) == {"train/mine", "evaluate/mine"} | tables
    assert notes[0]["train/mine"] != notes[1]["train/mine"]
    assert "mine: DVC sees no change of" in capsys.readouterr().out, "it is not in networks/"
    parts = graph.STAGE.instances(content)["train/mine"]
    assert ("models", "mine") in parts
    assert not [keys for keys in parts if keys[0] == "networks"]
    assert graph.STAGE.selected(content, parts)["models"]["mine"] == row


def test_recordings_of_no_class_are_named_with_their_digests(
    tmp_path: Path, params: Params
) -> None:
    """By them DVC sees a change, in the file of the models that are trained on them alone."""
    notes_of = graph.STAGE.notes
    assert notes_of(params) == {}
    (tmp_path / "speech.wav").write_bytes(b"once")
    negatives = NegativeParams(recordings=0.1, folders=[str(tmp_path)])
    recipe = params.recipes["ann"].model_copy(update={"negatives": negatives})
    changed = params.model_copy(update={"recipes": {**params.recipes, "ann": recipe}})
    once = notes_of(changed)
    assert "train/ann-cnn" in once
    assert "train/snn-cnn-surrogate" not in once
    assert str(tmp_path / "speech.wav") in once["train/ann-cnn"]
    (tmp_path / "speech.wav").write_bytes(b"twice")
    assert notes_of(changed)["train/ann-cnn"] != once["train/ann-cnn"]
