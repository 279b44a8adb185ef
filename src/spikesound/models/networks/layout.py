"""Sizes and read-out that a network is built for, apart from its own parameters."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.core.errors import SpikesoundError


@dataclass(frozen=True)
class Layout:
    """Sizes of input and output, time steps and read-out.

    Attributes
    ----------
    bins, classes : size of the feature axis, and number of classes
    steps : time steps; an input of one step is repeated, any other must have this many
    step_weights : what the input of each step is multiplied by; None: nothing
    readout : ``rate``, a linear map of the spike counts, or an entry of
        :data:`spikesound.snn.decoding.READOUTS` on output neurons
    attention : of networks that put out frames: a head for attention over them
    """

    bins: int
    classes: int
    steps: int = 1
    step_weights: tuple[float, ...] | None = None
    readout: str = "rate"
    attention: bool = False

    def conventional_only(self, network: str) -> None:
        """Refuse time steps, of a network that has no spiking twin.

        Raises
        ------
        SpikesoundError
            If more than one time step is requested.
        """
        if self.steps != 1:
            raise SpikesoundError(
                f"network {network!r} has no spiking twin: 1 time step, not {self.steps}"
            )
