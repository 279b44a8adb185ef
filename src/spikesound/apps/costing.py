"""Cost of a network of another library, for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.extras import needing

if TYPE_CHECKING:
    from spikesound.costs.foreign.result import Cost
    from spikesound.costs.foreign.sample import Layout, Values


def cost(
    network: nn.Module | Path | str,
    sample: torch.Tensor | npt.NDArray[Any],
    *,
    layout: Layout = "tb",
    input: Values = "auto",
    each_step: bool = False,
    steps: int | None = None,
    params: Path | str | None = None,
) -> Cost:
    """Return operations, memory, traffic and energy of a spiking network and of its twin.

    Parameters
    ----------
    network : a torch module with neurons of snnTorch, SpikingJelly or Norse, or a NIR file's path
    sample : its input; the results are means over the batch
    layout : first axes of the sample: time and batch, batch and time, or the batch alone
    input : what the sample is: ``spikes``, ``values``, or ``constant``, values that are the same at
        each step; ``auto``: spikes if all are 0 or 1
    each_step : whether the network is called once per time step; a NIR file's always is
    steps : time steps of a sample without an axis of time, with ``each_step``
    params : file of parameters with technologies in section ``costs``; None: the published ones

    Raises
    ------
    SpikesoundError
        If the network has what cannot be counted, or does not fit the sample.

    Examples
    --------
    >>> spikesound.cost(net, torch.rand(25, 8, 784).round()).energies()  # doctest: +SKIP
    """
    with needing("cost"):
        from spikesound.costs.foreign.accounts import accounts
        from spikesound.costs.foreign.loading import load_network
        from spikesound.costs.foreign.nir_network import NIRNetwork
        from spikesound.costs.foreign.result import cost_of
        from spikesound.costs.foreign.sample import Sample

    name = type(network).__name__ if isinstance(network, nn.Module) else str(network)
    if not isinstance(network, nn.Module):
        network = load_network(str(network), run_code=False)
    called = each_step or isinstance(network, NIRNetwork)
    given = Sample(torch.as_tensor(sample).float(), layout, input, steps, called)
    return cost_of(network, given, accounts(Path(params) if params else None), name)
