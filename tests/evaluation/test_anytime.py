"""The anytime curve: its points by another way, its end, its interval; decisions that stay."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn
from toy_clips import CLASSES, kinds, settled, spec, toy

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.evaluation import anytime as anytime_file
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.anytime import Anytime, anytime, seconds_points
from spikesound.evaluation.anytime_table import COLUMNS, join, write
from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.classification import run_folds
from spikesound.evaluation.decision_time import stable_figures, stable_from
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.predictions import to_matrix
from spikesound.inference.recurrent_stream import RecurrentStream, recurrent_layer
from spikesound.models import file
from spikesound.models.build import build
from spikesound.params import Params
from spikesound.tasks.classification.metrics import metrics, weighted_metrics
from spikesound.tasks.classification.scores import ScoreMatrix
from spikesound.tasks.task import batched

FRAME_RATE_HZ = 10.0
"""So that the toys' 12 frames last 1.2 s."""

READOUTS = ("rate", "spike_count", "first_spike", "membrane_maximum", "membrane_sum")


def made(params: Params, tmp_path: Path, model: str) -> Folds:
    """Return the networks of two folds, with toy clips to test them on."""
    torch.manual_seed(1)
    clips = toy(24, spikes=model.startswith("snn"))
    folders = {}
    for fold in ("1", "3"):
        wanted = kinds(params)[model].model_copy(update={"fold": fold})
        x = batched(clips.batch(np.arange(24)), frames=False)
        network = settled(build(wanted), x)
        folders[fold] = tmp_path / fold
        file.save(folders[fold] / file.WEIGHTS, wanted, network)
        epochs = pd.DataFrame({"epoch": [1], "validation_loss": [1.0], "seconds": [1.0]})
        epochs.to_csv(folders[fold] / "history.csv", index=False)
        write_json(folders[fold] / "result.json", {"best_epoch": 1})
    return Folds(model, folders, lambda fold: clips, CLASSES)


