"""What benchmarks/gpu.py runs, in groups whose calls take turns."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "benchmarks/neurons"))

from measure import Run, take_turns, training

from spikesound.features import compute, feature_shape
from spikesound.models.build import build
from spikesound.models.spec import Spec, spec_of
from spikesound.params import FeatureParams, LIFParams, Params
from spikesound.snn.decoding import cross_entropy
from spikesound.snn.kernels.lif import lif
from spikesound.snn.kernels.rule import Rule
from spikesound.snn.neurons import NEURONS
from spikesound.training.stream.augment import prepared

Row = dict[str, Any]

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MODELS = ("ann-cnn", "snn-cnn-surrogate")
CLASSES = 10
RULES = {
    "subtract": Rule(),
    "zero, refractory 2": Rule("zero", 2, "fast_sigmoid"),
    "none, refractory 1": Rule("none", 1, "triangular", 0.5),
}


@dataclass(frozen=True)
class Sizes:
    """Sizes of the workloads.

    Attributes
    ----------
    neurons, steps, batch : of the open benchmark (gpu_published.yaml)
    checked : steps and neurons of the comparison of kernel and loop
    clip_s, batches : length of clips, and how many are trained on at once
    channels : of the network of some five million parameters
    sounds : clips of which features are computed at once
    """

    neurons: int = 16384
    steps: int = 500
    batch: int = 16
    checked: tuple[int, int] = (200, 20_011)
    clip_s: float = 5.0
    batches: tuple[int, ...] = (32, 256)
    channels: tuple[int, ...] = (64, 128, 256, 512, 752)
    sounds: int = 256


SMALL = Sizes(12, 5, 2, (9, 40), 0.5, (2,), (2, 3), 3)


@dataclass(frozen=True)
class Place:
    """Where and how a group runs: device, sizes, rounds, and seconds its rounds may take."""

    device: torch.device
    sizes: Sizes
    rounds: int
    budget_s: float

    def finished(self, run: Run) -> Run:
        """Return the call, at whose end the device has nothing left to do."""
        if self.device.type != "cuda":
            return run

        def call() -> None:
            run()
            torch.cuda.synchronize(self.device)

        return call

    def timed(self, calls: dict[str, Run]) -> Iterator[tuple[str, Row]]:
        """Yield median, lowest and highest time of each call in ms, and what memory it adds."""
        runs = {name: self.finished(call) for name, call in calls.items()}
        for name, times in take_turns(runs, self.rounds, self.budget_s).items():
            row: Row = {"median_ms": round(statistics.median(times), 4)}
            row |= {"low_ms": round(min(times), 4), "high_ms": round(max(times), 4)}
            yield name, row | {"rounds": len(times), "peak_mb": self.peak_mb(runs[name])}

    def peak_mb(self, run: Run) -> float | None:
        """Return by how much a call raises what is allocated on the card; None: no card."""
        if self.device.type != "cuda":
            return None
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        run()
        return round((torch.cuda.max_memory_allocated(self.device) - before) / 1e6, 1)


def equality(place: Place) -> Iterator[Row]:
    """Yield how many spikes of the kernel differ from the plain loop's in float32, and gradients.

    ``error`` is the largest difference of the currents' gradient, ``bound`` what it may be: the
    rounding of the type, and 1e-5 of the largest gradient.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(place.sizes.checked, generator=generator) for _ in range(2)]
    for (name, dtype), (rule_name, rule) in product(DTYPES.items(), RULES.items()):
        currents, weights = ((each + 0.3).to(place.device, dtype) for each in drawn)
        spikes, gradient = _passes(currents, weights, rule, "triton")
        plain, wanted = _passes(currents.float(), weights.float(), rule, "torch")
        differing = int((spikes.float() != plain).sum())
        error = (gradient.float() - wanted).abs()
        bound = torch.finfo(dtype).eps * wanted.abs() + 1e-5 * wanted.abs().max()
        yield {
            "rule": rule_name,
            "dtype": name,
            "spikes": int(plain.sum()),
            "differing": differing,
            "error": float(error.max()),
            "bound": float(bound[error == error.max()].max()),
            "equal": not differing and bool((error <= bound).all()),
        }


def _passes(
    currents: torch.Tensor, weights: torch.Tensor, rule: Rule, backend: str
) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = currents.clone().requires_grad_()
    scalars = (torch.tensor(value, device=leaf.device) for value in (0.8, 0.9))
    spikes = lif(leaf, *scalars, rule, backend)
    (gradient,) = torch.autograd.grad(spikes, leaf, weights)
    return spikes.detach(), gradient


def open_benchmark(place: Place) -> Iterator[Row]:
    """Yield times of one linear layer and its neurons, forward and backward from the sum."""
    sizes = place.sizes
    shape = sizes.steps, sizes.batch, sizes.neurons
    x = torch.randn(shape, device=place.device)
    neuron = LIFParams(
        beta=0.95,
        learn_beta=False,
        threshold=1.0,
        learn_threshold=False,
        reset="subtract",
        refractory=0,
        surrogate="atan",
        slope=2.0,
        backend="auto",
    )
    loop = neuron.model_copy(update={"backend": "torch"})
    linear = nn.Linear(sizes.neurons, sizes.neurons, device=place.device)
    networks = {
        ("dense floor (ReLU)", "float32"): nn.Sequential(linear, nn.ReLU()),
        ("spikesound", "float32"): nn.Sequential(linear, NEURONS["lif"](neuron)),
        ("spikesound, plain loop", "float32"): nn.Sequential(linear, NEURONS["lif"](loop)),
    }
    calls: dict[tuple[str, str], Run] = {
        key: _multiplied("highest", training(network.to(place.device), x))
        for key, network in networks.items()
    }
    fused = networks["spikesound", "float32"]
    calls["spikesound", "float32, products in TF32"] = _multiplied("high", training(fused, x))
    for name in ("bfloat16", "float16"):
        dtype = DTYPES[name]
        half = nn.Linear(sizes.neurons, sizes.neurons, device=place.device, dtype=dtype)
        network = nn.Sequential(half, NEURONS["lif"](neuron).to(place.device))
        calls["spikesound", name] = training(network, x.to(dtype))
    keys = {", ".join(key): key for key in calls}
    for name, row in place.timed({name: calls[key] for name, key in keys.items()}):
        library, dtype_name = keys[name]
        yield {"network": library, "dtype": dtype_name, **row}


