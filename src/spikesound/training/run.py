"""One model on one fold, from shards to a folder with its file, history and result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from dvclive import Live

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.core.seeds import derive
from spikesound.features.front_end import FrontEnd, read_front_end
from spikesound.models import file
from spikesound.models.calibration import Calibrated, EventCalibration
from spikesound.models.spec import Decision, Spec, spec_of
from spikesound.params import (
    ENCODING_PARAMS,
    ClassificationParams,
    DetectionParams,
)
from spikesound.tasks import task_of
from spikesound.tasks.classification.distillation import taught_task
from spikesound.tasks.detection.event_calibration import calibrate_events
from spikesound.tasks.detection.lookahead import lookahead_frames
from spikesound.tasks.detection.metrics.truth import true_events
from spikesound.tasks.detection.tuning import choose_decision
from spikesound.training import trainings
from spikesound.training.calibrate import calibrate
from spikesound.training.dataset import Dataset, with_events
from spikesound.training.fabric import TrainingFabric, agreed
from spikesound.training.inputs import read_clips
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.negatives import with_negatives
from spikesound.training.request import FoldRequest
from spikesound.training.scores import frame_scores
from spikesound.training.split import training_parts
from spikesound.training.stream.clips import stream_parts, with_times
from spikesound.training.stream.methods import STREAM_METHODS
from spikesound.training.teacher import Teacher, read_teacher
from spikesound.training.waveform.waves import Waves, waves_of


def train_fold(request: FoldRequest, report: Callable[[], None]) -> dict[str, float]:
    """Train a model on all folds but one, and write it to a folder; return its result.

    A training that is in the store is not done again, and one that was killed goes on. The folder
    gets the model's file (:mod:`spikesound.models.file`), ``history.csv`` with a row per epoch,
    ``result.json``, DVCLive's log and, of a detector, ``decision.csv`` with the thresholds tuned
    on the validation clips. The file holds the calibration on these. Of several ranks the first
    alone reads and writes the store and the folder; the others return nothing.

    Parameters
    ----------
    report : called after each epoch

    Raises
    ------
    SpikesoundError
        If ranks see other data, parameters or code than the first.
    """
    job, front_end = prepare(request)
    finished = request.store / agreed(trainings.fingerprint(job, request.model.method), job.fabric)
    first = job.fabric.is_global_zero
    trained = trainings.load(finished) if first else None
    if job.fabric.broadcast(trained is None):
        trained = _trained(request, job, finished, report)
    if not first:
        return {}
    assert trained is not None
    request.out.mkdir(parents=True, exist_ok=True)
    spec = trained.spec.model_copy(
        update={"names": list(request.names.values()), "front_end": front_end}
    )
    calibration: Calibrated | EventCalibration | None
    if isinstance(request.params, DetectionParams):
        decision, table, calibration = _tuned(trained, job, request, front_end)
        spec = spec.model_copy(update={"decision": decision})
        table.to_csv(request.out / "decision.csv", index=False)
    elif job.recipe.clips == "known":  # no clip is left that the network has not learnt
        calibration = None
    else:
        calibration = calibrate(
            trained.network, spec, job.training, job.validation, job.recipe.batch_clips
        )
    file.save(request.out / file.WEIGHTS, spec, trained.network, calibration=calibration)
    trainings.copy_history(finished, request.out)
    _log(trained.history, request.out / "live")
    result = trained.result | {
        "seconds_per_epoch": float(np.median([epoch["seconds"] for epoch in trained.history])),
        "parameters": sum(weight.numel() for weight in trained.network.parameters()),
    }
    write_json(request.out / "result.json", result)
    return result


def _trained(request: FoldRequest, job: Job, finished: Path, report: Callable[[], None]) -> Trained:
    """Train, and take the result into the store."""
    torch.manual_seed(weight_seed(job))
    resume = finished.with_suffix(".pt")
    job = replace(job, resume=resume, report=lambda epoch: report())
    methods = STREAM_METHODS if streams(request) else METHODS
    trained = methods[request.model.method](job)
    if not job.fabric.is_global_zero:
        return trained
    if isinstance(fabric := job.fabric, TrainingFabric) and fabric.left_out:
        print(
            f"{request.model.name}, fold {request.fold}: the gradients of {fabric.left_out} "
            "batches exploded and were left out"
        )
    trainings.save(finished, trained)
    trainings.discard_checkpoint(resume)
    return trained


def prepare(request: FoldRequest) -> tuple[Job, FrontEnd]:
    """Return the job of a request, without a checkpoint, and the front end of its fold."""
    model, params = request.model, request.params
    clips, encoding = read_clips(
        request.inputs, request.features, list(request.names), request.fold, model.recipe
    )
    front_end = read_front_end(request.features, request.fold)
    if request.events is not None:
        events = schema.read_table(request.events, schema.EVENTS)
        labelled: Any = with_times if streams(request) else with_events
        clips = labelled(clips, events, list(request.names), front_end.hop_s)
    divide: Any = stream_parts if streams(request) else training_parts
    training, validation = divide(clips, request.fold, params, request.seed)
    if model.recipe.clips == "known":
        training = clips.without(request.fold)
    single = isinstance(params, DetectionParams) or params.labels == "single"
    attention = isinstance(params, DetectionParams) and params.pooling == "attention"
    balanced = isinstance(params, ClassificationParams) and params.balanced_sampling
    spec = spec_of(
        model,
        fold=request.fold,
        seed=request.seed,
        names=request.names,
        bins=clips.bins,
        front_end=front_end,
        encoding=None
        if encoding is None
        else (
            encoding["encoding"],
            ENCODING_PARAMS[encoding["encoding"]].model_validate(encoding["params"]),
        ),
        single=single,
        attention=attention,
    )
    fabric, task = TrainingFabric(request.device), task_of(spec, params)
    waved, teacher = model.recipe.augment.waveform is not None, None
    if (how := model.recipe.teacher) is not None:
        task = taught_task(task, how.temperature, how.weight)
        teacher = read_teacher(request.teachers, how.temperature, spec, fabric.device)
        if not waved:
            training = _taught(request, training, teacher)
    job = Job(
        spec,
        task,
        with_negatives(training, model.recipe.negatives, front_end, spec),
        validation,
        model.recipe,
        model.method_params,
        tuple(encoding["step_values"]) if encoding else (1.0,),
        training_seed(spec),
        resume=request.store / "unnamed.pt",
        base=None if request.base is None else file.load(request.base)[1],
        fabric=fabric,
        balanced=balanced,
        waves=_waves(request, training, front_end, teacher) if waved else None,
    )
    return job, front_end


def _taught(request: FoldRequest, clips: Dataset, teacher: Teacher) -> Dataset:
    """Return the training clips with a teacher's probabilities of each."""
    if request.audio is None:
        raise SpikesoundError(
            f"{request.model.name}: teacher: the clips' sound is needed, and none is given"
        )
    taught = teacher.of_clips(request.audio, clips.ids, request.model.recipe.batch_clips)
    return replace(clips, taught=taught)


