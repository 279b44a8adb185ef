"""Leaky integrate-and-fire networks: ours against the dense floor and other libraries.

    python benchmarks/neurons.py [--steps 16 100 400] [--rates 0.1 0.01] [--rounds 7] [--out FILE]

The network is 64-256-256-10, weights scaled so that every layer's spike rate is that of the input.
The dense floor is the same products with ReLU in place of the neurons: what a spiking network costs
at least where each product is dense. LSTM and GRU have 256 hidden units. SpikingJelly, Norse and
Sinabs take part where they can be imported. All take turns within a round; each figure is the
median, lowest and highest round. Memory is the rise of a process's own peak in one training step.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import snntorch
import torch
from snntorch import surrogate
from torch import nn

from spikesound.events.spiking_linear import SpikingLinear, SpikingStack
from spikesound.params import LIFParams

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = (64, 256, 256, 10)
BETA = 0.9
PAUSE_S = 0.02  # threads of the library before go on spinning for some time
PARAMS = LIFParams(
    beta=BETA,
    learn_beta=False,
    threshold=1.0,
    learn_threshold=False,
    reset="subtract",
    refractory=0,
    surrogate="atan",
    slope=2.0,
    backend="auto",
)

Run = Callable[[], object]


def linears(stack: SpikingStack) -> nn.ModuleList:
    """Copy the stack's weights into torch's own layers."""
    copies = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(WIDTHS))
    with torch.no_grad():
        for copied, layer in zip(copies, stack, strict=True):
            copied.weight.copy_(layer.linear.weight)
            copied.bias.copy_(layer.linear.bias)
    return copies


def spiking_stack(x: torch.Tensor, rate: float) -> SpikingStack:
    """Make the network, and scale each layer's weights until it spikes at the rate."""
    torch.manual_seed(1)
    stack = SpikingStack(*(SpikingLinear(a, b, PARAMS) for a, b in pairwise(WIDTHS)))
    with torch.no_grad():
        for layer in stack:
            layer.linear.bias.zero_()
            weights = layer.linear.weight.clone()
            low, high = 0.0, 50.0
            for _ in range(20):
                scale = (low + high) / 2
                layer.linear.weight.copy_(weights * scale)
                above = layer(x).mean() > rate
                low, high = (low, scale) if above else (scale, high)
            x = layer(x)
    return stack


class Floor(nn.Module):
    """The same products, all time steps at once, with ReLU."""

    def __init__(self, stack: SpikingStack) -> None:
        super().__init__()
        self.layers = linears(stack)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


