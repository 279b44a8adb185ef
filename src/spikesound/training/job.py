"""Input and result of every training method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from spikesound.models.spec import Spec
from spikesound.params import RecipeParams
from spikesound.tasks.task import Task
from spikesound.training.dataset import Dataset

if TYPE_CHECKING:  # it imports torch's compiler, which only training needs
    from lightning_fabric import Fabric

    from spikesound.training.waveform.waves import Waves

Epoch = dict[str, float]
"""epoch (from 1), train_loss, validation_loss, the task's figures, seconds"""


def _cpu() -> Fabric:
    from lightning_fabric import Fabric

    return Fabric(accelerator="cpu")


@dataclass(frozen=True)
class Job:
    """A network to train on one fold's clips.

    Attributes
    ----------
    spec : the network, its neuron included; a method may train another and says so in its result
    task : targets and objective
    training, validation : clips of the folds that are not held out
    recipe : epochs, batches, learning rate, augmentation
    method : the method's parameters
    step_values : decoding weight of an input spike of each step
    seed : all draws depend on it
    resume : checkpoint, written after each epoch; the caller deletes it with the result safe
    base : the trained network to start from, of methods that fine-tune
    fabric : device and precision
    balanced : draw training clips so that each class comes equally often
    report : called with each epoch, those before a resume included
    waves : sound of the training clips, of recipes that augment it; None: their inputs stand
    """

    spec: Spec
    task: Task
    training: Dataset
    validation: Dataset
    recipe: RecipeParams
    method: Any
    step_values: tuple[float, ...]
    seed: int
    resume: Path
    base: nn.Module | None = None
    fabric: Fabric = field(default_factory=_cpu)
    balanced: bool = False
    report: Callable[[Epoch], None] = lambda epoch: None
    waves: Waves | None = None


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    spec : by which the network can be built again
    network : with the weights that were kept
    history : figures of every epoch
    result : best_epoch, the validation figures of the network as it is, and what else the method
        reports
    """

    spec: Spec
    network: nn.Module
    history: list[Epoch]
    result: dict[str, float] = field(default_factory=dict)
