"""Sums over batches, by layer, until they become means per clip."""

from __future__ import annotations

from dataclasses import replace

from spikesound.costs.by_frame import FrameCounts, joined, mean_layers
from spikesound.costs.layer import LayerCounts


class Tally:
    """Adds up what each batch cost, of networks of one shape."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._clips: dict[str, int] = {}
        self._sums: dict[str, LayerCounts] = {}
        self._frames: dict[str, list[FrameCounts]] = {}

    def add(self, place: int, clips: int, batch: LayerCounts | FrameCounts) -> None:
        """Add a batch's counts.

        Parameters
        ----------
        place : of the layer in the network, by which the counts are ordered
        batch : sums over its clips, sizes being those of one clip; or counts frame by frame
        """
        name = batch.size.layer if isinstance(batch, FrameCounts) else batch.layer
        self._places.setdefault(name, (place, len(self._places)))
        self._clips[name] = self._clips.get(name, 0) + clips
        if isinstance(batch, FrameCounts):
            self._frames.setdefault(name, []).append(batch)
            return
        before = self._sums.get(name)
        self._sums[name] = batch if before is None else _summed(before, batch)

    def frames(self) -> list[FrameCounts]:
        """Return the counts of layers that were counted frame by frame, of all clips."""
        return [joined(self._frames[name]) for name in self._ordered() if name in self._frames]

    def layers(self) -> list[LayerCounts]:
        """Return the means per clip."""
        return [
            self._mean(name) if name in self._sums else self._whole(name)
            for name in self._ordered()
        ]

    def _ordered(self) -> list[str]:
        return sorted(self._places, key=lambda name: self._places[name])

    def _mean(self, name: str) -> LayerCounts:
        layer, clips = self._sums[name], self._clips[name]
        return replace(
            layer,
            dense=layer.dense / clips,
            effective=layer.effective / clips,
            active_inputs=layer.active_inputs / clips,
            active_outputs=layer.active_outputs / clips,
            neuron_updates=layer.neuron_updates / clips,
            distinct=layer.distinct / clips,
        )

    def _whole(self, name: str) -> LayerCounts:
        counts = joined(self._frames[name])
        return mean_layers([counts], len(counts.effective))[0]


def _summed(before: LayerCounts, batch: LayerCounts) -> LayerCounts:
    return replace(
        batch,
        dense=before.dense + batch.dense,
        effective=before.effective + batch.effective,
        active_inputs=before.active_inputs + batch.active_inputs,
        active_outputs=before.active_outputs + batch.active_outputs,
        neuron_updates=before.neuron_updates + batch.neuron_updates,
        distinct=before.distinct + batch.distinct,
    )