def found(params: Params, folds: Folds, resamples: int = 100) -> Anytime:
    settings = params.evaluate.model_copy(update={"batch_clips": 4, "resamples": resamples})
    return anytime(folds, frame_rate_hz=FRAME_RATE_HZ, params=settings, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ann-cnn", "snn-cnn-surrogate", "ann-lstm"])
def test_both_axes_end_at_the_accuracy_of_the_stored_predictions(
    params: Params, tmp_path: Path, model: str
) -> None:
    folds = made(params, tmp_path, model)
    result = found(params, folds)
    stored = metrics(to_matrix(run_folds(folds, 4).predictions, CLASSES))["accuracy"]
    for axis, at in (("steps", 3.0 if model.startswith("snn") else 1.0), ("seconds", 1.1)):
        last = result.curve[result.curve["axis"] == axis].iloc[-1]
        assert last["accuracy"] == round(stored, 4)
        assert last["at"] == at
        assert last["accuracy_low"] <= last["accuracy"] <= last["accuracy_high"]
    assert list(result.curve["at"])[-4:] == [0.25, 0.5, 1.0, 1.1]
    assert set(result.curve["model"]) == {model}
    assert {"stable_steps_median", "stable_s_median", "stable_s_p95"} <= set(result.stable)


@pytest.mark.slow
@pytest.mark.parametrize("readout", READOUTS)
def test_after_some_steps_the_scores_are_those_of_a_network_that_has_no_more(
    params: Params, readout: str
) -> None:
    torch.manual_seed(2)
    whole = spec(params, spiking=True).model_copy(update={"steps": 6, "readout": readout})
    x = torch.rand(6, 5, 12, 16).round()
    network = settled(build(whole), x)
    with torch.inference_mode():
        scores, _ = anytime_file._both_axes(network, x, [12])
        assert torch.equal(scores[-1], network(x))
        assert scores.std() > 0
        for steps in range(1, 7):
            shorter = build(whole.model_copy(update={"steps": steps}))
            shorter.load_state_dict(network.state_dict())
            shorter.eval()
            assert torch.allclose(scores[steps - 1], shorter(x[:steps]), atol=1e-5)


@pytest.mark.parametrize("model", ["ann-cnn", "snn-cnn-surrogate", "ann-lstm"])
def test_after_some_seconds_the_scores_are_those_of_the_cut_clip(
    params: Params, model: str
) -> None:
    torch.manual_seed(3)
    wanted = kinds(params)[model]
    x = torch.rand(wanted.steps, 5, 12, 16).round()
    network = settled(build(wanted), x)
    with torch.inference_mode():
        _, scores = anytime_file._both_axes(network, x, [1, 5, 12])
        for frames, heard in zip([1, 5, 12], scores, strict=True):
            assert torch.allclose(heard, network(x[:, :, :frames]), atol=1e-5)
    assert not torch.allclose(scores[0], scores[1], atol=1e-3)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_frame_by_frame_a_recurrent_network_gives_the_scores_of_the_whole_pass(
    params: Params, layer: type[nn.RNNBase]
) -> None:
    torch.manual_seed(4)
    x = torch.rand(1, 3, 12, 16)
    network = build(kinds(params)["ann-lstm"])
    network.lstm = layer(16, 8)  # type: ignore[assignment]
    settled(network, x)
    stream = RecurrentStream(network)
    with torch.inference_mode():
        _, scores = anytime_file._both_axes(network, x, list(range(1, 13)))
        for frame, expected in zip(x[0].unbind(1), scores, strict=True):
            assert torch.allclose(stream.step(frame), expected, atol=1e-5)
        assert torch.allclose(scores[-1], network(x), atol=1e-6)


def test_a_network_that_hears_both_ways_does_not_stream(params: Params) -> None:
    both = {"hidden": 8, "layers": 1, "bidirectional": True, "dropout": 0.2}
    wanted = kinds(params)["ann-lstm"].model_copy(update={"network_params": both})
    network = build(wanted).eval()
    assert recurrent_layer(network) is None
    with pytest.raises(ValueError, match="unidirectional"):
        RecurrentStream(network)
    x = torch.rand(1, 2, 12, 16)
    with torch.inference_mode():
        _, scores = anytime_file._both_axes(network, x, [6, 12])
        assert torch.equal(scores[0], network(x[:, :, :6])), "it gets the cut clip afresh"


def test_points_lie_within_the_clip_and_the_last_one_has_all_of_it() -> None:
    # 5 s at 22,050 Hz with a hop of 1,024 samples: 108 frames, of which 6 are centred before 0.25 s
    points = seconds_points(108, 22050 / 1024)
    assert [at for at, _ in points] == [0.25, 0.5, 1, 1.5, 2, 3, 4, 5]
    assert [frames for _, frames in points] == [6, 11, 22, 33, 44, 65, 87, 108]
    assert seconds_points(5, 10.0) == [(0.25, 3), (0.5, 5)]
    assert seconds_points(8, 10.0) == [(0.25, 3), (0.5, 5), (0.7, 8)]
    assert seconds_points(1, 10.0) == [(0.0, 1)]
    assert seconds_points(12, 10.0, least=4) == [(0.5, 5), (1.0, 10), (1.1, 12)]


@pytest.mark.slow
def test_curves_are_written_and_joined(params: Params, tmp_path: Path) -> None:
    folds = made(params, tmp_path, "ann-cnn")
    result = found(params, folds)
    write(result.curve, tmp_path / "new" / "a.csv")
    write(result.curve.assign(model="b"), tmp_path / "new" / "b.csv")
    joined = join([tmp_path / "new" / "b.csv", tmp_path / "new" / "a.csv"])
    assert list(joined["model"].unique()) == ["b", "ann-cnn"]
    assert list(joined.columns) == list(COLUMNS)
    assert np.allclose(joined["accuracy"][: len(result.curve)], result.curve["accuracy"])
    assert (tmp_path / "new" / "a.csv").read_text().splitlines()[1].startswith("ann-cnn,steps,1,")
    with pytest.raises(SpikesoundError, match=r"c\.csv: no such file"):
        join([tmp_path / "new" / "c.csv"])
    (tmp_path / "d.csv").write_text("model,at\n")
    with pytest.raises(SpikesoundError, match=r"d\.csv: columns are not model, axis, at"):
        join([tmp_path / "d.csv"])


def test_a_model_of_another_fold_is_an_error(params: Params, tmp_path: Path) -> None:
    wanted = kinds(params)["ann-cnn"]
    file.save(tmp_path / file.WEIGHTS, wanted, build(wanted))
    folds = Folds("ann-cnn", {"2": tmp_path}, lambda fold: toy(), CLASSES)
    with pytest.raises(SpikesoundError, match="expected held-out fold '2', got '1'"):
        found(params, folds)


def test_decisions_are_stable_from_where_they_never_change_again() -> None:
    decided = np.array([[0, 1, 2, 1], [1, 1, 2, 0], [1, 1, 0, 1], [1, 1, 2, 0]])
    assert stable_from(decided).tolist() == [1, 0, 3, 3]


@pytest.mark.slow
@given(
    arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(0, 2))
)
def test_stable_points_agree_with_a_search(decided: np.ndarray) -> None:
    for clip, point in enumerate(stable_from(decided)):
        column = decided[:, clip]
        first = next(i for i in range(len(column)) if (column[i:] == column[-1]).all())
        assert point == first


