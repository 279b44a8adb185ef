"""Sums over the calls of a layer, until they become counts of one sample."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.tags import Kind
from spikesound.costs.layer import LayerCounts, Operation, Source


@dataclass
class Record:
    """What a layer did, summed over its calls and over the samples of the batch.

    Attributes
    ----------
    name, kind : of the layer, and what it is: linear, convolution, pooling, neurons
    module : class of the module, for the table
    rows : inputs of its synapses that it processed: passes times samples
    updates_at : time steps of its neurons
    multiplies : whether it is no synapses, but products
    sums_active : values that its synapses put out
    synapses : weights without biases
    fired_by : module of the neurons that take its sums
    elementwise, calls : values that operations one by one put out, and in how many calls
    others : as in :class:`spikesound.costs.layer.LayerCounts`
    """

    name: str
    kind: str
    module: str
    reads: Kind | None = None
    neuron: str = "none"
    multiplies: bool = False
    rows: float = 0.0
    updates_at: int = 0
    inputs: int = 0
    outputs: int = 0
    synapses: int = 0
    weights: int = 0
    dense: float = 0.0
    effective: float = 0.0
    active_inputs: float = 0.0
    active_outputs: float = 0.0
    sums_active: float = 0.0
    neuron_updates: float = 0.0
    fired_by: str = ""
    elementwise: int = 0
    calls: int = 0

    def sized(self, inputs: int, outputs: int) -> None:
        """Note how many values go in and come out at a time.

        Raises
        ------
        SpikesoundError
            If they were others before: one module stands for layers of different sizes.
        """
        if self.outputs and (self.inputs, self.outputs) != (inputs, outputs):
            raise SpikesoundError(
                f"module {self.name!r} of class {self.module} is called with {inputs} values and "
                f"with {self.inputs}: give each layer a module of its own"
            )
        self.inputs, self.outputs = inputs, outputs

    def folded(self, channels: int) -> int:
        """Return the stored values with a batch norm in them: a bias for each channel."""
        return self.synapses + channels

    def read(self, kind: Kind) -> None:
        """Note what its input is; if it differs between calls it is values."""
        self.reads = kind if self.reads in (None, kind) else "values"


@dataclass(frozen=True)
class Reading:
    """How the sample is presented.

    Attributes
    ----------
    samples : in the batch
    spikes : whether the sample is spikes
    constant : whether it is the same at each time step, so that its sums are computed once
    """

    samples: int
    spikes: bool
    constant: bool


def counts(records: list[Record], reading: Reading) -> list[LayerCounts]:
    """Return the counts of one sample, by layer.

    Raises
    ------
    SpikesoundError
        If a layer's calls cannot be divided among the samples.
    """
    steps = max((record.updates_at for record in records), default=0) or 1
    return [_of_sample(record, reading, steps) for record in records]


def _of_sample(record: Record, reading: Reading, steps: int) -> LayerCounts:
    n = reading.samples
    source, operation = _entry(record.reads or "values", reading)
    if record.kind in ("pooling", "neurons"):
        operation = "mac" if record.multiplies else "ac"
    passes = record.rows / n if record.rows else float(record.calls or record.updates_at)
    if passes != int(passes) or record.neuron_updates % n:
        raise SpikesoundError(
            f"layer {record.name!r} ({record.module}): {record.rows:g} inputs cannot be divided "
            f"among {n} samples; check the layout of the sample"
        )
    once = 1
    kind = record.kind
    if reading.constant and record.reads == "input" and record.weights and passes % steps == 0:
        once, kind = steps, "convolution"  # of one place, whose sums can be kept
    outputs = record.outputs or round(record.elementwise / n / max(1, record.calls))
    if record.updates_at:
        outputs = round(record.neuron_updates / n / record.updates_at)
    fired = record.active_outputs if record.updates_at else record.sums_active
    return LayerCounts(
        record.name,
        kind,
        source,
        operation,
        record.neuron,
        int(passes) // once,
        record.updates_at or int(passes) // once,
        outputs if record.kind == "neurons" else record.inputs or outputs,
        outputs,
        record.weights,
        0,
        dense=record.dense / n / once,
        effective=record.effective / n / once,
        active_inputs=record.active_inputs / n / once,
        active_outputs=fired / n / (1 if record.updates_at else once),
        neuron_updates=record.neuron_updates / n,
        distinct=record.effective / n / once,
    )


def _entry(reads: Kind, reading: Reading) -> tuple[Source, Operation]:
    """Return source and operation of a synapse, by what it reads and never by the values."""
    if reads == "spikes" or (reads == "input" and reading.spikes):
        return "spikes", "ac"
    if reads == "input":
        return "sound", "mac"
    return ("activations" if reads == "activations" else "pooled"), "mac"
