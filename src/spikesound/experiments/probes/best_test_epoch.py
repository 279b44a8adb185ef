"""Probe of a convention that overstates: the best epoch *by the test fold*, of crops of each clip.

Papers on ESC-10 count so (ACDNet); it serves to compare with these, and for nothing else. The row's
own networks take no part: each is trained once more, here, and its weights are thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.processes import Report, in_parallel
from spikesound.evaluation.folds import Folds
from spikesound.experiments.requests import fold_requests
from spikesound.experiments.row import Row
from spikesound.models.build import build
from spikesound.params import BackpropParams, Model, SingleSpikeParams, SurrogateParams
from spikesound.params.experiments import BestTestEpochParams
from spikesound.snn.quantisation.weights import quantise_weights
from spikesound.training import checkpoint
from spikesound.training.dataset import Dataset
from spikesound.training.inputs import read_clips
from spikesound.training.job import Epoch, Job
from spikesound.training.methods import METHODS
from spikesound.training.request import FoldRequest
from spikesound.training.run import prepare, weight_seed
from spikesound.training.scores import clip_scores
from spikesound.training.waveform.waves import Waves, waves_of

COUNTED = "best test epoch: a convention that overstates; only to compare with papers"

Shares = dict[str, float]
"""Accuracy on the test fold of an epoch's network: ``crops`` and ``whole``."""


@dataclass(frozen=True)
class Retraining:
    """One more training of a fold, whose epochs are scored on its test clips.

    Attributes
    ----------
    request : of the row's training
    wanted : crops of a clip, and which epochs are scored
    batch_clips : of scoring
    out : gets the scores of the epochs so far, and the checkpoint
    """

    request: FoldRequest
    wanted: BestTestEpochParams
    batch_clips: int
    out: Path


