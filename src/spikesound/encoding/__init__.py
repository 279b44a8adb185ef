"""Encoders: from normalised features to spikes over time steps, and decoders: the way back.

An encoder is a pure function ``(x, params, generator) -> spikes``: ``x`` holds values in [0, 1] and
ends in the axes frame and bin, ``params`` is the entry's section of ``encodings`` in params.yaml,
and the result has a leading axis of ``params.steps``. Results are boolean, but for ``direct``,
which makes no spikes. The last axis may be longer by a whole factor: ``delta`` puts two neurons,
``population`` as many as asked, in place of each bin, side by side.

A decoder is a pure function ``(spikes, params) -> estimate`` of what the encoder got. Its docstring
states the bound of its error; a test holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from spikesound.encoding.burst import burst, decode_burst
from spikesound.encoding.delta import decode_delta, delta
from spikesound.encoding.direct import decode_direct, direct
from spikesound.encoding.latency import decode_latency, latency
from spikesound.encoding.phase import decode_phase, phase
from spikesound.encoding.population import decode_population, population
from spikesound.encoding.rate import decode_rate, rate
from spikesound.encoding.rate_deterministic import rate_deterministic
from spikesound.encoding.ttfs import decode_ttfs, ttfs

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