class SnnTorch(nn.Module):
    """snnTorch's loop over time."""

    def __init__(self, stack: SpikingStack) -> None:
        super().__init__()
        self.layers = linears(stack)
        self.cells = nn.ModuleList(
            snntorch.Leaky(beta=BETA, spike_grad=surrogate.atan(alpha=2.0)) for _ in self.layers
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        potentials = [torch.zeros(x.shape[1], layer.out_features) for layer in self.layers]
        out = []
        for spikes in x.unbind(0):
            for number, (layer, cell) in enumerate(zip(self.layers, self.cells, strict=True)):
                spikes, potentials[number] = cell(layer(spikes), potentials[number])
            out.append(spikes)
        return torch.stack(out)


class Recurrent(nn.Module):
    """LSTM or GRU of 256 units and a linear read-out."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.recurrent = kind(WIDTHS[0], 256)
        self.readout = nn.Linear(256, WIDTHS[-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.readout(self.recurrent(x)[0])
        return scores


def spikingjelly(stack: SpikingStack) -> nn.Module:
    base = importlib.import_module("spikingjelly.activation_based")
    neuron = importlib.import_module("spikingjelly.activation_based.neuron")
    parts: list[nn.Module] = []
    for layer in linears(stack):
        parts += [layer, neuron.LIFNode(tau=10.0, decay_input=False, step_mode="m")]
    network = nn.Sequential(*parts)

    class Reset(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            base.functional.reset_net(self.network)
            return self.network(x)

    return Reset()


def norse(stack: SpikingStack) -> nn.Module:
    library = importlib.import_module("norse.torch")
    parts: list[nn.Module] = []
    for layer in linears(stack):
        parts += [layer, library.LIFBox()]
    return library.Lift(library.SequentialState(*parts))  # type: ignore[no-any-return]


def sinabs(stack: SpikingStack) -> nn.Module:
    library = importlib.import_module("sinabs.layers")
    parts: list[nn.Module] = []
    for layer in linears(stack):
        parts += [layer, library.LIF(tau_mem=10.0)]
    network = nn.Sequential(*parts)

    class Reset(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for part in self.network:
                if hasattr(part, "reset_states"):
                    part.reset_states()
            return self.network(x.transpose(0, 1))  # its axis of time is the second

    return Reset()


LIBRARIES: dict[str, Callable[[SpikingStack], nn.Module]] = {
    "dense floor": Floor,
    "spikesound": lambda stack: stack,
    "snntorch": SnnTorch,
    "lstm": lambda stack: Recurrent(nn.LSTM),
    "gru": lambda stack: Recurrent(nn.GRU),
    "spikingjelly": spikingjelly,
    "norse": norse,
    "sinabs": sinabs,
}


def networks(stack: SpikingStack, x: torch.Tensor) -> dict[str, nn.Module]:
    """Make the network in each library that can be imported and runs; say which cannot."""
    made = {}
    for name, make in LIBRARIES.items():
        try:
            made[name] = make(stack)
            out = made[name](x[:2])
            (out[0] if isinstance(out, tuple) else out).sum().backward()
        except Exception as error:  # whatever another library raises, the others are measured
            made.pop(name, None)
            print(f"{name} takes no part: {str(error).splitlines()[0]}", file=sys.stderr)
    return made


def training(network: nn.Module, x: torch.Tensor) -> Run:
    def step() -> None:
        network.zero_grad(set_to_none=True)
        out = network(x)
        (out[0] if isinstance(out, tuple) else out).sum().backward()

    return step


def inference(network: Callable[[torch.Tensor], object], x: torch.Tensor) -> Run:
    def call() -> None:
        with torch.no_grad():
            network(x)

    return call


def measure(runs: dict[str, Run], rounds: int, pause_s: float) -> dict[str, list[float]]:
    """Time each run once per round, in ms, after a call that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            time.sleep(pause_s)
            run()  # wakes the threads, so that no library pays for the pause
            start = time.perf_counter()
            run()
            if number:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def peak_mb(name: str, steps: int, batch: int, rate: float) -> float | None:
    """Measure, in a process of its own, by how much a training step raises its peak."""
    arguments = ["--peak-of", name, "--steps", str(steps), "--batch", str(batch)]
    done = subprocess.run(
        [sys.executable, __file__, *arguments, "--rates", str(rate)],
        capture_output=True,
        text=True,
        check=False,
    )
    return float(done.stdout) if done.returncode == 0 else None


def print_peak(name: str, steps: int, batch: int, rate: float) -> None:
    short, x = spikes(2, batch, rate), spikes(steps, batch, rate)
    network = LIBRARIES[name](spiking_stack(spikes(20, 4, rate), rate))
    training(network, short)()  # what is loaded and compiled once is not counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    training(network, x)()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def spikes(steps: int, batch: int, rate: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(steps, batch, WIDTHS[0], generator=generator) < rate).float()


def machine() -> str:
    """Name the processor and count its cores."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("torch", "numba", "snntorch", "spikingjelly", "norse", "sinabs"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class Table:
    """Prints rows as they come, and holds them as results."""

    def __init__(self) -> None:
        self.common = {"machine": machine(), "versions": versions()}
        self.results: list[dict[str, Any]] = []
        print("| workload | library | mode | median ms | lowest-highest | of the floor |")
        print("|---|---|---|---|---|---|")

    def add(self, workload: str, mode: str, times: dict[str, list[float]], base: str) -> None:
        floor = statistics.median(times[base])
        for name, values in times.items():
            median = statistics.median(values)
            print(
                f"| {workload} | {name} | {mode} | {median:.3f} | {min(values):.3f}-"
                f"{max(values):.3f} | {median / floor:.3f} |"
            )
            self.results.append(
                {
                    "bench": "neurons",
                    "workload": workload,
                    "library": name,
                    "mode": mode,
                    "median_ms": round(median, 4),
                    "low_ms": round(min(values), 4),
                    "high_ms": round(max(values), 4),
                    "peak_mb": None,
                    **self.common,
                }
            )


def crossover(table: Table, batch: int, rounds: int, pause_s: float) -> None:
    """Time one layer 256-256 both ways over spike rates: where they cross."""
    from spikesound.neurons import spiking_linear

    layer = SpikingLinear(256, 256, PARAMS)
    for rate in (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        generator = torch.Generator().manual_seed(0)
        x = (torch.rand(100, batch, 256, generator=generator) < rate).float()

        def way(limit: float, run: Run) -> Run:
            def call() -> None:
                spiking_linear.INFERENCE_CROSSOVER = spiking_linear.TRAINING_CROSSOVER = limit
                run()

            return call

        for mode, run in (("infer", inference(layer, x)), ("train", training(layer, x))):
            times = measure({"dense": way(-1, run), "sparse": way(1, run)}, rounds, pause_s)
            table.add(f"256-256, T=100, batch {batch}, {rate:.0%}", mode, times, "dense")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[16, 100, 400])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.01])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pause", type=float, default=PAUSE_S, help="s between two libraries")
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, default=list(LIBRARIES))
    parser.add_argument("--skip", nargs="+", choices=("batch", "one", "memory", "crossover"))
    parser.add_argument("--peak-of", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/neurons.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak_of:
        print_peak(options.peak_of, options.steps[0], options.batch, options.rates[0])
        return
    for name in set(LIBRARIES) - {"dense floor", "spikesound", "snntorch", *options.only}:
        del LIBRARIES[name]
    skip = set(options.skip or ())
    table = Table()
    known = {"machine": table.common["machine"], "versions": table.common["versions"]}
    for rate in options.rates:
        stack = spiking_stack(spikes(100, options.batch, rate), rate)
        for steps in options.steps:
            x, one = spikes(steps, options.batch, rate), spikes(steps, 1, rate)
            made = networks(stack, x)
            what = f"64-256-256-10, T={steps}, {rate:.0%} spikes"
            if "batch" not in skip:
                infer = {name: inference(network, x) for name, network in made.items()}
                train = {name: training(network, x) for name, network in made.items()}
                for mode, runs in (("infer", infer), ("train", train)):
                    times = measure(runs, options.rounds, options.pause)
                    table.add(f"{what}, batch {options.batch}", mode, times, "dense floor")
            if "one" not in skip:
                runs = {name: inference(network, one) for name, network in made.items()}
                runs["spikesound, frozen"] = inference(stack.frozen(), one)
                times = measure(runs, options.rounds, options.pause)
                table.add(f"{what}, batch 1", "infer", times, "snntorch")
    if "crossover" not in skip:
        crossover(table, options.batch, options.rounds, options.pause)
    if "memory" not in skip:
        for steps in options.steps:
            for name in LIBRARIES:
                peak = peak_mb(name, steps, options.batch, options.rates[0])
                workload = f"64-256-256-10, T={steps}, batch {options.batch}"
                print(f"| {workload} | {name} | peak of training, MB | {peak} | | |")
                row = {"bench": "neurons", "workload": workload, "library": name, "mode": "train"}
                table.results.append({**row, "peak_mb": peak, **known})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(table.results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
