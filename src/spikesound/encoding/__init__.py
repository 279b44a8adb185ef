"""Encoders: from normalised features to spikes over time steps.

An encoder is a pure function ``(x, params, generator) -> spikes``: ``x`` holds values in [0, 1] of
any shape, ``params`` is the entry's section of ``encodings`` in params.yaml, and the result has a
leading axis of ``params.steps``. Results are boolean, but for ``direct``, which makes no spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from spikesound.encoding.direct import direct
from spikesound.encoding.latency import latency
from spikesound.encoding.rate import rate

Encoder = Callable[[torch.Tensor, Any, torch.Generator], torch.Tensor]

ENCODERS: dict[str, Encoder] = {
    "direct": direct,
    "rate": rate,
    "latency": latency,
}
