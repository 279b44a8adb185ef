"""Models under disturbance: the inputs of a fold, the rows of its clips, their figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from disturbed_clips import (
    CLASSES,
    CLASSIFIERS,
    CLIP_S,
    DETECTORS,
    places,
    saved,
    spec,
    stored,
    task_of,
)

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS, FEATURE_INDEX, read_table, write_table
from spikesound.evaluation.robustness import evaluate
from spikesound.evaluation.robustness.conditions import UNDISTURBED, Condition
from spikesound.evaluation.robustness.disturb import select_clips
from spikesound.evaluation.robustness.evaluate import run_model, summary
from spikesound.evaluation.robustness.inputs import Inputs
from spikesound.evaluation.robustness.plan import Plan
from spikesound.evaluation.robustness.scoring import EVENT, SCORING, SEGMENT
from spikesound.features.shards import Shards
from spikesound.features.spike_shards import encode_shards
from spikesound.models import file
from spikesound.params import Params
from spikesound.tasks.detection.metrics.measure import measure
from spikesound.training.dataset import load_features, load_spikes
from spikesound.training.scores import frame_scores


def inputs_of(folder: Path, params: Params, model: str, **changes: Any) -> Inputs:
    return Inputs(folder / "features", folder / "disturbed", spec(params, model, **changes))


@pytest.mark.parametrize("encoding", ["features", "direct", "rate", "population"])
def test_clean_inputs_are_those_that_evaluate_reads(
    encoding: str, params: Params, tmp_path: Path
) -> None:
    stored(tmp_path)
    for fold in ("1", "2"):
        if encoding == "features":
            given = inputs_of(tmp_path, params, "ann-cnn", fold=fold)
            wanted = load_features(tmp_path / "features", CLASSES, fold).only(fold)
        else:
            given = inputs_of(tmp_path, params, "snn-cnn", fold=fold, encoding=encoding)
            section = given.spec.encoding_section()
            encode_shards(
                Shards(tmp_path / "features"), fold, encoding=encoding,
                params=section, seed=1,
                out=tmp_path / "spikes",
            )  # fmt: skip
            wanted = load_spikes(tmp_path / "spikes", CLASSES)[0].only(fold)
        clips = given.clips(UNDISTURBED)
        assert clips.ids == wanted.ids
        assert clips.folds == wanted.folds
        assert clips.groups == wanted.groups
        assert (clips.present == wanted.present).all()
        assert clips.inputs.dtype == wanted.inputs.dtype
        assert (clips.inputs == wanted.inputs).all()
        assert (clips.bins, clips.neurons_per_bin) == (wanted.bins, wanted.neurons_per_bin)


def test_disturbed_inputs_have_the_folds_own_normalisation(params: Params, tmp_path: Path) -> None:
    stored(tmp_path)
    inputs = inputs_of(tmp_path, params, "ann-tcn", fold="2")
    raw = np.load(tmp_path / "disturbed" / "white_0.npy")[1::2].astype(np.float32)
    clips = inputs.clips(Condition("white", 0.0))
    assert np.allclose(clips.inputs[:, 0], np.clip((raw + 60) / 59, 0, 1), atol=1e-3)
    with pytest.raises(SpikesoundError, match=r"pink_0.npy: no such file; run the disturb stage"):
        inputs.clips(Condition("pink", 0.0))
    other = Inputs(inputs.features, inputs.disturbed, inputs.spec.model_copy(update={"fold": "9"}))
    with pytest.raises(SpikesoundError, match="fold '9' has no clips"):
        other.clips(UNDISTURBED)


def test_features_of_other_clips_are_an_error(params: Params, tmp_path: Path) -> None:
    index = stored(tmp_path)
    path = tmp_path / "disturbed" / "index.parquet"
    write_table(index.iloc[:-1], FEATURE_INDEX, path)
    with pytest.raises(SpikesoundError, match="run the disturb stage again"):
        inputs_of(tmp_path, params, "ann-cnn").clips(Condition("white", 0.0))
    write_table(index.assign(clip_id=index["clip_id"] + "x"), FEATURE_INDEX, path)
    with pytest.raises(SpikesoundError, match="no clip 'clip0x'"):
        inputs_of(tmp_path, params, "ann-cnn").clips(UNDISTURBED)


def test_clips_of_a_part_have_their_own_disturbed_features(params: Params, tmp_path: Path) -> None:
    index = stored(tmp_path)
    few = select_clips(index, ["1"], 3)
    assert list(few["clip_id"]) == ["clip0", "clip6", "clip14"]
    whole = np.load(tmp_path / "disturbed" / "white_0.npy")
    np.save(tmp_path / "disturbed" / "white_0.npy", whole[[0, 6, 14]])
    write_table(few, FEATURE_INDEX, tmp_path / "disturbed" / "index.parquet")
    inputs = inputs_of(tmp_path, params, "ann-tcn")
    clips = inputs.clips(Condition("white", 0.0))
    assert clips.ids == list(few["clip_id"])
    raw = whole[[0, 6, 14]].astype(np.float32)
    assert np.allclose(clips.inputs[:, 0], np.clip((raw + 70) / 65, 0, 1), atol=1e-3)
    assert inputs.clips(UNDISTURBED).ids == clips.ids


def test_all_clips_of_the_held_out_folds_are_tested_unless_a_number_is_given() -> None:
    index = pd.DataFrame({"clip_id": list("abcdefgh"), "fold": list("12312312")})
    assert "".join(select_clips(index, ["1", "3"], None)["clip_id"]) == "acdfg"
    assert "".join(select_clips(index, ["3", "1"], 2)["clip_id"]) == "acfg"
    assert "".join(select_clips(index, ["1"], 99)["clip_id"]) == "adg"
    with pytest.raises(SpikesoundError, match="fold '9' has no clips"):
        select_clips(index, ["9"], None)


PLAN = Plan(
    [Condition("white", 0.0)],
    [Condition("weight_noise", 0.4), Condition("stuck_firing", 0.1), Condition("weight_bits", 8.0)],
    draws=3,
    batch_clips=3,
    seed=1,
)


@pytest.mark.slow
@pytest.mark.parametrize("model", [*CLASSIFIERS, *DETECTORS])
def test_a_model_is_tested_on_each_folds_clips_under_every_condition(
    model: str, params: Params, tmp_path: Path
) -> None:
    index = stored(tmp_path)
    scoring = SCORING[task_of(model)]
    results = run_model(saved(tmp_path / "model", params, model), places(tmp_path, model), PLAN)
    assert set(results.columns) == set(scoring.schema.names)
    write_table(results, scoring.schema, tmp_path / "results.parquet")
    rows = results.drop_duplicates(["clip_id", "condition", "level"])
    assert len(rows.query("condition == 'clean'")) == len(index)
    classes = len(CLASSES) if model in DETECTORS else 1
    expected = {
        ("clean", 0.0): 16, ("white", 0.0): 16, ("weight_noise", 0.4): 48,
        ("stuck_firing", 0.1): 48, ("weight_bits", 8.0): 16,
    }  # fmt: skip
    if model == "ann-lstm":  # its only neurons are gates
        del expected["stuck_firing", 0.1]
    counts = results.groupby(["condition", "level"]).size().to_dict()
    assert counts == {key: number * classes for key, number in expected.items()}
    recordings = dict(zip(index["clip_id"], index["recording"], strict=True))
    table = summary(
        "m", results, recordings, scoring, generator=np.random.default_rng(0), resamples=200,
        confidence=0.9,
    )  # fmt: skip
    assert [*zip(table["condition"], table["level"], strict=True)] == list(expected)
    units = {"clean": "", "white": "dB", "weight_bits": "bits"}
    assert list(table["unit"]) == [units.get(name, "share") for name in table["condition"]]
    assert (table["clips"] == 16).all()
    for measure_name in scoring.measures:
        low, high = table[f"{measure_name}_low"], table[f"{measure_name}_high"]
        assert (low <= table[measure_name]).all()
        assert (table[measure_name] <= high).all()


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_a_hit_is_a_label_of_the_clip(model: str, params: Params, tmp_path: Path) -> None:
    index = stored(tmp_path)
    results = run_model(saved(tmp_path / "model", params, model), places(tmp_path, model), PLAN)
    labels = dict(zip(index["clip_id"], index["labels"], strict=True))
    right = [row.predicted in labels[row.clip_id] for row in results.itertuples()]
    assert list(results["hit"]) == right
    assert 0 < results["hit"].mean() < 1
    table = summary(
        "m", results, dict.fromkeys(index["clip_id"], "r"), SCORING["classification"],
        generator=np.random.default_rng(0), resamples=100, confidence=0.9,
    )  # fmt: skip
    noise = results[results["condition"] == "weight_noise"]["hit"].mean()
    assert table["accuracy"][2] == pytest.approx(noise, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("model", DETECTORS)
def test_a_detectors_counts_on_clean_sound_are_those_of_its_evaluation(
    model: str, params: Params, tmp_path: Path
) -> None:
    stored(tmp_path)
    folders = saved(tmp_path / "model", params, model)
    results = run_model(folders, places(tmp_path, model), PLAN)
    assert results[[*SEGMENT, *EVENT]].to_numpy().sum(0).all(), "each kind of count occurs"
    for fold, folder in folders.items():
        wanted, net = file.load(folder)
        clips = load_features(tmp_path / "features", CLASSES, fold).only(fold)
        frames, pooled = frame_scores(net, clips.inputs, 3)
        events = read_table(tmp_path / "events.parquet", EVENTS)
        measured = measure(
            dict(zip(clips.ids, frames, strict=True)),
            events[events["clip_id"].isin(clips.ids)],
            dict.fromkeys(clips.ids, CLIP_S),
            CLASSES,
            dict.fromkeys(clips.ids, wanted.decision),
            clip_scores=dict(zip(clips.ids, pooled.clip(0, 1), strict=True)),
            hop_s=wanted.sound.hop_s,
            window_s=0.046,
        )
        clean = results[(results["condition"] == "clean") & results["clip_id"].isin(clips.ids)]
        by_clip = clean.set_index(["clip_id", "label"]).loc[
            [(clip, label) for clip in measured.clip_ids for label in CLASSES]
        ]
        for columns, counts in (
            (SEGMENT, measured.segment_counts), (EVENT, measured.event_counts),
        ):  # fmt: skip
            for name, values in zip(columns, counts, strict=True):
                assert (by_clip[name].to_numpy() == values.ravel()).all(), name


@pytest.mark.slow
@pytest.mark.parametrize("model", ["snn-cnn", "snn-tcn"])
def test_pieces_in_processes_give_what_one_process_gives(
    model: str, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path)
    folders, clips = saved(tmp_path / "model", params, model), places(tmp_path, model)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        monkeypatch.setattr(evaluate, "cores", lambda: 1)
        alone = run_model(folders, clips, PLAN)
        monkeypatch.setattr(evaluate, "cores", lambda: 2)
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        together = run_model(folders, clips, PLAN)
    finally:
        torch.set_num_threads(threads)
    pd.testing.assert_frame_equal(alone, together)


def test_a_model_of_another_fold_or_classes_or_without_a_decision_rule_is_an_error(
    params: Params, tmp_path: Path
) -> None:
    stored(tmp_path)
    folders = saved(tmp_path / "model", params, "snn-cnn")
    clips = places(tmp_path, "snn-cnn")
    with pytest.raises(SpikesoundError, match="expected held-out fold '1', got '2'"):
        run_model({"1": folders["2"]}, clips, PLAN)
    others = evaluate.Clips(clips.features, clips.disturbed, None, CLASSES[::-1])
    with pytest.raises(SpikesoundError, match="other classes"):
        run_model(folders, others, PLAN)
    folder = saved(tmp_path / "detector", params, "snn-tcn")["1"]
    wanted, net = file.load(folder)
    file.save(folder / file.WEIGHTS, wanted.model_copy(update={"decision": None}), net)
    with pytest.raises(SpikesoundError, match="without a decision rule"):
        run_model({"1": folder}, places(tmp_path, "snn-tcn"), PLAN)


def test_an_interval_is_of_recordings_and_not_of_clips() -> None:
    # Four recordings of 25 clips that are all right or all wrong: clips tell nothing of their own.
    clips = [f"c{i:03d}" for i in range(100)]
    hits = [i // 25 < 2 for i in range(100)]
    results = pd.DataFrame(
        {"clip_id": clips, "condition": "clean", "level": 0.0, "predicted": "", "hit": hits}
    )
    widths = []
    for size in (25, 1):
        recordings = {clip: str(i // size) for i, clip in enumerate(clips)}
        [row] = summary(
            "m", results, recordings, SCORING["classification"],
            generator=np.random.default_rng(0), resamples=2000, confidence=0.95,
        ).itertuples()  # fmt: skip
        assert row.accuracy == 0.5
        widths.append(row.accuracy_high - row.accuracy_low)
    assert widths == pytest.approx([1.0, 0.2], abs=0.03)
