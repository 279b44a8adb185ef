"""Counting operations while a network runs on real clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import nn

from spikesound.core.errors import choose
from spikesound.costs.count_cnn import watch_cnn
from spikesound.costs.count_own import watch_som, watch_wta
from spikesound.costs.count_recurrent import watch_recurrent
from spikesound.costs.layer import LayerCounts
from spikesound.costs.tally import Input, Tally
from spikesound.models import classifier_spec

WATCHERS: dict[str, Callable[[nn.Module, Input, Tally], list[object]]] = {
    "cnn": watch_cnn,
    "lstm": watch_recurrent,
    "gru": watch_recurrent,
    "rnn": watch_recurrent,
    "wta": watch_wta,
    "som": watch_som,
}
"""For each network what hangs the counting hooks on it; it returns their handles."""


@dataclass
class Counted:
    """Filled while the network runs; `layers` is what it came to."""

    tally: Tally = field(default_factory=Tally)

    @property
    def layers(self) -> list[LayerCounts]:
        """The counts of each layer, means per clip, in the order of computation."""
        return self.tally.layers()


@contextmanager
def counting(network: nn.Module, spec: classifier_spec.Spec, counted: Counted) -> Iterator[None]:
    """Count what every call of the network within the context does.

    Operations are those of the batch that is run: each place of a layer's input that is not zero,
    times its fan-out, borders and strides regarded. Whether they are multiply-accumulates or
    accumulates follows from what the layer gets (values, or spikes of the encoding or of a spiking
    layer), not from the values.

    Parameters
    ----------
    spec : of the network; its encoding says whether the input is spikes
    counted : where the counts go; one may take up several networks of one shape (folds)

    Raises
    ------
    SpikesoundError
        If the network's operations cannot be counted.
    """
    watch = choose(WATCHERS, spec.network, "network to count")
    spikes = spec.neuron is not None and spec.encoding != "direct"
    kind: Input = ("weighted_ac" if spec.step_weights else "ac") if spikes else "mac"
    neuron = spec.neuron or ("relu" if spec.activation_bits is None else "rounded_relu")
    counted.tally.neuron = neuron
    handles = watch(network, kind, counted.tally)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
