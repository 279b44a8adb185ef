"""Encoders: from normalised features to spikes over time steps, and decoders: the way back.

An encoder is a pure function ``(x, params, generator) -> spikes``: ``x`` holds values in [0, 1] and
ends in the axes frame and bin, ``params`` is the entry's section of ``encodings`` in params.yaml,
and the result has a leading axis of ``params.steps``. Results are boolean, but for ``direct``,
which makes no spikes. The last axis may be longer by a whole factor: ``delta`` puts two neurons,
``population`` as many as asked, in place of each bin, side by side.

A decoder is a pure function ``(spikes, params) -> estimate`` of what the encoder got. Its docstring
states the bound of its error; a test holds it to that.

Step values say what one spike of each step is worth, so that their sum over the spikes is about
what the encoder got: what a converted network, which counts, weights its input by. In phase coding
the weights are a part of the code (Kim et al. 2018), and every network has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from spikesound.snn.encoding.burst import burst, burst_values, decode_burst
from spikesound.snn.encoding.delta import decode_delta, delta, delta_values
from spikesound.snn.encoding.direct import decode_direct, direct, direct_values
from spikesound.snn.encoding.latency import decode_latency, latency, latency_values
from spikesound.snn.encoding.phase import decode_phase, phase, phase_values
from spikesound.snn.encoding.population import decode_population, population, population_values
from spikesound.snn.encoding.rate import decode_rate, rate, rate_values
from spikesound.snn.encoding.rate_deterministic import rate_deterministic
from spikesound.snn.encoding.ttfs import decode_ttfs, ttfs, ttfs_values

Encoder = Callable[[torch.Tensor, Any, torch.Generator], torch.Tensor]
Decoder = Callable[[torch.Tensor, Any], torch.Tensor]

ENCODERS: dict[str, Encoder] = {
    "direct": direct,
    "rate": rate,
    "rate_deterministic": rate_deterministic,
    "latency": latency,
    "ttfs": ttfs,
    "phase": phase,
    "burst": burst,
    "delta": delta,
    "population": population,
}

DECODERS: dict[str, Decoder] = {
    "direct": decode_direct,
    "rate": decode_rate,
    "rate_deterministic": decode_rate,
    "latency": decode_latency,
    "ttfs": decode_ttfs,
    "phase": decode_phase,
    "burst": decode_burst,
    "delta": decode_delta,
    "population": decode_population,
}

STEP_VALUES: dict[str, Callable[[Any], torch.Tensor]] = {
    "direct": direct_values,
    "rate": rate_values,
    "rate_deterministic": rate_values,
    "latency": latency_values,
    "ttfs": ttfs_values,
    "phase": phase_values,
    "burst": burst_values,
    "delta": delta_values,
    "population": population_values,
}

WEIGHTED = frozenset({"phase"})
"""Codes whose spikes carry the weight of their step."""
