"""Spiking networks as NIR, the Neuromorphic Intermediate Representation.

A step of dt takes a leaky neuron of NIR, :math:`\\tau \\dot v = v_{leak} - v + R I`, by one step of
Euler from :math:`v_{t-1}` to

.. math::
    v_t = \\Big(1 - \\frac{dt}{\\tau}\\Big) v_{t-1} + \\frac{R \\, dt}{\\tau} I_t

so that our decay is that of :math:`\\tau = dt / (1 - \\beta)`, with :math:`v_{leak} = 0`. dt is a
convention, that of snnTorch's and SpikingJelly's readers; the graph's metadata say which time a
step stands for.

A spiking neuron of NIR is set to ``v_reset``. By the reset of ours it is expressed as

- ``zero``: ``nir.LIF`` with :math:`R = 1`, as some readers ignore R, and weights times
  :math:`1 / (1 - \\beta)`;
- ``none``: ``nir.CubaLIF``, whose synapse is our membrane: :math:`\\tau_{syn} = dt / (1 - \\beta)`
  and :math:`w_{in} = \\tau_{syn} / dt`. Behind it :math:`\\tau_{mem} = dt` and :math:`R = 1`: v
  takes the synapse's value at once, and its reset is of no consequence;
- ``subtract``: the same, and a recurrent node that takes the threshold off the current of the
  next step: a linear map or a convolution of one place, :math:`-\\theta` times the identity.

A neuron of up to D spikes a frame, without a reset, is D nodes ``nir.CubaLIF`` with thresholds 1/2,
3/2, ..., whose spikes a node ``nir.Scale`` of ones adds up.

A decay of 1 is written as :math:`1 - 2^{-40}`, since ``nir.IF`` would be set to ``v_reset``. The
leaky read-out of a detector is ``nir.LI`` with :math:`R = 1`.

References
----------
Pedersen et al. 2024, "Neuromorphic intermediate representation: a unified instruction set for
interoperable brain-inspired computing", table 1; the documentation of package ``nir``.
"""

from __future__ import annotations

from pathlib import Path

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import Exported, largest_difference, library, probe
from spikesound.models.export.facts import facts
from spikesound.models.export.nir_graph import graph_of
from spikesound.models.export.nir_neurons import DT_S
from spikesound.models.export.nir_runner import run
from spikesound.models.export.plain import plain_loops
from spikesound.models.export.run import FRAMES
from spikesound.models.export.step import clip_of
from spikesound.models.layers import recorded
from spikesound.models.loading import TrainedModel

READOUT = (
    "the graph ends with the spikes of the last layer: its read-out (pooling over bins and frames, "
    "then linear: readout_weight and readout_bias in the metadata) cannot be expressed in NIR"
)


def to_nir(model: TrainedModel, out: Path) -> Exported:
    """Write a spiking network, read the file, run it by NIR's equations, and compare all spikes.

    A detector's graph takes one frame a step, (1, bin), and gives the potentials of the classes,
    whose sigmoid is the probability; a classifier's takes its input of each step,
    (1, frame, bin), and gives the spikes of the last layer. Batch norms are folded into the
    weights, which are written in double precision: both sides are computed in it, so that no
    rounding decides a spike.

    Raises
    ------
    SpikesoundError
        If package nir is not installed, a layer cannot be expressed in NIR, or a spike differs.
    """
    nir = library("nir")
    exact = plain_loops(model, torch.float64)
    given = _given(model)
    inputs = _step_inputs(model, given)
    graph, spiking = graph_of(exact, tuple(inputs.shape[1:]))
    graph.metadata |= {**facts(model), "step_s": _step_s(model), "dt_s": DT_S}
    nir.write(out, graph)
    values = run(nir.read(out), inputs.numpy(), DT_S)
    with torch.no_grad(), recorded(exact.network) as expected:
        output = exact.network(given)
    found = [torch.from_numpy(values[name]) for name in spiking]
    wrong = [
        f"{name}: {int((one != other.squeeze(1)).sum())}"
        for name, one, other in zip(spiking, found, expected, strict=True)
        if not torch.equal(one, other.squeeze(1))
    ]
    if wrong:
        raise SpikesoundError(f"{out.name}: read back, spikes differ: {', '.join(wrong)}")
    difference = 0.0
    if model.detects:
        potentials = output.logits.squeeze(1)
        difference = largest_difference(torch.from_numpy(values["output"]), potentials)
    notes = [] if model.detects else [READOUT]
    number = sum(int(one.sum()) for one in expected)
    return Exported(out, difference, sum(one.numel() for one in expected), number, notes=notes)


def _given(model: TrainedModel) -> torch.Tensor:
    """Return the network's input, (frame, 1, bin) of a detector, (step, 1, frame, bin) else."""
    if model.detects:
        frames = probe(FRAMES, model.spec.bins, model.spec.seed)
        return torch.from_numpy(frames)[:, None].double()
    return model.inputs(clip_of(model)).double()


def _step_inputs(model: TrainedModel, given: torch.Tensor) -> torch.Tensor:
    """Return the graph's input, without the batch: (frame, 1, bin), or (step, 1, frame, bin)."""
    if model.detects:
        return given
    weights, steps = model.spec.step_weights, model.spec.steps
    if weights is not None:
        given = given * torch.tensor(weights).double().view(-1, 1, 1, 1)
    return given.expand(steps, *given.shape[1:])


def _step_s(model: TrainedModel) -> float:
    """Return the time that a step stands for: a frame's of a detector; else a clip's share."""
    if model.detects:
        return model.front_end.hop_s
    return (model.clip_s or 1.0) / model.spec.steps
