"""The spike rate below which a spiking network needs less energy than another network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from spikesound.costs.layer import LayerCounts
from spikesound.costs.neuron_work import spikes


def spike_rate(layers: Sequence[LayerCounts]) -> float:
    """Return spikes per neuron and step over the layers that spike."""
    spiking = [layer for layer in layers if spikes(layer)]
    chances = sum(layer.neuron_updates for layer in spiking)
    return sum(layer.active_outputs for layer in spiking) / chances if chances else 0.0


def rescaled(layers: Sequence[LayerCounts], steps: int, factor: float) -> list[LayerCounts]:
    """Return the counts of the same network at other steps, its spikes times a factor.

    Spikes per step of each layer, and what follows from them, are multiplied by the factor;
    everything that is done at each step grows with the number of steps. What depends on neither
    (the sums of a steady input, the read-out of summed spikes) stays. The input of the first layer
    is not scaled: it is the sound's, and its spikes per step are taken as they were. The places
    that spike in at least one step are taken to be as many at any number of steps.

    Parameters
    ----------
    layers : as counted
    steps : number of time steps of the network requested
    """
    longer = steps / max(layer.steps for layer in layers)
    scaled = []
    for number, layer in enumerate(layers):
        first = number == 0
        stepwise = 1.0 if _once(layer) else longer
        passes = 1.0 if first and layer.operation == "mac" else stepwise
        by_spikes = factor if layer.source == "spikes" and not first else 1.0
        scaled.append(
            replace(
                layer,
                passes=round(layer.passes * passes),
                steps=layer.steps if layer.kind == "pooling" else round(layer.steps * stepwise),
                dense=layer.dense * passes,
                effective=layer.effective * passes * by_spikes,
                active_inputs=layer.active_inputs * passes * by_spikes,
                active_outputs=layer.active_outputs * stepwise * (factor if spikes(layer) else 1.0),
                neuron_updates=layer.neuron_updates * stepwise,
                distinct=layer.distinct * by_spikes,
            )
        )
    return scaled


def _once(layer: LayerCounts) -> bool:
    """Return whether a layer runs once, on the sum over all steps."""
    return layer.source == "pooled" and layer.passes == 1 and layer.neuron == "none"


def break_even_rate(
    layers: Sequence[LayerCounts],
    steps: int,
    price: Callable[[Sequence[LayerCounts]], float],
    against: float,
) -> float | None:
    """Return the spikes per neuron and step below which a spiking network is cheaper.

    The energy is linear in the spikes, each layer's keeping its share: with the measured rate r,

    .. math:: r^* = r \\, \\frac{E - E(0)}{E(1) - E(0)}

    where E(f) is the network's energy at its spikes times f, and E the other network's.

    Parameters
    ----------
    layers : of the spiking network, as counted
    steps : number of time steps requested; the spikes per step of each layer are taken as measured
    price : from counts to energy
    against : energy of the other network, in the same unit

    Returns
    -------
    float or None
        Capped at 1, a spike at every step; None where the network is dearer without a spike.
    """
    silent = price(rescaled(layers, steps, 0.0))
    busy = price(rescaled(layers, steps, 1.0))
    if silent >= against:
        return None
    if busy <= silent:  # no spike costs anything
        return 1.0
    return min(1.0, spike_rate(layers) * (against - silent) / (busy - silent))
