"""Bit widths of weights, activations, spikes and sums."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.layer import LayerCounts
from spikesound.costs.neuron_work import spikes
from spikesound.params import ProfileParams


@dataclass(frozen=True)
class Widths:
    """Bits of each kind of value; a spike has one.

    Attributes
    ----------
    weight, activation, state : of weights as trained, outputs of neurons, sums and states
    value : of what is not rounded with the activations: the sound's features, pooled values
    """

    weight: int
    activation: int
    state: int
    value: int

    def weight_bits(self, layer: LayerCounts) -> int:
        """Return the bits of a stored weight; a float holds a merged sum in its own."""
        return self.weight + layer.merged_bits if self.weight < _FLOAT else self.weight

    def input_bits(self, layer: LayerCounts) -> int:
        """Return the bits of a place of the layer's input."""
        bits = {"spikes": 1, "activations": self.activation}
        return bits.get(layer.source, self.value)

    def output_bits(self, layer: LayerCounts) -> int:
        """Return the bits of a place of the layer's output."""
        if spikes(layer):
            return 1
        return self.value if layer.neuron == "none" else self.activation


_FLOAT = 16
"""Weights of as many bits or more are floats, or integers with room to spare."""


def widths(profile: ProfileParams, weight_bits: int | None, activation_bits: int | None) -> Widths:
    """Return the widths of a profile; in an integer one a network of fewer bits has its own."""
    weight, activation = profile.weight_bits, profile.activation_bits
    if profile.integer:
        weight = min(weight, weight_bits or weight)
        activation = min(activation, activation_bits or activation)
    return Widths(weight, activation, profile.state_bits, profile.activation_bits)


def mac_pj(profile: ProfileParams, weight_bits: int, input_bits: int) -> float:
    """Return the energy of a multiply-accumulate at these widths.

    .. math:: E_{MAC}(b_w, b_a) = (E_{MAC} - E_{AC}) \\frac{b_w b_a}{B_w B_a} + E_{AC}

    for a profile of :math:`B_w, B_a` bits: an array multiplier has a cell for each pair of bits.
    """
    share = weight_bits * input_bits / (profile.weight_bits * profile.activation_bits)
    return (profile.mac_pj - profile.ac_pj) * share + profile.ac_pj
