"""Two revisions of a real project under git and DVC, compared by the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from project import SRC
from scored import frame, random_matrix

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.evaluation import revisions
from spikesound.evaluation.changes import changes
from spikesound.evaluation.comparison_table import change_table
from spikesound.evaluation.measures import MULTILABEL
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.revisions import Places, Revision, models_of, read_revision
from spikesound.evaluation.settings import Settings
from spikesound.tasks import multilabel
from spikesound.tasks.classification.metrics import METRICS, metrics

pytestmark = pytest.mark.slow

PLACES = Places(
    "data/predictions/classification",
    "metrics/classification",
    "data/clips/classification/clips.parquet",
)
SCORED, LISTED = "data/predictions/classification", "data/clips/classification"
CLIPS = 80


def predictions(skill: float, clips: int = CLIPS) -> pd.DataFrame:
    scored = random_matrix(CLIPS, 4, 0, skill=skill)
    return frame(scored.scores[:clips], scored.targets[:clips])


def clips_table() -> pd.DataFrame:
    ids = [f"clip{i:04d}" for i in range(CLIPS)]
    return pd.DataFrame(
        {
            "clip_id": ids,
            "media_id": ids,
            "recording": [f"r{i // 2}" for i in range(CLIPS)],
            "start_s": 0.0,
            "end_s": 5.0,
            "labels": [["/m/0"]] * CLIPS,
            "fold": "1",
        }
    )


class Project:
    """A project whose stage copies the predictions that a folder of inputs holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")
        (folder / ".gitignore").write_text("data/\n")
        schema.write_table(clips_table(), schema.CLIPS, folder / "inputs/clips.parquet")
        models: dict[str, pd.DataFrame] = {"ann-cnn": predictions(0.5), "ann-lstm": predictions(0)}
        self.commit("first", {**models, "ann-old": predictions(0.2)})
        better = {**models, "ann-lstm": predictions(0.9), "snn-new-x": predictions(0.4)}
        self.commit("second", better)
        self.commit("fewer", {"ann-lstm": predictions(0.9, clips=60)})

    def commit(self, tag: str, tables: dict[str, pd.DataFrame]) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        shutil.rmtree(self.folder / "metrics", ignore_errors=True)
        for name, table in tables.items():
            path = self.folder / f"inputs/{tag}/{name}/predictions.parquet"
            schema.write_table(table, schema.PREDICTIONS, path)
            metric = self.folder / f"metrics/classification/models/{name}.json"
            metric.parent.mkdir(parents=True, exist_ok=True)
            metric.write_text(json.dumps({"manifest": f"of {table['clip_id'].nunique()}"}))
        copied = f"mkdir -p {SCORED} {LISTED} && cp -r inputs/{tag}/* {SCORED}/"
        stage = {
            "cmd": f"{copied} && cp inputs/clips.parquet {LISTED}/",
            "deps": [f"inputs/{tag}"],
            "outs": [*(f"{SCORED}/{name}" for name in tables), LISTED],
        }
        (self.folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
        self.run("dvc", "repro", "-q")
        self.run("git", "add", ".")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", tag)
        self.run("git", "tag", tag)

    def run(self, *command: str, ok: bool = True) -> str:
        tools = Path(sys.executable).parent
        environment = os.environ | {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(SRC),
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) == ok, done.stderr[-3000:]
        return done.stdout if ok else done.stderr

    def compare(self, *arguments: str, ok: bool = True) -> str:
        quick = ("--resamples", "200", "--permutations", "400")
        return self.run("spikesound", "compare", *arguments, *quick, ok=ok)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("revisions") / "project")


