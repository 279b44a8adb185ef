"""LIF of streams that may give several spikes in a frame: their number, 0 to D."""

from __future__ import annotations

import torch
from torch import nn

from spikesound.params import MultiSpikeLIFParams
from spikesound.snn.kernels.multi_spike import multi_spike, suits
from spikesound.snn.neurons.bounds import unit
from spikesound.snn.neurons.integer_lif import count, counted
from spikesound.snn.neurons.spiking import SpikingNeuron, State


class MultiSpikeLIF(SpikingNeuron):
    r"""Leaky integrate-and-fire that puts out how many of at most D spikes it has in a frame.

    .. math::
        U_t = \beta U_{t-1} + I_t, \qquad
        S_t = \mathrm{clip}(\mathrm{round}(U_t), 0, D)

    That is the reset ``none``; ``subtract`` has :math:`\beta (U_{t-1} - S_{t-1}) + I_t`. In binary
    inference a frame has D substeps: when all of a frame's spikes have come, the neuron gives its
    own, one a substep, while its potential is above the threshold, which is 1/2 and rises by one
    with each of them until the frame ends (layer-synchronous). A synapse is linear, so that S
    spikes one after another, each of weight w, are the number S times w: network and number are the
    same, and operations are counted one a spike (:mod:`spikesound.costs.by_frame`), updates one a
    substep.

    With ``subtract`` it is :class:`spikesound.snn.neurons.integer_lif.IntegerLIF` of networks that
    go frame by frame, where a frame's spikes are read by taps of several later ones. The reset is
    detached from the gradient; that of the rounding is 1 where U lies in [0, D].

    Parameters
    ----------
    params : decay beta, one for the layer and learnt if ``learn_beta``; D; reset

    References
    ----------
    Luo et al. 2024, "Integer-valued training and spike-driven inference spiking neural network for
    high-performance and energy-efficient object detection", equations 7 to 12.
    """

    def __init__(self, params: MultiSpikeLIFParams) -> None:
        super().__init__()
        self.levels = self.substeps = params.levels
        self.reset = params.reset
        self.beta = nn.Parameter(torch.tensor(params.beta), params.learn_beta)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest: the potential after a frame, and after its reset."""
        return (torch.zeros_like(like),)

    def advance(self, currents: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map currents (time, batch, ...) to numbers of spikes, and the state after them."""
        (left,), beta = state, unit(self.beta)
        if self.reset == "subtract":
            numbers, left = counted(currents, left, beta, self.levels)
            return numbers, (left,)
        potentials = []
        for current in currents.unbind(0):
            left = beta * left + current
            potentials.append(left)
        return count(torch.stack(potentials), self.levels), (left,)

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to numbers of spikes, from rest: compiled if it can."""
        if not suits(currents):
            return super().whole(currents)
        return multi_spike(currents, unit(self.beta), self.levels, self.reset)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one frame to numbers of spikes, and the state after."""
        numbers, state = self.advance(current.unsqueeze(0), state)
        return numbers[0], state
