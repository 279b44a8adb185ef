"""Synapses with learnt delays: one for each synapse (DCLS), or one for each axon."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from spikesound.params import SynapticDelayParams
from spikesound.snn.neurons.delays import FINAL_SIGMA, kernel, rounded_kernel
from spikesound.snn.neurons.spiking import State


class DelayedSynapses(nn.Module):
    """Linear map of inputs that arrive late, each by a learnt number of time steps.

    .. math::
        y_j[t] = b_j + \\sum_i w_{ji} \\, x_i[t - d_{ji}], \\qquad x[t] = 0 \\text{ for } t < 0

    with a delay of each synapse (``synaptic``), or :math:`d_{ji} = d_i` of each axon (``axonal``).
    In training a delay is spread over the neighbouring steps as a Gaussian, whose width falls
    exponentially from ``sigma`` to 0.5 within the first ``narrowing_batches`` batches; that number
    is counted in a buffer, so that a resumed training goes on. In evaluation delays are rounded.

    A parameter ``place`` holds ``(d - largest / 2) / rate``: an optimiser whose steps do not
    depend on the gradient's scale (Adam) then moves delays ``rate`` times as fast as weights, and
    weight decay draws them to the middle.

    Parameters
    ----------
    params : kind, longest delay in time steps, first width, rate, narrowing
    inputs, outputs : number of features

    References
    ----------
    Hammouamri, Khalfaoui-Hassani & Masquelier 2023, "Learning delays in spiking neural networks
    using dilated convolutions with learnable spacings"; Shrestha & Orchard 2018 (SLAYER), axonal
    delays.
    """

    batches: torch.Tensor
    bias: nn.Parameter | None

    def __init__(self, params: SynapticDelayParams, inputs: int, outputs: int) -> None:
        super().__init__()
        self.params = params
        self.in_features, self.out_features = inputs, outputs
        self.weight = nn.Parameter(nn.Linear(inputs, outputs, bias=False).weight.detach())
        self.register_parameter("bias", None)
        shape = (outputs, inputs) if params.kind == "synaptic" else (inputs,)
        self.place = nn.Parameter((torch.rand(shape) - 0.5) * params.largest / params.rate)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @property
    def delays(self) -> torch.Tensor:
        """Delays in time steps, (output, input) or (input,)."""
        return self.place * self.params.rate + self.params.largest / 2

    @property
    def sigma(self) -> float:
        """Width of the Gaussians at the present batch, in time steps."""
        done = min(1.0, int(self.batches) / self.params.narrowing_batches)
        return float(self.params.sigma * (FINAL_SIGMA / self.params.sigma) ** done)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to currents (time, batch, outputs)."""
        if self.params.kind == "axonal":
            late = self._late(x)
            return functional.linear(late, self.weight, self.bias)
        padded = functional.pad(x.permute(1, 2, 0), (self.params.largest, 0))
        # The convolution reaches the oldest input first, which has the longest delay.
        return functional.conv1d(padded, self._kernel(self.weight).flip(-1), self.bias).permute(
            2, 0, 1
        )

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the last ``largest`` inputs, zero, for an input (batch, inputs)."""
        return (like.new_zeros(self.params.largest, *like.shape),)

    def step(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the input (batch, inputs) of one time step to its currents and the state after it."""
        window = torch.cat([state[0], x.unsqueeze(0)])
        taps = self._kernel(self.weight).flip(-1)
        currents = torch.einsum("tbi,oit->bo", window, taps)
        return currents if self.bias is None else currents + self.bias, (window[1:],)

    def _late(self, x: torch.Tensor) -> torch.Tensor:
        """Return the inputs (time, batch, inputs), each later by the delay of its axon."""
        taps = self._kernel(x.new_ones(1, self.in_features))[0].flip(-1)
        padded = functional.pad(x.permute(1, 2, 0), (self.params.largest, 0))
        late = functional.conv1d(padded, taps.unsqueeze(1), groups=self.in_features)
        return late.permute(2, 0, 1)

    def _kernel(self, weight: torch.Tensor) -> torch.Tensor:
        """Return weights by delay (output, input, largest + 1)."""
        if not self.training:
            return rounded_kernel(weight, self.delays, self.params.largest)
        sigma = torch.tensor(self.sigma, device=weight.device)
        if torch.is_grad_enabled():
            self.batches += 1
        return kernel(weight, self.delays, sigma, self.params.largest)
