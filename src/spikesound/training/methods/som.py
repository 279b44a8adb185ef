"""A self-organising map learnt without labels, read by spiking neurons with a margin."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from spikesound.core.seeds import derive
from spikesound.models import classifier_spec
from spikesound.models.networks.som import SOM
from spikesound.params import AugmentParams, MapParams, SOMParams
from spikesound.training.loop import Plain, train
from spikesound.training.methods.som_learning import learn_map
from spikesound.training.task import Task, Trained

UNCHANGED = AugmentParams(roll=False, shift_bins=0, time_mask=0, bin_mask=0, noise=0, mixup=0)


def train_som(task: Task) -> Trained:
    """Learn a map of the training clips' frames, then the neurons that read it.

    The network is `spikesound.models.networks.som.SOM`, whatever that of the task is; it has no use
    for the task's neuron. Each frame, by what its spikes are worth, is one vector for the map
    (:func:`spikesound.training.methods.som_learning.learn_map`). The read-out is trained by the
    common loop under the maximum-margin tempotron rule (:class:`Tempotron`), at the method's own
    learning rate. Of the augmentation only the roll is used: noise, masks, shifts and blends make
    frames that the map has not learnt, and other units spike at them.

    References
    ----------
    Wu, Chua, Zhang, Li & Tan 2018, "A spiking neural network framework for robust sound
    classification", Frontiers in Neuroscience 12.
    """
    method: SOMParams = task.method
    params = MapParams.model_validate(
        {name: getattr(method, name) for name in MapParams.model_fields}
    )
    spec = task.spec.model_copy(
        update={
            "network": "som",
            "network_params": params.model_dump(),
            "neuron": None,
            "neuron_params": None,
            "readout": "rate",
            "step_weights": list(task.step_values) if task.training.spikes else None,
        }
    )
    network = classifier_spec.build(spec)
    assert isinstance(network, SOM)
    frames = task.training.decoded(task.step_values).inputs[:, 0]
    units = learn_map(
        torch.from_numpy(frames).float().flatten(0, 1),
        rows=method.rows,
        columns=method.columns,
        sweeps=method.sweeps,
        sigma=method.sigma,
        generator=torch.Generator().manual_seed(derive(task.seed, "map")),
    )
    with torch.no_grad():
        network.map.copy_(units)
    training = task.params.model_copy(
        update={
            "learning_rate": method.learning_rate,
            "augment": UNCHANGED.model_copy(update={"roll": task.params.augment.roll}),
        }
    )
    return train(network, replace(task, spec=spec, params=training), Tempotron(method.margin))


class Tempotron(Plain):
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

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def backward(self, network: nn.Module, x: torch.Tensor, targets: torch.Tensor) -> float:
        """Leave the gradients of a batch's loss in the parameters, and return the loss."""
        above = network(x)
        others = max(1, above.shape[1] - 1)
        wrong = others * targets * functional.relu(self.margin - above)
        wrong = wrong + (1 - targets) * functional.relu(self.margin + above)
        loss: torch.Tensor = wrong.sum(1).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()
