"""A self-organising map learnt without labels, read by spiking neurons with a margin."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.seeds import derive
from spikesound.models.build import build
from spikesound.models.networks.som import SOM
from spikesound.params import AugmentParams, MapParams, SOMParams
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.som_learning import learn_map
from spikesound.training.objective import Objective

UNCHANGED = AugmentParams(roll=False, shift_bins=0, time_mask=0, bin_mask=0, noise=0, mixup=0)


def train_som(job: Job) -> Trained:
    """Return a map of the training clips' frames, and the trained neurons that read it.

    The network is `spikesound.models.networks.som.SOM`, whatever that of the model's row; its own
    neurons stand in place of the row's. Each frame, the sum of the decoding weights of its spikes,
    is one vector for the map (:func:`spikesound.training.methods.som_learning.learn_map`). The
    read-out is trained by the common loop under the maximum-margin tempotron rule
    (:class:`Tempotron`), at the method's own learning rate. Of the augmentation only the roll is
    used: noise, masks, shifts and blends make frames that the map has not learnt, and other units
    spike at them.

    References
    ----------
    Wu, Chua, Zhang, Li & Tan 2018, "A spiking neural network framework for robust sound
    classification", Frontiers in Neuroscience 12.
    """
    method: SOMParams = job.method
    params = MapParams.model_validate(
        {name: getattr(method, name) for name in MapParams.model_fields}
    )
    spec = job.spec.model_copy(
        update={
            "network": "som",
            "network_params": params.model_dump(),
            "readout": "rate",
            "step_weights": list(job.step_values) if job.training.spikes else None,
        }
    )
    network = cast(SOM, build(spec))
    frames = job.training.decoded(job.step_values).inputs[:, 0]
    units = learn_map(
        torch.from_numpy(frames).float().flatten(0, 1),
        rows=method.rows,
        columns=method.columns,
        sweeps=method.sweeps,
        sigma=method.sigma,
        generator=torch.Generator().manual_seed(derive(job.seed, "map")),
    )
    with torch.no_grad():
        network.map.copy_(units)
    training = job.recipe.model_copy(
        update={
            "learning_rate": method.learning_rate,
            "augment": UNCHANGED.model_copy(update={"roll": job.recipe.augment.roll}),
        }
    )
    job = replace(job, spec=spec, recipe=training)
    return train(network, job, Tempotron(job, method.margin))


class Tempotron(Objective):
    """The maximum-margin tempotron rule.

    .. math:: L = \\frac{1}{B} \\sum_b \\sum_c (C - 1) \\, y_{bc} \\max(0, \\Delta - z_{bc}) +
                  (1 - y_{bc}) \\max(0, \\Delta + z_{bc})

    so that a clip's own class of the C counts as much as all others; z is the highest potential of
    a class over its threshold. The own class is to exceed the threshold by the margin, the others
    to stay as far below it. The gradient goes through the frame of the maximum alone: each weight
    moves by how much its spikes have added to it.

    Parameters
    ----------
    margin : Delta

    References
    ----------
    Gutig & Sompolinsky 2006, "The tempotron: a neuron that learns spike timing-based decisions";
    Wu et al. 2018 (the margin).
    """

    def __init__(self, job: Job, margin: float) -> None:
        super().__init__(job)
        self.margin = margin

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch."""
        above, (present,) = network(x), targets
        others = max(1, above.shape[1] - 1)
        wrong = others * present * functional.relu(self.margin - above)
        wrong = wrong + (1 - present) * functional.relu(self.margin + above)
        loss: torch.Tensor = wrong.sum(1).mean()
        return loss
