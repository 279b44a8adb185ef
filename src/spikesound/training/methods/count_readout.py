"""A linear read-out of spike counts: multinomial logistic regression."""

from __future__ import annotations

import copy
import time

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.networks.wta import WTA
from spikesound.snn.decoding import cross_entropy
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.job import Epoch, Job, Trained
from spikesound.training.loop import validate

PENALTIES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
"""Of the squared weights, from the stiffest to the freest; each is one entry of the history."""

ITERATIONS = 100


def read_counts(network: WTA, job: Job, started: float) -> Trained:
    """Fit the read-out of a learnt layer to the training clips, and keep the best on validation.

    .. math:: L = \\mathrm{CE}(W c' + b, y) + \\frac{\\lambda}{2} \\lVert W \\rVert^2, \\qquad
              c'_j = c_j / \\sqrt{\\bar c_j}

    with :math:`\\bar c` the mean count over clips, so that counts of busy and quiet neurons have
    about the same spread; the factors are then put into the weights. The problem is convex and is
    solved for each penalty :math:`\\lambda` from the last one's solution, by L-BFGS; nothing is
    drawn at random. There is no augmentation: the counts are taken once.

    An epoch of the history is a penalty; its seconds are those of the fit, and an even share of
    those that learning the layer took, since ``started``.

    Raises
    ------
    SpikesoundError
        If no neuron of the layer spikes in any training clip.
    """
    counts = clip_counts(network, job.training, job.recipe.batch_clips)
    if not counts.any():
        raise SpikesoundError(
            f"{job.spec.model}, fold {job.spec.fold}: no neuron spikes; lower threshold in "
            f"neurons.lif, now {network.neuron.least:g}"
        )
    # A neuron that never spikes is given the factor of one that spikes once in all clips.
    least = counts[counts > 0].min() / len(counts)
    factors = counts.mean(0).clamp(min=least).rsqrt()
    linear = nn.Linear(counts.shape[1], job.training.present.shape[1])
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    history: list[Epoch] = []
    learning = (time.perf_counter() - started) / len(PENALTIES)
    best = copy.deepcopy(network.state_dict())
    for number, penalty in enumerate(PENALTIES, start=1):
        began = time.perf_counter()
        train_loss = _fit(linear, counts * factors, job.training.present, penalty)
        seconds = learning + time.perf_counter() - began
        with torch.no_grad():
            network.readout.weight.copy_(linear.weight * factors)
            network.readout.bias.copy_(linear.bias)
        figures = validate(network, job)
        history.append(
            {
                "epoch": number,
                "train_loss": train_loss,
                **figures,
                "seconds": seconds,
            }
        )
        job.report(history[-1])
        if figures["validation_loss"] == min(epoch["validation_loss"] for epoch in history):
            best, kept = copy.deepcopy(network.state_dict()), history[-1]
    network.load_state_dict(best)
    result = {
        "best_epoch": int(kept["epoch"]),
        **{name: kept[name] for name in ("validation_loss", *job.task.figures)},
        "penalty": PENALTIES[int(kept["epoch"]) - 1],
    }
    return Trained(job.spec, network, history, result)


def clip_counts(network: WTA, clips: Dataset, batch_clips: int) -> torch.Tensor:
    """Return each clip's spike counts, per frame and step (clip, neuron)."""
    network.eval()
    with torch.no_grad():
        return torch.cat(
            [
                network.counts(batched(clips.batch(np.arange(start, stop)), frames=False))
                for start in range(0, len(clips), batch_clips)
                for stop in [min(start + batch_clips, len(clips))]
            ]
        )


def _fit(linear: nn.Linear, counts: torch.Tensor, targets: np.ndarray, penalty: float) -> float:
    wanted = torch.from_numpy(targets)
    solver = torch.optim.LBFGS(
        linear.parameters(), max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = cross_entropy(linear(counts), wanted)
        value = value + penalty / 2 * linear.weight.pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return cross_entropy(linear(counts), wanted).item()
