"""Counts of one layer for a clip, from which energies are computed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pandas as pd

from spikesound.core.errors import SpikesoundError

Operation = Literal["mac", "ac", "weighted_ac"]
"""Operation of a synapse: multiply and accumulate a value; accumulate its weight for a spike; the
same where each step's sums are multiplied by the step's weight (phase coding)."""


Source = Literal["sound", "activations", "pooled", "spikes"]
"""Kind of a layer's input: features, outputs of neurons, means and maxima of such, or spikes."""


@dataclass(frozen=True)
class LayerCounts:
    """Means per clip, over the clips that were run.

    Attributes
    ----------
    layer, kind : its name, and what it is (convolution, recurrent, linear, pooling, ...)
    source : what its input is
    operation : of a synapse, by what the layer's input is, never by its values
    neuron : which neurons its sums go to: relu, lif, ..., or none
    passes : number of passes over its synapses: time steps, frames, or 1 where the sums of a
        steady input are kept
    steps : times its neurons are updated
    inputs, outputs : places of the input and neurons, per pass
    weights : stored values: synapses and biases, batch norm folded
    merged_bits : by how many bits a weight is longer than it was trained: a mean over four places
        that is merged into a kernel makes sums of four weights of it, two bits more
    dense : operations if each place of the input took part in each pass
    effective : operations of the places that were not zero, each with its true fan-out
    active_inputs, active_outputs : places that were not zero, over all passes; spikes, if spiking
    neuron_updates : of a neuron's state, or evaluations of its function
    distinct : operations of the places that were not zero in at least one pass, each counted once:
        the weights fetched where a weight is fetched once for all passes
    """

    layer: str
    kind: str
    source: Source
    operation: Operation
    neuron: str
    passes: int
    steps: int
    inputs: int
    outputs: int
    weights: int
    merged_bits: int
    dense: float
    effective: float
    active_inputs: float
    active_outputs: float
    neuron_updates: float
    distinct: float

    @property
    def effective_macs(self) -> float:
        """Multiply-accumulates of inputs that were not zero."""
        if self.operation == "mac":
            return self.effective
        return float(self.outputs * self.passes) if self.operation == "weighted_ac" else 0.0

    @property
    def effective_acs(self) -> float:
        """Accumulates: one a spike and synapse."""
        return 0.0 if self.operation == "mac" else self.effective

    @property
    def dense_macs(self) -> float:
        """Multiply-accumulates if no zero is left out; spikes have none."""
        return self.dense if self.operation == "mac" else self.effective_macs


def totals(layers: list[LayerCounts]) -> dict[str, int]:
    """Return the sums over layers, rounded, under flat names for a metric file."""
    names = ("dense", "dense_macs", "effective_macs", "effective_acs", "neuron_updates")
    sums = {name: round(sum(getattr(layer, name) for layer in layers)) for name in names}
    return {("dense_operations" if name == "dense" else name): sums[name] for name in names}


def write_layers(layers: list[LayerCounts], path: Path) -> None:
    """Write the counts as CSV, a row a layer; shares of an operation are kept to a tenth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame([asdict(layer) for layer in layers])
    rows.round(1).to_csv(path, index=False)


def read_layers(path: Path) -> list[LayerCounts]:
    """Read what :func:`write_layers` wrote.

    Raises
    ------
    SpikesoundError
        If the file is missing or has other columns.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; evaluate the model (dvc repro)")
    rows = pd.read_csv(path, keep_default_na=False)
    wanted = [field.name for field in fields(LayerCounts)]
    if list(rows.columns) != wanted:
        raise SpikesoundError(f"{path}: expected columns {wanted}, got {list(rows.columns)}")
    return [LayerCounts(*row) for row in rows.itertuples(index=False, name=None)]
