"""What every way of training gets, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from spikesound.models.classifier_spec import Spec
from spikesound.params import TrainParams
from spikesound.training.data import Clips

Epoch = dict[str, float]
"""epoch (from 1), train_loss, validation_loss, validation_accuracy, seconds"""


@dataclass(frozen=True)
class Task:
    """A network to train on one fold's clips.

    Attributes
    ----------
    spec : the network, its neuron included; a method may train another and says so in its result
    training, validation : clips of the folds that are not held out
    params : epochs, batches, learning rate, augmentation
    method : the method's section of ``methods`` in params.yaml; None for a conventional network
    step_values : what an input spike of each step is worth
    seed : all draws depend on it
    resume : checkpoint, written after each epoch; the caller deletes it with the result safe
    report : called with each epoch, those before a resume included
    """

    spec: Spec
    training: Clips
    validation: Clips
    params: TrainParams
    method: Any
    step_values: tuple[float, ...]
    seed: int
    resume: Path
    report: Callable[[Epoch], None] = lambda epoch: None


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    spec : by which the network can be made again
    network : with the weights that were kept
    history : what every epoch gave
    result : best_epoch, validation_loss and validation_accuracy of the network as it is, and what
        else the method has to say
    """

    spec: Spec
    network: nn.Module
    history: list[Epoch]
    result: dict[str, float] = field(default_factory=dict)