def _multiplied(precision: str, run: Run) -> Run:
    """Return the call with products of float32 matrices in full (highest) or TF32 (high)."""

    def call() -> None:
        torch.set_float32_matmul_precision(precision)
        try:
            run()
        finally:
            torch.set_float32_matmul_precision("highest")

    return call


def specs() -> dict[str, Spec]:
    """Return the specs of the default CNN of params.yaml, conventional and spiking."""
    params = Params.load(ROOT / "params.yaml")
    found = {}
    for name in MODELS:
        model = params.model(name)
        coded = model.row.reads == "spikes"
        found[name] = spec_of(
            model,
            fold="1",
            seed=params.seed,
            names={str(number): str(number) for number in range(CLASSES)},
            bins=params.features.mels,
            front_end=None,
            encoding=(params.encoding, params.encodings[params.encoding]) if coded else None,
        )
    return found


def default_cnn(place: Place) -> Iterator[Row]:
    """Yield clips per second of training steps of the default CNN."""
    return _trained(place, specs())


def wide_cnn(place: Place) -> Iterator[Row]:
    """Yield those of the CNN with channels that make some five million parameters."""
    wide = {}
    for name, spec in specs().items():
        values = {**spec.network_params, "channels": list(place.sizes.channels)}
        wide[f"{name}, wide"] = spec.model_copy(update={"network_params": values})
    return _trained(place, wide)


def _trained(place: Place, of: dict[str, Spec]) -> Iterator[Row]:
    frames, bins = feature_shape(_features(place))
    calls, about = {}, {}
    for (name, spec), mixed, batch in product(of.items(), (False, True), place.sizes.batches):
        network = build(spec).to(place.device)
        x = torch.rand(1, batch, frames, bins, device=place.device)
        dtype = "bfloat16 mixed" if mixed else "float32"
        key = f"{name}, {dtype}, {batch}"
        calls[key] = _step(network, lambda x=x: x, batch, place.device, mixed=mixed)
        count = sum(each.numel() for each in network.parameters())
        about[key] = {"network": name, "dtype": dtype, "batch": batch, "parameters": count}
    for key, row in place.timed(calls):
        yield {**about[key], **row, "clips_per_s": _rate(about[key]["batch"], row)}


def _step(
    network: nn.Module,
    inputs: Callable[[], torch.Tensor],
    batch: int,
    device: torch.device,
    *,
    mixed: bool = False,
) -> Run:
    """Return a training step as the pipeline's: forward, backward, AdamW."""
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.01)
    targets = torch.eye(CLASSES, device=device)[torch.arange(batch, device=device) % CLASSES]

    def step() -> None:
        optimiser.zero_grad()
        within: AbstractContextManager[Any] = nullcontext()
        if mixed:
            within = torch.autocast(device.type, torch.bfloat16)
        with within:
            loss = cross_entropy(network(inputs()).float(), targets)
        loss.backward()
        optimiser.step()

    return step


def on_the_fly(place: Place) -> Iterator[Row]:
    """Yield clips per second of features of sound, alone and with a training step."""
    features, batch = _features(place), place.sizes.sounds
    samples = round(place.sizes.clip_s * features.rate_hz)
    waves = torch.rand(batch, samples, device=place.device) * 2 - 1
    ranges = [torch.full((features.mels,), value, device=place.device) for value in (-60.0, 0.01)]

    def inputs() -> torch.Tensor:
        x = prepared(compute(waves, features), features.mels, (ranges[0], ranges[1]))
        return x.transpose(0, 1).contiguous()

    calls: dict[str, Run] = {"log-mel": inputs}
    for name, spec in specs().items():
        network = build(spec).to(place.device)
        calls[f"log-mel, {name}"] = _step(network, inputs, batch, place.device)
    for name, row in place.timed(calls):
        rate = _rate(batch, row)
        yield {"network": name, "dtype": "float32", "batch": batch, **row, "clips_per_s": rate}


def _features(place: Place) -> FeatureParams:
    params = Params.load(ROOT / "params.yaml").features
    return params.model_copy(update={"clip_s": place.sizes.clip_s})


def _rate(clips: int, row: Row) -> float:
    return round(1000 * clips / float(row["median_ms"]), 1)


@dataclass(frozen=True)
class Group:
    """Rows that are measured together, within a time limit."""

    limit_s: float
    rows: Callable[[Place], Iterator[Row]]


GROUPS = {
    "equality": Group(75, equality),
    "open": Group(110, open_benchmark),
    "train": Group(85, default_cnn),
    "train_wide": Group(95, wide_cnn),
    "on_the_fly": Group(65, on_the_fly),
}
"""In the order in which they run; the limits add up to less than eight minutes."""
