"""Conversion of a twin trained with the quantised clip-floor-shift activation."""

from __future__ import annotations

from torch import nn

from spikesound.models.layers import hidden
from spikesound.params import QCFSParams
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.job import Job, Trained
from spikesound.training.methods.convert import convert, train_source


def train_qcfs(job: Job) -> Trained:
    """Return the ANN twin with activations of few levels, trained and converted.

    Trained with as many levels as there will be steps, the twin computes what neurons that start at
    half their threshold count, when their input is steady: little is left to lose. Each layer's
    learnt :math:`\\lambda` becomes its threshold; the rest is as in
    :func:`spikesound.training.methods.convert.train_converted`.

    References
    ----------
    Bu et al. 2022, "Optimal ANN-SNN conversion for high-accuracy and ultra-low-latency spiking
    neural networks", equation 9 and theorem 2.
    """
    method: QCFSParams = job.method
    source = train_source(job, "quantised_relu", {"levels": method.levels})

    def learnt(network: nn.Module) -> list[float]:
        neurons = [layer.neuron for layer in hidden(network)]
        return [neuron.scale.item() for neuron in neurons if isinstance(neuron, QCFS)]

    return convert(job, source, learnt)
