"""One model on one fold, from clips to a folder of weights, history and live log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from dvclive import Live

import spikesound
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.core.seeds import derive
from spikesound.data.store import digest
from spikesound.models import classifier_spec
from spikesound.params import Params, Section, TrainParams
from spikesound.training.data import Clips
from spikesound.training.split import split_validation
from spikesound.training.task import Epoch, Task, Trained


def train_model(
    method: Callable[[Task], Trained],
    spec: classifier_spec.Spec,
    clips: Clips,
    params: TrainParams,
    *,
    section: Section | None = None,
    step_values: Sequence[float] = (1.0,),
    out: Path,
    checkpoints: Path,
) -> Trained:
    """Train the model of a spec on all folds but its own, and write it to a folder.

    The folder gets the weights and the spec (:mod:`spikesound.models.classifier_spec`),
    ``history.csv`` with a row per epoch, ``result.json`` (`Trained.result`) and DVCLive's log.

    Parameters
    ----------
    clips : of all folds; those of ``spec.fold`` are left out here
    section : the method's parameters
    step_values : what an input spike of each step is worth
    checkpoints : folder that outlives a kill; the run's file is deleted when it is done
    """
    known = clips.without(spec.fold)
    train_rows, validation_rows = split_validation(known, params.validation_share, spec.seed)
    torch.manual_seed(derive(spec.seed, "weights", spec.model, spec.fold))
    resume = checkpoints / f"{_fingerprint(spec, known, params, section, step_values)}.pt"

    epochs = track(range(params.epochs), total=params.epochs, what=_title(spec), unit="epoch")
    with Live(str(out / "live"), dvcyaml=None, save_dvc_exp=False, report=None) as live:

        def report(epoch: Epoch) -> None:
            for name in ("train_loss", "validation_loss", "validation_accuracy"):
                live.log_metric(name, epoch[name])
            live.next_step()
            next(epochs, None)

        trained = method(
            Task(
                spec,
                known.select(train_rows),
                known.select(validation_rows),
                params,
                section,
                tuple(step_values),
                derive(spec.seed, spec.model, spec.fold),
                resume,
                report,
            )
        )
    classifier_spec.save(out, trained.spec, trained.network)
    history = pd.DataFrame(trained.history).astype({"epoch": int})
    history.to_csv(out / "history.csv", index=False)
    write_json(out / "result.json", trained.result)
    resume.unlink(missing_ok=True)
    return trained


def _title(spec: classifier_spec.Spec) -> str:
    return f"{spec.model}, fold {spec.fold}"


def _fingerprint(
    spec: classifier_spec.Spec,
    clips: Clips,
    params: TrainParams,
    section: Section | None,
    step_values: Sequence[float],
) -> str:
    """Name the run by all that it depends on, so that no checkpoint of another is taken up."""
    return digest(
        spec.model_dump_json(),
        params.model_dump_json(),
        section.model_dump_json() if section else "",
        repr(tuple(step_values)),
        " ".join(clips.ids),
        hashlib.sha256(clips.inputs.tobytes()).hexdigest(),
        hashlib.sha256(clips.targets.tobytes()).hexdigest(),
        torch.__version__,
        code_digest(),
    )


def code_digest() -> str:
    """Name the code that training runs."""
    package = Path(spikesound.__file__).parent
    parts = ("snn", "models/networks", "training")
    files = [path for part in parts for path in sorted((package / part).rglob("*.py"))]
    return digest(*(path.read_text(encoding="utf-8") for path in files))


def snn_spec(
    params: Params,
    network: str,
    method: str,
    fold: str,
    classes: list[str],
    bins: int,
    encoding: dict[str, Any],
) -> classifier_spec.Spec:
    """Return the spec of a spiking network by params.yaml.

    Parameters
    ----------
    classes : label ids
    bins, encoding : of the spikes, and what their ``spec.json`` says
    """
    neuron = params.train_snn.neuron
    return classifier_spec.Spec(
        model=f"snn-{network}-{method}",
        network=network,
        network_params=getattr(params.networks, network).model_dump(),
        neuron=neuron,
        neuron_params=getattr(params.neurons, neuron).model_dump(),
        classes=classes,
        bins=bins,
        steps=encoding["steps"],
        encoding=encoding["encoding"],
        fold=fold,
        seed=params.seed,
    )
