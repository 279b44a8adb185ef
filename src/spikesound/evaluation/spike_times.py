"""Temporal coding at a trained network: its accuracy when spikes come at other times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.core.seeds import derive
from spikesound.models.layers import hidden
from spikesound.snn.shuffling import jittered, shuffled_in_time
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset

Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

WHERE: dict[str, tuple[bool, bool]] = {
    "input": (True, False),
    "hidden": (False, True),
    "both": (True, True),
}
"""Which spikes move: those of the input, those of all hidden layers."""


@dataclass(frozen=True)
class Moved:
    """How spikes are moved in time; each neuron keeps its number of spikes.

    Attributes
    ----------
    where : one of :data:`WHERE`
    jitter : steps by which a spike moves at most; None: all times are shuffled
    """

    where: str
    jitter: int | None

    @property
    def name(self) -> str:
        """Name of the condition."""
        how = "shuffled" if self.jitter is None else f"jitter {self.jitter}"
        return f"{self.where} {how}"

    def change(self, spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return spikes (time, ...) at other times."""
        if self.jitter is None:
            return shuffled_in_time(spikes, generator)
        return jittered(spikes, self.jitter, generator)


def conditions(jitters: Sequence[int], steps: int, *, coded: bool) -> list[Moved]:
    """Return the conditions for a network of so many time steps; of one step there are none.

    Parameters
    ----------
    jitters : steps by which spikes move at most; those of as many steps or more are left out
    coded : whether the input is spikes, which can be moved
    """
    if steps < 2:
        return []
    places = list(WHERE) if coded else ["hidden"]
    ways: list[int | None] = [*(jitter for jitter in jitters if jitter < steps), None]
    return [Moved(where, jitter) for where, jitter in product(places, ways)]


def moved_hits(
    network: nn.Module, clips: Dataset, batch_clips: int, moved: Moved, *, draws: int, seed: int
) -> npt.NDArray[np.float64]:
    """Return in what share of draws each clip is classified rightly with spikes at other times.

    Parameters
    ----------
    network : trained; in inference
    clips : with single labels
    draws : of other times, each from its own seed

    Returns
    -------
    (clip,)
    """
    total = np.zeros(len(clips))
    targets = clips.present
    for draw in range(draws):
        chosen = _decided(network, clips, batch_clips, moved, derive(seed, "times", draw))
        total += targets[np.arange(len(clips)), chosen] > 0
    return total / draws


def _decided(
    network: nn.Module, clips: Dataset, batch_clips: int, moved: Moved, seed: int
) -> npt.NDArray[np.intp]:
    network.eval()
    generator = torch.Generator().manual_seed(derive(seed, "input"))
    of_input, of_hidden = WHERE[moved.where]
    found = []
    with torch.inference_mode(), _hooked(network, moved, seed if of_hidden else None):
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            x = batched(clips.batch(rows), frames=False)
            x = moved.change(x, generator) if of_input else x
            found.append(network(x).argmax(1).numpy())
    return np.concatenate(found)


@contextmanager
def _hooked(network: nn.Module, moved: Moved, seed: int | None) -> Iterator[None]:
    """Move the spikes of all hidden layers in calls within the context; no seed: none."""
    handles = []
    for number, layer in enumerate([] if seed is None else hidden(network)):
        if layer.neuron is None or not layer.spiking:
            continue
        assert seed is not None
        generator = torch.Generator().manual_seed(derive(seed, "layer", number))

        def move(
            module: nn.Module,
            inputs: object,
            output: torch.Tensor,
            generator: torch.Generator = generator,
        ) -> torch.Tensor:
            return moved.change(output, generator)

        handles.append(layer.neuron.register_forward_hook(move))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