def test_the_figures_are_times_of_the_points() -> None:
    decided = np.array([[1] * 9 + [0], [1] * 10, [1] * 10])
    right = np.array([True] * 9 + [False])
    figures = stable_figures("s", [0.5, 1.0, 2.0], decided, right)
    assert figures["stable_s_median"] == 0.5
    assert figures["stable_s_p95"] == 1.0
    assert figures["stable_s_p95_right"] == 0.5
    assert "stable_s_median_right" not in stable_figures("s", [1.0], decided[:1], ~right & right)


def hits_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, count)) < np.array([[0.2], [0.5], [0.9]])


def test_with_a_recording_a_clip_the_interval_is_that_of_the_bootstrap_over_clips() -> None:
    hits = hits_of(60)
    ids = tuple(f"{i:03}" for i in range(60))
    low, high = hit_intervals(
        hits, ids, generator=np.random.default_rng(7), resamples=300, confidence=0.9
    )
    for row, right in enumerate(hits):
        scores = np.stack([right, ~right], axis=1).astype(np.float64)
        targets = np.tile([True, False], (60, 1))
        values = resampled(
            partial(weighted_metrics, ScoreMatrix(ids, ("a", "b"), scores, targets)),
            np.arange(60),
            generator=np.random.default_rng(7),
            resamples=300,
        )
        expected = with_intervals(values, 0.9)
        assert low[row] == pytest.approx(expected["accuracy_low"])
        assert high[row] == pytest.approx(expected["accuracy_high"])


def test_copies_of_a_clip_do_not_narrow_the_interval() -> None:
    hits, recordings = hits_of(40), [f"{i:03}" for i in range(40)]
    both = [
        hit_intervals(many, of, generator=np.random.default_rng(7), resamples=200, confidence=0.95)
        for many, of in ((hits, recordings), (np.repeat(hits, 5, axis=1), np.repeat(recordings, 5)))
    ]
    assert np.allclose(both[0], both[1])
    assert (both[0][1] - both[0][0] > 0.1).all()


def test_hits_that_do_not_fit_the_recordings_are_an_error() -> None:
    with pytest.raises(SpikesoundError, match=r"hits: expected shape \(point, 4\), got \(3, 5\)"):
        hit_intervals(
            hits_of(5),
            list("abcd"),
            generator=np.random.default_rng(1),
            resamples=9,
            confidence=0.9,
        )
