"""Leaky integrate-and-fire networks: ours against the dense floor and other libraries.

    python benchmarks/neurons [--only feedforward one ...] [--rounds 7] [--threads 2] [--out FOLDER]

The dense floor is the same products with ReLU in place of the neurons: what a spiking network costs
at least where each product is dense. SpikingJelly, Norse and Sinabs take part where they can be
imported, snnTorch always. What is measured, and how to read it: docs/results/kernels.md. Writes
neurons.json, neurons_steps.svg and neurons_batch.svg into the folder, and the tables into the page.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

import convolutional
import curves
import feedforward
import page
import recurrent
import targets
from crossover import measure_crossover
from measure import inference, take_turns, training
from rows import Rows, Workload
from settings import spikes

from spikesound.core.atomic import written_aside
from spikesound.core.errors import run
from spikesound.evaluation.peak_memory import peak_mb

STEPS = (16, 100, 400)
RATES = (0.1, 0.01)
BATCH = 64
CURVE_STEPS = (50, 200)  # besides the above
CURVE_BATCHES = (8, 32, 128, 256)
CURVE_ROUNDS = 3
CNN_STEPS = (4, 16)


def made(
    makers: dict[str, Callable[[], nn.Module]], x: torch.Tensor, quiet: bool = False
) -> dict[str, nn.Module]:
    """Make the network in each library that can be imported and runs; say which cannot."""
    networks = {}
    for name, make in makers.items():
        try:
            network = make()
            network(x).sum().backward()
            networks[name] = network
        except Exception as error:  # whatever another library raises, the others are measured
            if name in ("dense floor", "spikesound"):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            if not quiet:
                print(f"{name} takes no part: {reason}", file=sys.stderr)
    return networks


def feed_forward(rate: float, quiet: bool = True) -> dict[str, nn.Module]:
    stack = feedforward.spiking_stack(spikes(100, BATCH, rate), rate)
    makers = {name: partial(make, stack) for name, make in feedforward.NETWORKS.items()}
    return made(makers, spikes(2, 2, rate), quiet)


def both(
    rows: Rows,
    workload: Workload,
    networks: dict[str, nn.Module],
    x: torch.Tensor,
    options: argparse.Namespace,
) -> None:
    """Measure inference, and training with its peak of memory."""
    infer = {name: inference(network, x) for name, network in networks.items()}
    rows.add(workload, "infer", take_turns(infer, options.rounds, options.budget))
    train_rows(rows, workload, networks, x, options.rounds, options.budget)


def train_rows(
    rows: Rows,
    workload: Workload,
    networks: dict[str, nn.Module],
    x: torch.Tensor,
    rounds: int,
    budget_s: float,
) -> None:
    train = {name: training(network, x) for name, network in networks.items()}
    times = take_turns(train, rounds, budget_s)
    rows.add(workload, "train", times, {name: peak_mb(call) for name, call in train.items()})


def run_feedforward(rows: Rows, options: argparse.Namespace) -> None:
    for rate in RATES:
        networks = feed_forward(rate, quiet=rate != RATES[0])
        for steps in options.steps:
            x = spikes(steps, BATCH, rate)
            both(rows, Workload(targets.FORWARD, steps, BATCH, rate), networks, x, options)


def run_one(rows: Rows, options: argparse.Namespace) -> None:
    for rate in RATES:
        networks = feed_forward(rate)
        for steps in options.steps:
            x = spikes(steps, 1, rate)
            calls = {name: inference(network, x) for name, network in networks.items()}
            calls[targets.FROZEN] = inference(networks["spikesound"].frozen(), x)
            times = take_turns(calls, options.rounds, options.budget)
            rows.add(Workload(targets.FORWARD, steps, 1, rate), "infer", times)


def run_convolutional(rows: Rows, options: argparse.Namespace) -> None:
    for steps in CNN_STEPS:
        params = ROOT / "params.yaml"
        makers = {
            name: partial(convolutional.network, name, steps, params)
            for name in convolutional.NEURON
        }
        x = convolutional.latencies(steps)
        networks = made(makers, x[:, :2], steps != CNN_STEPS[0])
        networks[targets.ONCE] = _OneStep(convolutional.network("dense floor", 1, params))
        workload = Workload(targets.CNN, steps, convolutional.BATCH)
        train_rows(rows, workload, networks, x, options.rounds, options.budget)
        for network in networks.values():
            network.eval()
        infer = {name: inference(network, x) for name, network in networks.items()}
        infer[targets.FROZEN] = inference(convolutional.frozen(networks["spikesound"]), x)
        rows.add(workload, "infer", take_turns(infer, options.rounds, options.budget))


class _OneStep(nn.Module):
    """The conventional twin, given the first step only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(x[:1])
        return scores


def run_recurrent(rows: Rows, options: argparse.Namespace) -> None:
    torch.manual_seed(1)
    networks = made(recurrent.NETWORKS, spikes(2, 2, 0.1))
    for steps in options.steps:
        workload = Workload("recurrent", steps, BATCH, 0.1)
        both(rows, workload, networks, spikes(steps, BATCH, 0.1), options)


def run_curves(rows: Rows, options: argparse.Namespace) -> None:
    networks = feed_forward(RATES[0])
    points = [(steps, BATCH) for steps in CURVE_STEPS] + [(100, batch) for batch in CURVE_BATCHES]
    for steps, batch in points:
        workload, x = Workload(targets.FORWARD, steps, batch, RATES[0]), spikes(steps, batch, 0.1)
        train_rows(rows, workload, networks, x, CURVE_ROUNDS, options.budget)


def run_crossover(rows: Rows, options: argparse.Namespace) -> None:
    measure_crossover(rows, BATCH, options.rounds, options.budget)


PARTS: dict[str, Callable[[Rows, argparse.Namespace], None]] = {
    "feedforward": run_feedforward,
    "one": run_one,
    "convolutional": run_convolutional,
    "recurrent": run_recurrent,
    "curves": run_curves,
    "crossover": run_crossover,
}


def write(rows: Rows, folder: Path, parts: list[str]) -> Iterator[Path]:
    """Write the rows, and the pictures if all that they show was measured."""
    path = folder / "neurons.json"
    with written_aside(path) as file:
        file.write(json.dumps(rows.held, indent=1).encode() + b"\n")
    yield path
    if {"feedforward", "curves"} <= set(parts):
        shown = {"kind": targets.FORWARD, "rate": RATES[0]}
        for axis, fixed in (("steps", {"batch": BATCH}), ("batch", {"steps": 100})):
            path = folder / f"neurons_{axis}.svg"
            curves.draw(rows.held, axis, shown | fixed, path)
            yield path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--budget", type=float, default=6, help="s a row of libraries may take")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/results/kernels.md")
    parser.add_argument("--fill", action="store_true", help="the page from the file, and no more")
    options = parser.parse_args()
    if options.fill:
        known = json.loads((options.out / "neurons.json").read_text(encoding="utf-8"))
        page.fill(options.page, known)
        return
    start = time.monotonic()
    rows = Rows()
    for part in options.only:
        torch.set_num_threads(options.threads)
        PARTS[part](rows, options)
    options.out.mkdir(parents=True, exist_ok=True)
    for path in write(rows, options.out, options.only):
        print(f"{path} written", file=sys.stderr)
    print(f"\n{targets.table(rows.held)}")
    if set(options.only) == set(PARTS):
        page.fill(options.page, rows.held)
    print(f"{time.monotonic() - start:.0f} s in all, {options.threads} threads", file=sys.stderr)


if __name__ == "__main__":
    run(main)
