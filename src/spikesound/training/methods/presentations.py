"""Conversion to a network that gets its code several times: its spec, and its clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikesound.models.build import build
from spikesound.models.spec import Spec
from spikesound.params import ConvertParams, PresentedParams, SpacedParams
from spikesound.snn.neurons.if_ import IF
from spikesound.training.dataset import Dataset
from spikesound.training.job import Job, Trained
from spikesound.training.loop import validate
from spikesound.training.methods.convert import NEURON, train_converted

PRESENTED = "presented"
"""Kind of the encoding that presents another one several times."""


def train_presented(job: Job) -> Trained:
    """Return the network of :func:`.convert.train_converted`, given its code several times.

    The presentations follow each other, with the same weights: the neurons count as many times the
    spikes and round off less of what they stand for, in as many times the steps.
    """
    method: ConvertParams = job.method
    trained = train_converted(job)
    return present(trained, job, method.presentations) if method.presentations > 1 else trained


def present(trained: Trained, job: Job, presentations: int) -> Trained:
    """Return a converted network that gets the code several times, validated again."""
    spec = presented_spec(trained.spec, presentations)
    network = build(spec, lambda: IF(NEURON))
    network.load_state_dict(trained.network.state_dict())
    again = replace(job, validation=presented_clips(job.validation, spec))
    return Trained(spec, network, trained.history, trained.result | validate(network, again))


def presented_spec(spec: Spec, presentations: int) -> Spec:
    """Return the spec of a network that gets the same code several times, one after the other.

    The code becomes the encoding ``presented``, so that whatever encodes for the network, counts
    its steps or times it has all presentations. Of direct coding, which has no spikes, more
    presentations are more steps.
    """
    code, steps = spec.encoding_section(), spec.steps * presentations
    if code is None or not code.spikes:
        direct = (spec.encoding_params or {}) | {"steps": steps}
        return spec.model_copy(update={"steps": steps, "encoding_params": direct})
    assert spec.encoding is not None
    encoding = PresentedParams.model_validate(
        {
            "steps": steps,
            "code": spec.encoding,
            "params": code.model_dump(),
            "presentations": presentations,
        }
    )
    weights = spec.step_weights
    return spec.model_copy(
        update={
            "steps": steps,
            "encoding": PRESENTED,
            "encoding_params": encoding.model_dump(),
            "step_weights": None if weights is None else weights * presentations,
        }
    )


def presented_clips(clips: Dataset, spec: Spec) -> Dataset:
    """Return clips in the code that lies on disk as the network gets them.

    Again and again where their code is presented several times, with silent steps where it is
    spaced; clips of any other network stay as they are.
    """
    encoding = spec.encoding_section()
    if clips.inputs.shape[1] == spec.steps:
        return clips
    if isinstance(encoding, PresentedParams):
        return replace(clips, inputs=np.tile(clips.inputs, (1, encoding.presentations, 1, 1)))
    if isinstance(encoding, SpacedParams):
        count, steps, *size = clips.inputs.shape
        inputs = np.zeros((count, steps * encoding.every, *size), clips.inputs.dtype)
        inputs[:, :: encoding.every] = clips.inputs
        return replace(clips, inputs=inputs)
    return clips
