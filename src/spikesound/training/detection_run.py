"""One detector, from scenes to a file with its thresholds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.data.store import digest
from spikesound.features.front_end import FrontEnd
from spikesound.models import detector_file
from spikesound.models.detector_spec import DetectorSpec
from spikesound.params import LabelKind, Params
from spikesound.tasks.detection.metrics.truth import true_events
from spikesound.tasks.detection.tuning import choose_decision
from spikesound.training.detection import DetectionTask, Epoch, scores, train_detector
from spikesound.training.detection_data import Scenes
from spikesound.training.run import code_digest


def detector_spec(
    params: Params, model: str, labels: LabelKind, names: dict[str, str], front_end: FrontEnd
) -> DetectorSpec:
    """Return the spec of a detector by params.yaml.

    Parameters
    ----------
    model : such as ``snn-tcn``
    labels : what it is trained on
    names : of the classes, by label id
    """
    kind, network = model.split("-")
    spiking = kind == "snn"
    return DetectorSpec(
        model=f"{model}-{labels}",
        network=network,
        network_params=params.detection.network,
        neuron="lif" if spiking else None,
        neuron_params=params.detection.lif.model_dump() if spiking else None,
        recurrent=params.neurons.alif.model_dump() if network == "alif" else None,
        attention=params.detection.train_of(model).pooling == "attention",
        classes=list(names),
        names=list(names.values()),
        labels=labels,
        front_end=front_end,
        test_fold=params.detection.test_fold,
        seed=params.seed,
    )


def run_training(
    spec: DetectorSpec,
    training: Scenes,
    validation: Scenes,
    events: pd.DataFrame,
    params: Params,
    *,
    seconds: float,
    out: Path,
    finished: Path,
) -> dict[str, float]:
    """Train a detector, choose its thresholds and median filters on the validation clips, save it.

    The folder gets the model file, ``history.csv`` with a row per epoch, ``decision.csv`` with
    what was chosen for each class, and ``result.json``.

    Parameters
    ----------
    events : strong labels; those of the validation clips choose the thresholds, also where the
        network is trained on weak labels
    seconds : length of a clip
    finished : folder of trainings, half done ones too, by all that they depend on: a killed one
        goes on, and one that is there is not done again because something behind it changed

    Returns
    -------
    What ``result.json`` says.
    """
    section, train = params.detection, params.detection.train_of(spec.model)
    lengths = dict.fromkeys(validation.ids, seconds)
    known = events[events["clip_id"].isin(lengths)]
    truth = true_events(known, lengths, spec.classes)  # a wrong label stops here, not after hours
    kept_at = finished / f"{_fingerprint(spec, training, validation, params)}.pt"
    epochs = track(range(train.epochs), total=train.epochs, what=spec.model, unit="epoch")

    def report(epoch: Epoch) -> None:
        next(epochs, None)

    trained = train_detector(DetectionTask(spec, training, validation, train, kept_at, report))
    framewise, _ = scores(trained.network, validation.inputs, train.batch_clips)
    decision, chosen = choose_decision(
        dict(zip(validation.ids, framewise, strict=True)),
        truth,
        lengths,
        spec.classes,
        hop_s=spec.front_end.hop_s,
        medians_s=section.decision.medians_s,
        thresholds=section.decision.thresholds,
    )
    spec = spec.model_copy(update={"decision": decision})
    detector_file.save(out / "model.safetensors", spec, trained.network)
    chosen.to_csv(out / "decision.csv", index=False)
    history = pd.DataFrame(trained.history).astype({"epoch": int})
    history.to_csv(out / "history.csv", index=False)
    kept = trained.history[trained.best_epoch - 1]
    result = {
        "best_epoch": trained.best_epoch,
        "validation_loss": kept["validation_loss"],
        "spike_rate": kept["spike_rate"],
        "seconds_per_epoch": float(np.median([epoch["seconds"] for epoch in trained.history])),
        "parameters": sum(weight.numel() for weight in trained.network.parameters()),
    }
    write_json(out / "result.json", result)
    return result


def _fingerprint(spec: DetectorSpec, training: Scenes, validation: Scenes, params: Params) -> str:
    """Name the run by all that it depends on, so that no checkpoint of another is taken up."""
    content = hashlib.sha256()
    for scenes in (training, validation):
        for array in (scenes.inputs, scenes.active, scenes.present):
            content.update(np.ascontiguousarray(array).tobytes())
        content.update(" ".join(scenes.ids).encode())
    return digest(
        spec.model_dump_json(),
        params.detection.train_of(spec.model).model_dump_json(),
        content.hexdigest(),
        code_digest(),
    )