def _waves(
    request: FoldRequest, clips: Dataset, front_end: FrontEnd, teacher: Teacher | None
) -> Waves:
    """Return the sound of the training clips, which the recipe augments."""
    where = f"{request.model.name}: augment.waveform"
    if clips.spikes or clips.active is not None or clips.neurons_per_bin > 1:
        raise SpikesoundError(
            f"{where}: features of sound are computed in each batch; expected a classifier of "
            "features or of encoding 'direct'"
        )
    if request.audio is None:
        raise SpikesoundError(f"{where}: the clips' sound is needed, and none is given")
    return waves_of(clips, request.audio, front_end, teacher)


def streams(request: FoldRequest) -> bool:
    """Return whether clips stay on disk (:mod:`spikesound.training.stream`)."""
    return request.model.recipe.dataset == "stream"


def training_seed(spec: Spec) -> int:
    """Return the seed of a training's draws: those of an epoch and a clip derive from it.

    Detectors of all folds share it: their draws depend on the model, the epoch and the clip.
    """
    if spec.task == "detection":
        return derive(spec.seed, spec.model)
    return derive(spec.seed, spec.model, spec.fold)


def weight_seed(job: Job) -> int:
    """Return the seed of a network's first weights."""
    if job.spec.task == "detection":
        return derive(job.seed, "weights")
    return derive(job.spec.seed, "weights", job.spec.model, job.spec.fold)


def _tuned(
    trained: Trained, job: Job, request: FoldRequest, front_end: FrontEnd
) -> tuple[Decision, pd.DataFrame, EventCalibration | None]:
    """Return the decision rule whose thresholds and median filters the validation clips choose.

    Also the table of the choices, and the calibration of the events that are found by it.
    """
    assert isinstance(request.params, DetectionParams)
    assert request.events is not None
    clips = job.validation
    seconds = front_end.features.clip_s
    assert seconds is not None
    lengths = dict.fromkeys(clips.ids, seconds)
    events = schema.read_table(request.events, schema.EVENTS)
    known = events[events["clip_id"].isin(lengths)]
    lookahead = lookahead_frames(request.params.lookahead_s, front_end.hop_s)
    framewise, _ = frame_scores(trained.network, clips.inputs, job.recipe.batch_clips, lookahead)
    labels, scores = trained.spec.classes, dict(zip(clips.ids, framewise, strict=True))
    truth = true_events(known, lengths, labels)
    decision, table = choose_decision(
        scores,
        truth,
        lengths,
        labels,
        hop_s=front_end.hop_s,
        medians_s=request.params.decision.medians_s,
        thresholds=request.params.decision.thresholds,
    )
    decision = decision.model_copy(update={"lookahead": lookahead})
    calibration = calibrate_events(scores, truth, lengths, labels, decision, hop_s=front_end.hop_s)
    return decision, table, calibration


def _log(history: list[Epoch], folder: Path) -> None:
    with Live(str(folder), dvcyaml=None, save_dvc_exp=False, report=None) as live:
        for epoch in history:
            for name, value in epoch.items():
                if name not in ("epoch", "seconds"):
                    live.log_metric(name, value)
            live.next_step()
