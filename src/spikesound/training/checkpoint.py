"""Checkpoints: a killed training goes on from the last whole epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: dict[str, Any]) -> None:
    """Write the state by an atomic write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    torch.save(state, aside)
    aside.replace(path)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any] | None:
    """Return the state, its tensors on a device, or None where there is no checkpoint."""
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
