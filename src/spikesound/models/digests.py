"""Digest of a network's weights."""

from __future__ import annotations

import hashlib

from torch import nn


def weights_digest(network: nn.Module) -> str:
    """Return the digest of all weights and running figures of a network, by their names."""
    content = hashlib.sha256()
    for name, value in network.state_dict().items():
        content.update(name.encode())
        content.update(value.contiguous().cpu().numpy().tobytes())
    return content.hexdigest()