def best_test_epoch(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return accuracies at the best epoch by each test fold, and at the last, means over folds.

    Returns
    -------
    list
        of one mapping: ``counted``, what this is; ``crops``; ``epochs_scored``;
        ``best_test_epoch_crops`` and ``best_test_epoch_whole``, with crops and with whole clips;
        ``last_epoch_crops`` and ``last_epoch_whole``; ``best_epochs``, by fold, with crops

    Raises
    ------
    SpikesoundError
        If the method changes weights behind its last epoch, or the networks do not read features.

    References
    ----------
    Mohaimenuzzaman, Bergmeir, West & Meyer 2023, "Environmental sound classification on the edge"
    (ACDNet); Tokozume, Ushiku & Harada 2018, "Learning from between-class examples for deep sound
    recognition" (ten crops of a clip padded by half a window).
    """
    wanted = row.probes.best_test_epoch
    assert wanted is not None
    work = [
        Retraining(each, wanted, row.params.evaluate.batch_clips, row.out / _folder(each.fold))
        for each in fold_requests(row, row.model)
    ]
    what = f"best test epoch {row.name}, seed {row.seed}"
    found = in_parallel(scored_epochs, work, what=what, pieces=epochs_of(row.model))
    last = str(epochs_of(row.model))
    best = [max(epochs, key=lambda epoch: epochs[epoch]["crops"]) for epochs in found]
    figures = {
        "best_test_epoch_crops": [
            each[epoch]["crops"] for each, epoch in zip(found, best, strict=True)
        ],
        "best_test_epoch_whole": [max(one["whole"] for one in each.values()) for each in found],
        "last_epoch_crops": [each[last]["crops"] for each in found],
        "last_epoch_whole": [each[last]["whole"] for each in found],
    }
    return [
        {
            "counted": COUNTED,
            "crops": wanted.crops,
            "epochs_scored": len(found[0]),
            **{name: round(float(np.mean(shares)), 4) for name, shares in figures.items()},
            "best_epochs": {
                each.request.fold: int(at) for each, at in zip(work, best, strict=True)
            },
        }
    ]


def scored_epochs(work: Retraining, report: Report) -> dict[str, Shares]:
    """Train once more, and return the accuracies on the test fold, by number of the epoch.

    All epochs are run; of a killed run those that were scored are found again.
    """
    path = work.out / "epochs.json"
    known: dict[str, Shares] = read_mapping(path) if path.is_file() else {}
    job, front_end = prepare(work.request)
    epochs, bits = epochs_of(work.request.model), getattr(job.method, "weight_bits", None)
    if str(epochs) in known:
        return known
    request = work.request
    clips, _ = read_clips(request.inputs, request.features, list(request.names), request.fold, None)
    tested = clips.only(request.fold)
    assert request.audio is not None
    sound = waves_of(tested, request.audio, front_end)
    crops = cropped_inputs(sound, work.wanted.crops)
    network = _network(job)

    def score(epoch: Epoch) -> None:
        number = int(epoch["epoch"])
        if number > epochs - work.wanted.epochs and str(number) not in known:
            state = checkpoint.load(job.resume)
            # Of a resumed training all epochs are reported; the weights are those of the last.
            if state is not None and len(state["history"]) == number:
                network.load_state_dict(state["best"])
                if bits is not None:
                    quantise_weights(network, bits)
                known[str(number)] = accuracies(network, tested, crops, work.batch_clips)
                write_json(path, known)
        report()

    recipe = job.recipe.model_copy(update={"keep": "last"})
    job = replace(job, recipe=recipe, resume=work.out / "training.pt", report=score)
    torch.manual_seed(weight_seed(job))
    METHODS[request.model.method](job)
    job.resume.unlink(missing_ok=True)
    return known


def epochs_of(model: Model) -> int:
    """Return the epochs of a training: the method's own, or the recipe's."""
    return int(getattr(model.method_params, "epochs", model.recipe.epochs))


def accuracies(network: nn.Module, clips: Dataset, crops: torch.Tensor, batch_clips: int) -> Shares:
    """Return the accuracies of a network on clips: of whole ones, and of the means over crops.

    Parameters
    ----------
    crops : inputs (clip, crop, frame, bin)
    """
    whole = clip_scores(network, clips, batch_clips)
    network.eval()
    means = []
    with torch.inference_mode():
        for clip in crops:
            means.append(network(clip.unsqueeze(0)).float().softmax(1).mean(0).numpy())
    return {"crops": _hits(np.stack(means), clips), "whole": _hits(whole, clips)}


def cropped_inputs(sound: Waves, count: int) -> torch.Tensor:
    """Return features of crops (clip, crop, frame, bin).

    A clip gets zeros of half its length on both sides; the crops are windows as long as a clip, at
    equal distances, the first at the start of it and the last at its end.
    """
    samples = torch.from_numpy(sound.samples)
    length = samples.shape[1]
    padded = functional.pad(samples, (length // 2, length - length // 2))
    starts = np.linspace(0, length, count).round().astype(int).tolist()
    crops = [sound.features(padded[:, start : start + length])[:, 0] for start in starts]
    return torch.stack(crops, 1)


def check_best_test_epoch(row: Row) -> None:
    """Check that a row's networks can be scored so, before anything is trained.

    Raises
    ------
    SpikesoundError
        If the method changes weights behind the last epoch, or the networks do not read features.
    """
    method, where = row.model.method_params, f"{row.name}: probes.best_test_epoch"
    quantised = isinstance(method, SurrogateParams) and method.weight_bits is not None
    if type(method) not in (BackpropParams, SurrogateParams, SingleSpikeParams) or quantised:
        raise SpikesoundError(
            f"{where}: methods.{row.model.row.method} changes the network behind the last epoch; "
            "valid: backprop, surrogate with weight_bits null, single_spike"
        )
    spikes = row.model.row.reads == "spikes" and row.params.encodings[row.params.encoding].spikes
    if spikes or row.model.recipe.dataset == "stream" or row.noise is not None:
        raise SpikesoundError(
            f"{where}: crops are of features of clean clips in memory; expected a model of "
            "features or of encoding 'direct'"
        )
    if row.params.tasks.classification.labels != "single":
        raise SpikesoundError(f"{where}: expected labels: single")


def _network(job: Job) -> nn.Module:
    """Return the network whose weights the loop trains; of single spikes, which are exact, that is
    the rounded twin."""
    method, spec = job.method, job.spec
    if isinstance(method, SingleSpikeParams):
        twin = spec.with_neuron("relu", {}, steps=1, encoding=None, encoding_params=None)
        return build(twin.with_neuron("quantised_relu", {"levels": 2**method.bits - 1}))
    readout = getattr(method, "readout", spec.readout)
    return build(spec.model_copy(update={"readout": readout}))


def _hits(scores: npt.NDArray[np.float32], clips: Dataset) -> float:
    hits = clips.present[np.arange(len(clips)), scores.argmax(1)] > 0
    return round(float(hits.mean()), 4)


def _folder(fold: str) -> str:
    return f"best_test_epoch/fold-{fold}"
