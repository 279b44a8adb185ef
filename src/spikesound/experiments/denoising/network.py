"""A network trained to denoise: one fold's training, its maps, and its power."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.power import Sound, count_sounds, power_figures, power_table, silence
from spikesound.evaluation.figures import parameter_count, spike_rates
from spikesound.experiments.denoising.objective import Denoising
from spikesound.features.front_end import FrontEnd
from spikesound.models.spec import Spec, spec_of
from spikesound.params import CostParams, Model, Params
from spikesound.tasks.task import batched
from spikesound.training import trainings
from spikesound.training.dataset import Dataset
from spikesound.training.fabric import TrainingFabric
from spikesound.training.job import Job, Trained
from spikesound.training.methods import METHODS
from spikesound.training.run import training_seed, weight_seed

COUNTED_CLIPS = 100

Floats = npt.NDArray[np.float32]


def train(
    model: Model,
    params: Params,
    parts: tuple[Dataset, Dataset],
    front_end: FrontEnd,
    *,
    fold: str,
    seed: int,
    store: Path,
) -> Trained:
    """Return a network whose map has a value for each bin, trained on clips in noise.

    A finished training is found in the store, and one that was killed goes on.

    Parameters
    ----------
    model : a detector of the table: its network, neuron, method and recipe
    parts : clips to train on and to validate on (:meth:`.clips.Noisy.dataset`)
    fold : held out for testing
    store : of finished trainings
    """
    training, validation = parts
    names = {f"bin {number}": f"bin {number}" for number in range(training.bins)}
    spec = spec_of(
        model, fold=fold, seed=seed, names=names, bins=training.bins, front_end=front_end,
        encoding=None,
    )  # fmt: skip
    job = Job(
        spec, Denoising(), training, validation, model.recipe, model.method_params, (1.0,),
        training_seed(spec), resume=store / "unnamed.pt", fabric=TrainingFabric(params.device),
    )  # fmt: skip
    finished = store / trainings.fingerprint(job, model.method)
    trained = trainings.load(finished)
    if trained is None:
        torch.manual_seed(weight_seed(job))
        resume = finished.with_suffix(".pt")
        trained = METHODS[model.method](replace(job, resume=resume))
        trainings.save(finished, trained)
        trainings.discard_checkpoint(resume)
    return trained


def denoised(network: nn.Module, clips: Dataset, batch_clips: int) -> Iterator[list[Floats]]:
    """Yield batches of clips' levels (clip, frame, bin) in [0, 1], after each scale of the network.

    Raises
    ------
    SpikesoundError
        If it is a network without scales.
    """
    if not hasattr(network, "maps"):
        raise SpikesoundError(
            f"{type(network).__name__}: expected a network with maps, such as encoder_decoder"
        )
    scaled: Any = network.eval()
    for start in range(0, len(clips), batch_clips):
        rows = np.arange(start, min(start + batch_clips, len(clips)))
        x = batched(clips.batch(rows), frames=True)
        with torch.inference_mode():
            yield [(x + each).clamp(0, 1).transpose(0, 1).numpy() for each in scaled.maps(x)]


def costs(spec: Spec, network: nn.Module, clips: Dataset, params: CostParams) -> dict[str, Any]:
    """Return operations a second, power and firing rates of a network on noisy clips."""
    rows = np.linspace(0, len(clips) - 1, min(COUNTED_CLIPS, len(clips))).astype(int)
    sounds = {
        "noisy": Sound(clips.batch(rows)[:, 0]),
        "silence": silence(spec.bins, spec.sound.hop_s),
    }
    counts = count_sounds(network, spec, sounds)
    table = power_table(spec.model, counts, params, spiking=spec.spiking)
    shown = table[table["execution"].isin(["dense", "events"]) & (table["input"] == "noisy")]
    row = shown.iloc[0]
    return {
        "macs_per_s": round(float(row["macs_per_s"])),
        "acs_per_s": round(float(row["acs_per_s"])),
        **power_figures(table, params)[spec.model],
        **spike_rates(counts[0].layers),
        "parameters": parameter_count(network),
    }
