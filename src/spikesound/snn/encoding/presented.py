"""A code that is presented several times, one after the other."""

from __future__ import annotations

import torch

from spikesound.params import PresentedParams


def presented(x: torch.Tensor, params: PresentedParams, generator: torch.Generator) -> torch.Tensor:
    """Return the spikes of another code, again at each presentation.

    A neuron that integrates without a leak rounds its count of spikes to whole ones. Of a sparse
    code it gets few; of n presentations the count is n times as large, and what is rounded off
    weighs an nth as much (Rueckauer et al. 2017, section 2, on the number of time steps).

    Parameters
    ----------
    x : float tensor of any shape, in [0, 1]
    params : the code, its parameters, and the number of presentations

    Returns
    -------
    bool tensor of shape (T, *x.shape), T being the code's steps times its presentations
    """
    spikes: torch.Tensor = _code(params).encode(x, params.code_params(), generator)
    return spikes.repeat(params.presentations, *([1] * x.dim()))


def presented_values(params: PresentedParams) -> torch.Tensor:
    """Return the decoding weight of a spike at each step: the code's, over presentations."""
    values: torch.Tensor = _code(params).step_values(params.code_params())
    return values.repeat(params.presentations) / params.presentations


def decode_presented(spikes: torch.Tensor, params: PresentedParams) -> torch.Tensor:
    """Return the code's estimate from the first presentation; its error is the code's."""
    section = params.code_params()
    estimate: torch.Tensor = _code(params).decode(spikes[: section.steps], section)
    return estimate


def _code(params: PresentedParams):  # type: ignore[no-untyped-def]
    from spikesound.snn.encoding import ENCODINGS  # which has this module's functions

    return ENCODINGS[params.code]
