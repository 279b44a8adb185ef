"""How many bits weights, activations, spikes and sums have."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.costs.layer import LayerCounts
from spikesound.params import ProfileParams

SPIKING = frozenset({"lif", "integrate_and_fire", "cuba_lif", "alif", "izhikevich",
                      "hodgkin_huxley", "winner"})  # fmt: skip

"""Neurons whose outputs are spikes."""


@dataclass(frozen=True)
class Widths:
    """Bits of each kind of value; a spike has one."""

    weight: int
    activation: int
    state: int

    def input_bits(self, layer: LayerCounts) -> int:
        """Return the bits of a place of the layer's input."""
        return self.activation if layer.operation == "mac" or layer.kind == "pooling" else 1

    def output_bits(self, layer: LayerCounts) -> int:
        """Return the bits of a place of the layer's output."""
        return 1 if layer.neuron in SPIKING else self.activation


def widths(profile: ProfileParams, weight_bits: int | None, activation_bits: int | None) -> Widths:
    """Return the widths of a profile; in an integer one a network of fewer bits has its own."""
    weight, activation = profile.weight_bits, profile.activation_bits
    if profile.integer:
        weight = min(weight, weight_bits or weight)
        activation = min(activation, activation_bits or activation)
    return Widths(weight, activation, profile.state_bits)


def mac_pj(profile: ProfileParams, found: Widths) -> float:
    """Return the energy of a multiply-accumulate at these widths.

    .. math:: E_{MAC}(b_w, b_a) = (E_{MAC} - E_{AC}) \\frac{b_w b_a}{B_w B_a} + E_{AC}

    for a profile of :math:`B_w, B_a` bits: an array multiplier has a cell for each pair of bits.
    """
    share = found.weight * found.activation / (profile.weight_bits * profile.activation_bits)
    return (profile.mac_pj - profile.ac_pj) * share + profile.ac_pj