def rows(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the table's cells by model and metric."""
    found, model = {}, ""
    for line in text.split("\n\n")[0].splitlines()[1:]:
        model = line.split()[0] if not line.startswith(" ") else model
        rest = line.removeprefix(model).strip()
        metric = next(name for name in ("accuracy", "macro F1", "mAP") if rest.startswith(name))
        found[model, metric] = rest.removeprefix(metric).split()
    return found


def test_each_model_is_compared_with_itself(project: Project) -> None:
    text = project.compare("first", "second")
    found = rows(text)
    assert {model for model, _ in found} == {"ann-lstm"}, "the other one's are the same"
    before, after = (metrics(to_matrix(predictions(skill))) for skill in (0, 0.9))
    for metric, name in {"accuracy": "accuracy", "macro F1": "macro_f1", "mAP": "map"}.items():
        cells = found["ann-lstm", metric]
        figures = (before[name], after[name], after[name] - before[name])
        assert [float(cell) for cell in cells[:3]] == pytest.approx(
            [figure * 100 for figure in figures], abs=0.06
        )
        assert float(cells[3]) < float(cells[2]) < float(cells[5])
        assert "better" in cells
    lines = text.splitlines()
    assert any(
        line.startswith("ann-lstm at second is better than ann-lstm at first by") for line in lines
    )
    assert "ann-cnn: the same predictions in both, so not tested" in lines
    assert "only in first: ann-old" in lines
    assert "only in second: snn-new-x" in lines


def test_the_other_way_round_it_is_worse(project: Project) -> None:
    found = rows(project.compare("second", "first"))
    assert "worse" in found["ann-lstm", "accuracy"]


def test_other_clips_are_compared_on_the_common_ones(project: Project) -> None:
    text = project.compare("first", "fewer")
    assert (
        "ann-lstm: the revisions had other training or test clips; 60 common clips "
        "are compared, 20 only in first and 0 only in fewer are left out"
    ) in text.splitlines()
    share = metrics(to_matrix(predictions(0, clips=60)))["accuracy"]
    assert rows(text)["ann-lstm", "accuracy"][0] == f"{share * 100:.1f}"


def test_the_workspace_is_what_lies_there_now(project: Project) -> None:
    path = project.folder / "data/predictions/classification/ann-lstm/predictions.parquet"
    path.unlink()
    schema.write_table(predictions(0.0, clips=60), schema.PREDICTIONS, path)
    text = project.compare("fewer")
    project.run("dvc", "checkout", "--force", "-q")
    assert "worse" in rows(text)["ann-lstm", "accuracy"]
    assert "ann-lstm at fewer is better than ann-lstm at workspace by" in text
    assert "the same predictions" in project.compare("fewer", "workspace")


def test_one_model_can_be_chosen(project: Project) -> None:
    text = project.compare("first", "second", "--model", "ann-lstm")
    assert "only in" not in text
    assert "ann-cnn" not in text
    wrong = project.compare("first", "second", "--model", "ann-lstn", ok=False)
    assert wrong.splitlines()[-1] == (
        "error: unknown model at first 'ann-lstn' (did you mean 'ann-lstm'?); "
        "valid: ann-cnn, ann-lstm, ann-old"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("frist", "second"), "error: revision 'frist': unknown Git revision 'frist'"),
        (("first", "second", "--predictions", "data/preds"), "error: first: no predictions of any"),
        (("first", "second", "--clips", "data/c.parquet"), "error: revision 'first': "),
        (("first", "second", "--metrics", "metric"), "error: revision 'first': "),
        (("first", "second", "--confidence", "1.5"), "error: comparison: confidence: must be"),
    ],
)
def test_a_mistake_is_one_line(project: Project, arguments: tuple[str, ...], message: str) -> None:
    text = project.compare(*arguments, ok=False)
    assert text.startswith(message)
    assert text.count("\n") == 1


def test_what_the_cache_has_lost_is_named_with_the_remedy(project: Project) -> None:
    cache = project.folder / ".dvc/cache"
    aside = cache.rename(project.folder / ".dvc/elsewhere")
    text = project.compare("first", "second", ok=False)
    aside.rename(cache)
    assert text.startswith("error: revision 'first': ")
    assert "is neither in DVC's cache nor in a remote; dvc fetch --all-commits, or " in text
    assert "git checkout first" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("with_listing", [True, False])
def test_one_model_that_the_cache_has_lost_is_left_out(
    project: Project, with_listing: bool
) -> None:
    lock = yaml.safe_load(project.run("git", "show", "second:dvc.lock"))
    outs = {out["path"]: out["md5"] for out in lock["stages"]["make"]["outs"]}
    cache = project.folder / ".dvc/cache/files/md5"
    folder = outs[f"{SCORED}/ann-lstm"]
    (table,) = json.loads((cache / folder[:2] / folder[2:]).read_text())
    digests = [table["md5"], *([folder] if with_listing else [])]
    lost = [cache / digest[:2] / digest[2:] for digest in digests]
    kept = [path.rename(project.folder / path.name) for path in lost]
    try:
        text = project.compare("second", "first")
        alone = project.compare("second", "first", "--model", "ann-lstm", ok=False)
    finally:
        for path, aside in zip(lost, kept, strict=True):
            aside.rename(path)
    lines = text.splitlines()
    assert "ann-cnn: the same predictions in both, so not tested" in lines
    assert lines[0] == (
        "ann-lstm: left out: its predictions at second are neither in DVC's cache nor in a remote; "
        "dvc metrics diff second compares its metrics, which Git has"
    )
    assert "revision 'second': each table of predictions (ann-lstm) is neither in" in alone
    assert alone.count("\n") == 1


