"""Encoders: from normalised features to spikes over time steps, and decoders: the way back.

An encoder is a pure function ``(x, params, generator) -> spikes``: ``x`` holds values in [0, 1] and
ends in the axes frame and bin, ``params`` is the entry's section of ``encodings`` in params.yaml,
and the result has a leading axis of ``params.steps``. Results are boolean, but for ``direct``,
which makes no spikes. The last axis may be longer by a whole factor: ``delta`` puts two neurons,
``population`` as many as asked, in place of each bin, side by side.

A decoder is a pure function ``(spikes, params) -> estimate`` of what the encoder got. Its docstring
states the bound of its error; a test holds it to that.

Step values are the decoding weights of a spike of each step: their sum over the spikes is about
what the encoder got. A converted network, which counts spikes, weights its input by them. In phase
coding the weights are a part of the code (Kim et al. 2018), and every network has them
(`EncodingParams.weighted`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from spikesound.snn.encoding.burst import burst, burst_values, decode_burst
from spikesound.snn.encoding.delta import decode_delta, delta, delta_values
from spikesound.snn.encoding.direct import decode_direct, direct, direct_values
from spikesound.snn.encoding.latency import decode_latency, latency, latency_values
from spikesound.snn.encoding.phase import decode_phase, phase, phase_values
from spikesound.snn.encoding.population import decode_population, population, population_values
from spikesound.snn.encoding.presented import decode_presented, presented, presented_values
from spikesound.snn.encoding.rate import decode_rate, rate, rate_values
from spikesound.snn.encoding.rate_deterministic import rate_deterministic
from spikesound.snn.encoding.shuffled import decode_shuffled, shuffled, shuffled_values
from spikesound.snn.encoding.spaced import decode_spaced, spaced, spaced_values
from spikesound.snn.encoding.ttfs import decode_ttfs, ttfs, ttfs_values

Encoder = Callable[[torch.Tensor, Any, torch.Generator], torch.Tensor]
Decoder = Callable[[torch.Tensor, Any], torch.Tensor]


@dataclass(frozen=True)
class Encoding:
    """An encoding: its encoder, its decoder, and the decoding weights of its spikes.

    Attributes
    ----------
    encode : from values to spikes
    decode : from spikes to an estimate of the values
    step_values : decoding weight of a spike of each step [shape=(T,)]
    """

    encode: Encoder
    decode: Decoder
    step_values: Callable[[Any], torch.Tensor]


ENCODINGS: dict[str, Encoding] = {
    "direct": Encoding(direct, decode_direct, direct_values),
    "rate": Encoding(rate, decode_rate, rate_values),
    "rate_deterministic": Encoding(rate_deterministic, decode_rate, rate_values),
    "latency": Encoding(latency, decode_latency, latency_values),
    "ttfs": Encoding(ttfs, decode_ttfs, ttfs_values),
    "phase": Encoding(phase, decode_phase, phase_values),
    "burst": Encoding(burst, decode_burst, burst_values),
    "delta": Encoding(delta, decode_delta, delta_values),
    "population": Encoding(population, decode_population, population_values),
    "presented": Encoding(presented, decode_presented, presented_values),
    "spaced": Encoding(spaced, decode_spaced, spaced_values),
    "shuffled": Encoding(shuffled, decode_shuffled, shuffled_values),
}
"""The encodings by kind."""
