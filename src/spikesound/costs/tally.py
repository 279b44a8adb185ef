"""Sums over batches, by layer, until they become means per clip."""

from __future__ import annotations

from dataclasses import replace

from spikesound.costs.layer import LayerCounts, Operation

Input = Operation


class Tally:
    """Adds up what each batch cost; the layers stand in the order of their first batch.

    Attributes
    ----------
    neuron : name of the neurons of the network that is being counted
    """

    def __init__(self) -> None:
        self.neuron = "none"
        self._clips: dict[str, int] = {}
        self._sums: dict[str, LayerCounts] = {}

    def add(self, clips: int, batch: LayerCounts) -> None:
        """Add a batch's counts: sums over its clips; sizes are those of one clip."""
        name = batch.layer
        before = self._sums.get(name)
        self._clips[name] = self._clips.get(name, 0) + clips
        if before is None:
            self._sums[name] = batch
            return
        self._sums[name] = replace(
            batch,
            dense=before.dense + batch.dense,
            effective=before.effective + batch.effective,
            active_inputs=before.active_inputs + batch.active_inputs,
            active_outputs=before.active_outputs + batch.active_outputs,
            neuron_updates=before.neuron_updates + batch.neuron_updates,
        )

    def layers(self) -> list[LayerCounts]:
        """Return the means per clip."""
        return [
            replace(
                layer,
                dense=layer.dense / self._clips[name],
                effective=layer.effective / self._clips[name],
                active_inputs=layer.active_inputs / self._clips[name],
                active_outputs=layer.active_outputs / self._clips[name],
                neuron_updates=layer.neuron_updates / self._clips[name],
            )
            for name, layer in self._sums.items()
        ]
