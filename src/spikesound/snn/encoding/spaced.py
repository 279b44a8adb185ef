"""A code with silent steps between its own."""

from __future__ import annotations

import torch

from spikesound.params import SpacedParams


def spaced(x: torch.Tensor, params: SpacedParams, generator: torch.Generator) -> torch.Tensor:
    """Return the spikes of another code, each of its steps followed by silent ones.

    .. math:: S(k t) = C(t), \\qquad S(k t + i) = 0 \\quad (0 < i < k)

    A network whose neurons give up to k spikes for one step of the code
    (:class:`spikesound.snn.neurons.integer_lif.IntegerLIF`) gets its input at the first of the k
    substeps, as often as the code spikes and no oftener.

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : the code C, its parameters, and k, ``every``

    Returns
    -------
    bool tensor of shape (T, *x.shape), T being the code's steps times k
    """
    spikes: torch.Tensor = _code(params).encode(x, params.code_params(), generator)
    return spread_steps(spikes, params.every)


def spread_steps(spikes: torch.Tensor, every: int) -> torch.Tensor:
    """Return spikes (time, ...) with ``every - 1`` silent steps after each."""
    found = spikes.new_zeros(len(spikes) * every, *spikes.shape[1:])
    found[::every] = spikes
    return found


def spaced_values(params: SpacedParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step: the code's, also at silent steps."""
    values: torch.Tensor = _code(params).step_values(params.code_params())
    return values.repeat_interleave(params.every)


def decode_spaced(spikes: torch.Tensor, params: SpacedParams) -> torch.Tensor:
    """Return the code's estimate; its error is the code's."""
    estimate: torch.Tensor = _code(params).decode(spikes[:: params.every], params.code_params())
    return estimate


def _code(params: SpacedParams):  # type: ignore[no-untyped-def]
    from spikesound.snn.encoding import ENCODINGS  # which has this module's functions

    return ENCODINGS[params.code]
