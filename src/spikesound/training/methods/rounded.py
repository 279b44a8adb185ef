"""A trained conventional network, with rounded ReLUs in place of its own."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.models.layers import hidden
from spikesound.models.spec import Spec
from spikesound.snn.quantisation.qcfs import QCFS
from spikesound.training.job import Job
from spikesound.training.methods.percentiles import percentiles

RANGE_PERCENTILE = 99.9
"""Of a layer's activations on the training clips: where the range of its rounded ReLU starts."""


def rounded_twin(job: Job, levels: int | None) -> tuple[Spec, nn.Module]:
    """Return the job's base network with ReLUs of so many levels above zero, and its spec.

    Parameters
    ----------
    levels : None: the ReLUs stay as they are

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, or one of its layers is silent.
    """
    if job.base is None:
        raise SpikesoundError(f"{job.spec.model}: fine-tuning starts from a trained model")
    spec = job.spec
    if levels is not None:
        spec = spec.with_neuron("quantised_relu", {"levels": levels})
    network = build(spec)
    loaded = network.load_state_dict(job.base.state_dict(), strict=False)
    lost = [name for name in loaded.missing_keys if ".neuron." not in name]
    lost += [name for name in loaded.unexpected_keys if ".neuron." not in name]
    if lost:
        raise SpikesoundError(
            f"{spec.model}: the model to start from is another network: weights {lost[0]!r}"
        )
    if levels is not None:
        ranges = percentiles(
            job.base, job.training, RANGE_PERCENTILE, len(job.training), key=spec.model
        )
        for layer, top in zip(hidden(network), ranges, strict=True):
            assert isinstance(layer.neuron, QCFS)
            with torch.no_grad():
                layer.neuron.log_scale.fill_(top).log_()
    return spec, network
