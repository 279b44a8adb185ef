"""Counting the networks that a local rule makes: winner-take-all, and the self-organising map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikesound.costs.active import active_count
from spikesound.costs.count_cnn import additions, linear
from spikesound.costs.layer import LayerCounts
from spikesound.costs.tally import Input, Tally
from spikesound.models.networks.som import SOM
from spikesound.models.networks.wta import WTA


def watch_wta(network: nn.Module, first: Input, tally: Tally) -> list[object]:
    """Hang hooks on the competing layer and on the read-out; return their handles."""
    assert isinstance(network, WTA)
    spikes = 0.0

    def layer(module: nn.Module, arguments: tuple[Any, ...], output: torch.Tensor) -> None:
        nonlocal spikes
        spikes = active_count(output)

    def whole(module: WTA, arguments: tuple[Any, ...], scores: torch.Tensor) -> None:
        x: torch.Tensor = arguments[0]
        steps, clips, frames, bins = x.shape
        neurons, places = len(module.weight), frames - module.frames + 1
        at = torch.arange(frames)
        reach = neurons * torch.minimum(
            torch.minimum(at + 1, frames - at), torch.tensor(min(module.frames, places))
        )
        heard = torch.count_nonzero(x, dim=(0, 1, 3))
        counts = LayerCounts(
            "patches", "convolution", "sound" if first == "mac" else "spikes", first,
            tally.neuron, steps, steps, frames * bins,
            neurons * places, module.weight.numel(), 0,
            dense=float(steps * clips * bins * reach.sum()),
            effective=float((heard * reach).sum()),
            active_inputs=float(heard.sum()),
            active_outputs=spikes,
            neuron_updates=float(steps * clips * neurons * places),
        )  # fmt: skip
        tally.add(clips, counts)
        # To find the winner each potential is compared once; each spike is counted once.
        compared = additions("competition", "activations", counts.neuron_updates, 0)
        tally.add(clips, replace(compared, passes=steps, steps=steps))
        tally.add(clips, additions("counting", "spikes", spikes, neurons * places))

    def readout(module: nn.Linear, arguments: tuple[Any, ...], scores: torch.Tensor) -> None:
        tally.add(*linear(module, arguments[0], "none", tally))

    return [
        network.neuron.register_forward_hook(layer),
        network.register_forward_hook(whole),
        network.readout.register_forward_hook(readout),
    ]


def watch_som(network: nn.Module, first: Input, tally: Tally) -> list[object]:
    """Hang a hook on the network; return its handle."""
    assert isinstance(network, SOM)

    def whole(module: SOM, arguments: tuple[Any, ...], scores: torch.Tensor) -> None:
        x: torch.Tensor = arguments[0]
        steps, clips, frames, bins = x.shape
        units, readers = module.map.shape[0], module.readout.out_features
        if first != "mac":  # what the steps' spikes are worth is added up at each place
            spikes = active_count(x)
            worth = additions("values", "spikes", spikes, frames * bins)
            tally.add(clips, replace(worth, operation=first, passes=steps, dense=float(x.numel())))
        heard = active_count(module.values(x))
        tally.add(
            clips,
            LayerCounts(
                "map", "linear", "sound", "mac", "winner", frames, frames, bins, units,
                units * (bins + 1), 0, float(clips * frames * bins * units), heard * units, heard,
                float(clips * frames), float(clips * frames * units),
            ),
        )  # fmt: skip
        tally.add(
            clips,
            LayerCounts(
                "readout", "linear", "spikes", "ac", "li", frames, frames, units, readers,
                module.readout.weight.numel(), 0, float(clips * frames * units * readers),
                float(clips * frames * readers), float(clips * frames),
                float(clips * readers), float(clips * frames * readers),
            ),
        )  # fmt: skip

    return [network.register_forward_hook(whole)]
