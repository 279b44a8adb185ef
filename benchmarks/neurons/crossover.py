"""One layer 256-256 of ours, sparse and dense, over shares of spikes: where they cross."""

from __future__ import annotations

from measure import Run, inference, take_turns, training
from rows import Rows, Workload
from settings import HIDDEN, PARAMS, spikes

from spikesound.snn.event_driven import spiking_linear
from spikesound.snn.event_driven.spiking_linear import SpikingLinear

RATES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
STEPS = 100


def measure_crossover(rows: Rows, batch: int, rounds: int, budget_s: float) -> None:
    """Time both ways; the layer's crossovers are set for it, and set back."""
    layer = SpikingLinear(HIDDEN, HIDDEN, PARAMS)
    before = spiking_linear.INFERENCE_CROSSOVER, spiking_linear.TRAINING_CROSSOVER
    try:
        for rate in RATES:
            x = spikes(STEPS, batch, rate, HIDDEN)
            # The gradient of the inputs is wanted too, as from a layer between others.
            learnt = x.clone().requires_grad_()
            for mode, run in (("infer", inference(layer, x)), ("train", training(layer, learnt))):
                ways = {"dense": _limited(-1, run), "sparse": _limited(1, run)}
                times = take_turns(ways, rounds, budget_s)
                rows.add(Workload("one layer 256-256", STEPS, batch, rate), mode, times)
    finally:
        spiking_linear.INFERENCE_CROSSOVER, spiking_linear.TRAINING_CROSSOVER = before


def _limited(limit: float, run: Run) -> Run:
    def call() -> None:
        spiking_linear.INFERENCE_CROSSOVER = spiking_linear.TRAINING_CROSSOVER = limit
        run()

    return call