def test_clips_that_the_cache_has_lost_are_those_of_the_other_revision(project: Project) -> None:
    before, after = (
        read_revision(name, project.folder, PLACES, ["ann-lstm"]) for name in ("first", "second")
    )
    expected = changes(before, after, Settings(100, 100, 0.95, 1, 0.02)).models
    without = replace(before, recordings={})
    assert changes(without, after, Settings(100, 100, 0.95, 1, 0.02)).models == expected
    with pytest.raises(SpikesoundError, match="'first': its table of clips is neither in DVC's"):
        changes(without, replace(after, recordings={}), Settings(100, 100, 0.95, 1, 0.02))


def test_a_folder_without_git_is_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"revision 'first': .* is not a git repository"):
        models_of("first", tmp_path, PLACES)
    with pytest.raises(SpikesoundError, match="workspace: no predictions of any model"):
        models_of("workspace", tmp_path, PLACES)


def test_without_dvc_only_the_workspace_can_be_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SpikesoundError, match=r"not installed: pip install 'spikesound\[pipeline\]"
    ):
        models_of("first", project.folder, PLACES)
    assert models_of("workspace", project.folder, PLACES) == ["ann-lstm"]


def test_a_revision_is_read_whole(project: Project) -> None:
    found = read_revision("first", project.folder, PLACES, ["ann-old", "ann-cnn"])
    pd.testing.assert_frame_equal(found.predictions["ann-cnn"], predictions(0.5))
    assert found.manifests == {"ann-old": "of 80", "ann-cnn": "of 80"}
    assert found.recordings["clip0003"] == "r1"


def test_no_common_clip_or_other_labels_are_named() -> None:
    def revision(name: str, table: pd.DataFrame) -> Revision:
        recordings = {clip: clip for clip in table["clip_id"]}
        return Revision(name, {"ann-a": table}, {"ann-a": name}, recordings)

    settings = Settings(100, 100, 0.95, 1, 0.02)
    whole = predictions(0.5)
    first, last = (whole["clip_id"] < "clip0040"), (whole["clip_id"] >= "clip0040")
    with pytest.raises(SpikesoundError, match="ann-a: no clip in common between a and b"):
        changes(revision("a", whole[first]), revision("b", whole[last]), settings)
    other = whole.assign(label=whole["label"].replace("/m/3", "/m/9"))
    with pytest.raises(SpikesoundError, match=r"ann-a at b .* ann-a at a: label '/m/3'"):
        changes(revision("a", whole), revision("b", other), settings)
    assert set(METRICS) <= {
        key.removesuffix("_after")
        for key in changes(revision("a", whole), revision("b", predictions(0.1)), settings).models[
            "ann-a"
        ]
    }


def test_models_of_several_labels_are_compared_in_their_own_metrics() -> None:
    before, after = predictions(0.0), predictions(0.9)
    recordings = {clip: clip for clip in before["clip_id"]}
    first, second = (
        Revision(name, {"ann-a": table}, {"ann-a": "same"}, recordings, multilabel=True)
        for name, table in (("a", before), ("b", after))
    )
    found = changes(first, second, Settings(100, 100, 0.95, 1, 0.02))
    assert found.measures == MULTILABEL
    figures = found.models["ann-a"]
    for name in multilabel.METRICS:
        apart = figures[f"{name}_after"] - figures[f"{name}_before"]
        assert figures[f"{name}_difference"] == pytest.approx(apart, abs=1e-4)
        assert figures[f"{name}_difference"] > 0
    table = change_table(found.models, "a", "b", 0.95, measures=found.measures)
    assert ["better" in line.split() for line in table.splitlines()[1:]] == [True] * 4
