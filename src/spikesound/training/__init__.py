"""Ways of training, by name."""

from __future__ import annotations

from collections.abc import Callable

from spikesound.training.loop import Trained, train

METHODS: dict[str, Callable[..., Trained]] = {
    "surrogate": train,  # backpropagation through time, with the neuron's surrogate gradient
}
