"""Leaky integrate-and-fire, by snnTorch's ``Leaky``."""

from __future__ import annotations

import torch

from spikesound.core.errors import choose
from spikesound.params import LIFParams
from spikesound.snn.kernels import torch_lif
from spikesound.snn.kernels.lif import KERNELS, lif
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.neurons.bounds import positive, unit
from spikesound.snn.neurons.spiking import SpikingNeuron, State
from spikesound.snn.neurons.surrogate import SURROGATES


class LIF(SpikingNeuron):
    """Leaky integrate-and-fire, from rest.

    .. math::
        U_t = \\beta U_{t-1} + I_t - \\theta S_{t-1}, \\qquad S_t = [U_t > \\theta]

    That is the reset ``subtract``; ``zero`` has :math:`\\beta (1 - S_{t-1}) U_{t-1} + I_t`, and
    ``none`` no reset. For ``refractory`` steps after a spike the neuron is held: after its reset
    the potential stays as it is, and no spike comes. The reset is detached from the gradient; the
    spike's derivative is the surrogate's.

    Parameters
    ----------
    params : decay beta and threshold theta, one each per layer and learnt if ``learn_beta``,
        ``learn_threshold`` (used within [0, 1] and above zero); reset, refractory period,
        surrogate, and the backend that computes it (:func:`spikesound.snn.kernels.lif.lif`)

    Raises
    ------
    SpikesoundError
        If the surrogate, the reset or the backend is not known.

    References
    ----------
    Eshraghian et al. 2023, "Training spiking neural networks using lessons from deep learning",
    section II-C; snnTorch's ``Leaky`` is the definition.
    """

    def __init__(self, params: LIFParams) -> None:
        super().__init__()
        choose(SURROGATES, params.surrogate, "neurons.lif.surrogate")
        choose({"auto": None, **KERNELS}, params.backend, "neurons.lif.backend")
        self.rule = Rule(params.reset, params.refractory, params.surrogate, params.slope)
        self.backend = params.backend
        self.beta = torch.nn.Parameter(torch.tensor(params.beta), params.learn_beta)
        self.threshold = torch.nn.Parameter(torch.tensor(params.threshold), params.learn_threshold)

    def whole(self, currents: torch.Tensor) -> torch.Tensor:
        """Map currents (time, batch, ...) to spikes of the same shape, from rest."""
        return lif(currents, *self.constants(), self.rule, self.backend)

    def initial_state(self, like: torch.Tensor) -> State:
        """Return the state at rest, for currents (batch, ...) shaped as ``like``."""
        return torch_lif.rest(like)

    def step(self, current: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        """Map the current (batch, ...) of one time step to its spikes and the state after it.

        The spikes are those of a call on the whole sequence.
        """
        return torch_lif.step(current, torch_lif.State(*state), *self.constants(), self.rule)

    def constants(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return decay and threshold as they are used: within [0, 1], and above zero."""
        return unit(self.beta), positive(self.threshold)
