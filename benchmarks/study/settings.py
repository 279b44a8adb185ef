"""What is trained for the study."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A model to train on all folds; the rest is as in params.yaml, but :data:`RATE_WEIGHT`.

    Attributes
    ----------
    steps : time steps of a spiking network, by direct coding; None: the ANN twin
    target_rate : spikes per neuron and step that its layers are drawn to; None: free
    width : of each layer, times that of params.yaml
    noisy : trained on each clip as it is and once more in noise, for half the epochs
    seed : of training
    """

    steps: int | None
    seed: int = 1
    target_rate: float | None = None
    width: float = 1.0
    noisy: bool = False

    @property
    def name(self) -> str:
        parts = ["ann" if self.steps is None else f"snn T={self.steps}"]
        if self.target_rate is not None:
            parts.append(f"rate {self.target_rate:g}")
        if self.width != 1:
            parts.append(f"width {self.width:g}")
        if self.noisy:
            parts.append("noise")
        return " ".join(parts)


SEEDS = (1, 2, 3)

SETTINGS = [
    Setting(1),
    Setting(2),
    Setting(1, target_rate=0.1),
    Setting(1, target_rate=0.05),
    Setting(2, target_rate=0.1),
    Setting(2, target_rate=0.05),
    *(Setting(steps, seed) for seed in SEEDS for steps in (None, 4)),
    *(Setting(2, seed, target_rate=0.1) for seed in SEEDS[1:]),
    *(Setting(None, width=width) for width in (0.75, 0.5, 0.25)),  # at equal energy
    Setting(None, noisy=True),
    Setting(4, noisy=True),
]

RATE_WEIGHT = 100.0
"""Of the distance from the target rate, in the loss."""

NOISES = ("white", "pink")
"""That noisy models are trained in. Babble and background are met only in the test."""

SNR_DB = (15.0, 5.0, -5.0)
"""At which; other levels than those of the test."""
