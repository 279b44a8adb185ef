"""Conversion of a twin trained with the quantised clip-floor-shift activation."""

from __future__ import annotations

from typing import cast

from torch import nn

from spikesound.models.layers import hidden
from spikesound.params import QCFSParams
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.methods.convert import convert, train_source
from spikesound.training.task import Task, Trained


def train_qcfs(task: Task) -> Trained:
    """Train the ANN twin with activations of few levels, and convert it.

    Trained with as many levels as there will be steps, the twin computes what neurons that start at
    half their threshold count, when their input is steady: little is left to lose. Each layer's
    learnt :math:`\\lambda` becomes its threshold; the rest is as in
    :func:`spikesound.training.methods.convert.train_converted`.

    References
    ----------
    Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking
    neural networks", equation 9 and theorem 2.
    """
    method: QCFSParams = task.method
    source = train_source(task, lambda: QCFS(method.levels))

    def learnt(network: nn.Module) -> list[float]:
        return [cast(QCFS, layer.neuron).scale.item() for layer in hidden(network)]

    return convert(task, source, learnt)
