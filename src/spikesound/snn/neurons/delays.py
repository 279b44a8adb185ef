"""Learnable delays: a linear layer whose every weight has a delay of its own."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from spikesound.params import DelayParams
from spikesound.snn.neurons.spiking import State

FINAL_SIGMA = 0.5  # time steps


def kernel(
    weight: torch.Tensor, delay: torch.Tensor, sigma: torch.Tensor, largest: int
) -> torch.Tensor:
    """Spread each weight over the delays 0 ... ``largest`` as a Gaussian about its own delay.

    .. math::
        k_{ji}[n] = w_{ji} \\, \\frac{\\exp(-(n - d_{ji})^2 / 2\\sigma^2)}
                              {\\sum_m \\exp(-(m - d_{ji})^2 / 2\\sigma^2)}

    Parameters
    ----------
    weight, delay : [shape=(outputs, inputs)], delay in time steps
    sigma : width of the Gaussian in time steps, a scalar

    Returns
    -------
    Tensor [shape=(outputs, inputs, largest + 1)].
    """
    taps = torch.arange(largest + 1, dtype=delay.dtype, device=delay.device)
    distance = (taps - delay.unsqueeze(-1)) / sigma
    # As a softmax it stays finite, and a delay beyond the ends is pulled back by its gradient.
    return weight.unsqueeze(-1) * torch.softmax(-0.5 * distance**2, dim=-1)


def rounded_kernel(weight: torch.Tensor, delay: torch.Tensor, largest: int) -> torch.Tensor:
    """Put each weight at its delay, rounded to a whole time step within 0 ... ``largest``."""
    at = delay.round().clamp(0, largest).long()
    return weight.unsqueeze(-1) * functional.one_hot(at, largest + 1)


def sigma_at(epoch: int, epochs: int, params: DelayParams) -> float:
    """Return the width for an epoch: from ``sigma`` to 0.5 in the first quarter, exponentially.

    Parameters
    ----------
    epoch : 0 for the first of ``epochs``
    """
    done = min(1.0, epoch / max(1.0, epochs / 4))
    return float(params.sigma * (FINAL_SIGMA / params.sigma) ** done)


class DelayedLinear(nn.Module):
    """Linear layer with a learnt delay for each pair of input and output, and no bias.

    .. math::
        y_j[t] = \\sum_i w_{ji} \\, x_i[t - d_{ji}], \\qquad x[t] = 0 \\text{ for } t < 0

    In training each delay is spread as a Gaussian (`kernel`), so that it has a gradient; the loop
    narrows it from epoch to epoch (`sigma_at`, `set_sigma`). In evaluation the delays are rounded
    to whole time steps. Give `delay` a higher learning rate than `weight`: ten times found a
    teacher's delays where the same rate stuck in local minima. Its outputs are currents: a neuron
    comes after it.

    Parameters
    ----------
    params : ``largest``, the longest delay in time steps; ``sigma``, the first width
    inputs, outputs : number of features

    References
    ----------
    Hammouamri, Khalfaoui-Hassani & Masquelier 2023, "Learning delays in spiking neural networks
    using dilated convolutions with learnable spacings"; delays drawn evenly over the range, as
    there.
    """

    sigma: torch.Tensor

    def __init__(self, params: DelayParams, inputs: int, outputs: int) -> None:
        super().__init__()
        self.largest = params.largest
        self.weight = nn.Parameter(nn.Linear(inputs, outputs, bias=False).weight.detach())
        self.delay = nn.Parameter(torch.rand(outputs, inputs) * params.largest)
        self.register_buffer("sigma", torch.tensor(params.sigma))

    def set_sigma(self, sigma: float) -> None:
        """Set the width of the Gaussians, in time steps."""
        self.sigma.fill_(sigma)

    def kernel(self) -> torch.Tensor:
        """Return the weights by delay [shape=(outputs, inputs, largest + 1)]."""
        if self.training:
            return kernel(self.weight, self.delay, self.sigma, self.largest)
        return rounded_kernel(self.weight, self.delay, self.largest)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, inputs) to currents (time, batch, outputs)."""
        padded = functional.pad(x.permute(1, 2, 0), (self.largest, 0))
        # conv1d meets the oldest input first, and that has the longest delay.
        out = functional.conv1d(padded, self.kernel().flip(-1))
        return out.permute(2, 0, 1)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the last ``largest`` inputs, zero, for an input (batch, inputs)."""
        return (like.new_zeros(self.largest, *like.shape),)

    def step(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the input (batch, inputs) of one time step to its currents and the state after it."""
        window = torch.cat([state[0], x.unsqueeze(0)])
        currents = torch.einsum("tbi,oit->bo", window, self.kernel().flip(-1))
        return currents, (window[1:],)
