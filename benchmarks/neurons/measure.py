"""Time of calls that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

PAUSE_S = 0.02
"""Between two libraries: threads of the one before may go on spinning for some time."""
SAMPLE_S = 0.005
"""A quicker call is repeated until a sample lasts so long: one alone is below what a clock sees."""
LEAST_ROUNDS = 3

Run = Callable[[], object]


def inference(network: Callable[[torch.Tensor], object], x: torch.Tensor) -> Run:
    def call() -> None:
        with torch.no_grad():
            network(x)

    return call


def training(network: nn.Module, x: torch.Tensor) -> Run:
    """Return a call that goes forward, and backward from the sum of what comes out."""

    def step() -> None:
        network.zero_grad(set_to_none=True)
        out = network(x)
        (out[0] if isinstance(out, tuple) else out).sum().backward()

    return step


def take_turns(runs: dict[str, Run], rounds: int, budget_s: float) -> dict[str, list[float]]:
    """Time each run once per round, in ms per call, after a round that is not counted.

    Who is first turns from round to round. Fewer rounds, but at least three, are made where they
    would take longer than the budget.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    once_s = {name: _seconds(run, 1) for name, run in runs.items()}
    for name in names:
        if once_s[name] < 0.5:  # again, without what is done once
            once_s[name] = _seconds(runs[name], 1)
    calls = {name: max(1, round(SAMPLE_S / once_s[name])) for name in names}
    round_s = sum(calls[name] * once_s[name] + PAUSE_S for name in names)
    for number in range(min(rounds, max(LEAST_ROUNDS, int(budget_s / round_s)))):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE_S)
            if once_s[name] < 2 * PAUSE_S:
                runs[name]()  # wakes the threads, so that no library pays for the pause
            times[name].append(1000 * _seconds(runs[name], calls[name]) / calls[name])
    return times


def _seconds(run: Run, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - start
