"""One model on one fold, from clips to a folder of weights, history and live log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from dvclive import Live

import spikesound
from spikesound.data.store import digest
from spikesound.networks import model_file
from spikesound.params import TrainParams
from spikesound.progress import track
from spikesound.seeds import derive
from spikesound.training.data import Clips
from spikesound.training.loop import Epoch, Trained
from spikesound.training.split import split_validation


def train_model(
    method: Callable[..., Trained],
    spec: model_file.Spec,
    clips: Clips,
    params: TrainParams,
    *,
    out: Path,
    checkpoints: Path,
) -> Trained:
    """Train the model of a spec on all folds but its own, and write it to a folder.

    The folder gets the weights and the spec (:mod:`spikesound.networks.model_file`),
    ``history.csv`` with a row per epoch, and the log of DVCLive.

    Parameters
    ----------
    clips : of all folds; those of ``spec.fold`` are left out here
    checkpoints : folder that outlives a kill; the run's file is deleted when it is done
    """
    known = clips.without(spec.fold)
    train_rows, validation_rows = split_validation(known, params.validation_share, spec.seed)
    torch.manual_seed(derive(spec.seed, "weights", spec.model, spec.fold))
    network = model_file.build(spec)
    resume = checkpoints / f"{_fingerprint(spec, known, params)}.pt"

    epochs = track(range(params.epochs), total=params.epochs, what=_title(spec), unit="epoch")
    with Live(str(out / "live"), dvcyaml=None, save_dvc_exp=False, report=None) as live:

        def report(epoch: Epoch) -> None:
            for name in ("train_loss", "validation_loss", "validation_accuracy"):
                live.log_metric(name, epoch[name])
            live.next_step()
            next(epochs, None)

        trained = method(
            network,
            known.select(train_rows),
            known.select(validation_rows),
            params,
            seed=derive(spec.seed, spec.model, spec.fold),
            resume=resume,
            report=report,
        )
    model_file.save(out, spec, trained.network)
    history = pd.DataFrame(trained.history).astype({"epoch": int})
    history.to_csv(out / "history.csv", index=False)
    resume.unlink(missing_ok=True)
    return trained


def _title(spec: model_file.Spec) -> str:
    return f"{spec.model}, fold {spec.fold}"


def _fingerprint(spec: model_file.Spec, clips: Clips, params: TrainParams) -> str:
    """Name the run by all that it depends on, so that no checkpoint of another is taken up."""
    code = [
        path.read_text(encoding="utf-8")
        for package in ("kernels", "networks", "neurons", "training")
        for path in sorted((Path(spikesound.__file__).parent / package).glob("*.py"))
    ]
    return digest(
        spec.model_dump_json(),
        params.model_dump_json(),
        " ".join(clips.ids),
        hashlib.sha256(clips.inputs.tobytes()).hexdigest(),
        hashlib.sha256(clips.targets.tobytes()).hexdigest(),
        torch.__version__,
        *code,
    )
