"""Diehl and Cook's network in BindsNET: runs in BindsNET's environment, and imports nothing else.

    python in_bindsnet.py CLIPS.npz SETTINGS.json OUT

CLIPS.npz is written by exchange.py. Training clips are presented one by one, with PostPre STDP and
adaptive thresholds; then, with both frozen, the clips of the parts that SETTINGS names, in batches,
which learning could not be. Neurons get their classes by the training clips. OUT gets counts.npz
and figures.json; a killed run goes on from checkpoint.pt, with the draws of an undisturbed one.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from bindsnet.encoding import PoissonEncoder
from bindsnet.evaluation import all_activity, assign_labels, proportion_weighting
from bindsnet.models import DiehlAndCook2015
from bindsnet.network import Network
from bindsnet.network.monitors import Monitor

PARTS = ("training", "validation", "test")
BATCH = 50
CHECKPOINT_CLIPS = 100
LINE_S = 30.0
DT_MS = 1.0

Settings = dict[str, Any]


def main(clips: Path, settings: Path, out: Path) -> None:
    """Train, present, assign, and write."""
    torch.set_num_threads(1)
    chosen: Settings = json.loads(settings.read_text())
    with np.load(clips) as file:
        inputs, labels, parts = file["intensities"], file["labels"], file["parts"]
        classes = len(file["classes"])
    rates_hz = rates(inputs.reshape(len(inputs), -1), chosen["input_hz"])
    training = np.flatnonzero(parts == PARTS.index("training"))
    order = np.random.default_rng(chosen["seed"]).permutation(training)[: chosen["clips"]]
    out.mkdir(parents=True, exist_ok=True)
    network, spent_s = learn(rates_hz, order, chosen, out / "checkpoint.pt")
    presented = np.isin(parts, [PARTS.index(part) for part in chosen["parts"]])
    rows = np.concatenate([order, np.flatnonzero(presented & (parts != 0))])
    counts, spikes = present(network, rates_hz, rows, chosen["window_ms"])
    known = torch.from_numpy(labels[order])
    of_training = torch.from_numpy(counts[order])[:, None].float()
    assigned, proportions, _ = assign_labels(of_training, known, classes)
    given = torch.from_numpy(counts.clip(0))[:, None].float()
    write_counts(
        out / "counts.npz",
        counts=counts,
        trained=np.isin(np.arange(len(parts)), order),
        all_activity=all_activity(given, assigned, classes).numpy(),
        proportion_weighting=proportion_weighting(given, assigned, proportions, classes).numpy(),
    )
    packages = {name: version(name) for name in ("bindsnet", "torch", "numpy")}
    scored = np.isin(rows, np.flatnonzero(parts == PARTS.index(chosen["parts"][-1])))
    figures = {"train_cpu_s": spent_s, "clips": len(order), "inputs": rates_hz.shape[1]}
    figures |= {f"{layer}_spikes": float(each[scored].mean()) for layer, each in spikes.items()}
    figures |= {"versions": {"python": platform.python_version()} | packages}
    write(out / "figures.json", json.dumps(figures).encode())
    (out / "checkpoint.pt").unlink(missing_ok=True)


def rates(intensities: np.ndarray, input_hz: float) -> torch.Tensor:
    """Return the firing rates of the inputs, in Hz, of which each clip's sum is the same.

    Diehl and Cook raise the rates of an input until the network answers it; quiet and short words
    are brought to the level of the others once and for all.
    """
    sums = intensities.sum(1, keepdims=True, dtype=np.float64)
    return torch.from_numpy((intensities / np.maximum(sums, 1e-9) * input_hz).astype(np.float32))


def build(inputs: int, settings: Settings) -> Network:
    """Return an untrained network, with monitors of its excitatory and inhibitory spikes."""
    network = DiehlAndCook2015(
        n_inpt=inputs,
        n_neurons=settings["neurons"],
        exc=settings["exc"],
        inh=settings["inh"],
        dt=DT_MS,
        norm=settings["norm_per_input"] * inputs,
        nu=tuple(settings["nu"]),
        theta_plus=settings["theta_plus"],
        inpt_shape=(1, inputs),
    )
    for layer in ("Ae", "Ai"):
        monitor = Monitor(network.layers[layer], ["s"], time=settings["window_ms"])
        network.add_monitor(monitor, layer)
    return network


def learn(
    rates_hz: torch.Tensor, order: np.ndarray, settings: Settings, checkpoint: Path
) -> tuple[Network, float]:
    """Return the network after one presentation of each clip, and the processor time in s."""
    torch.manual_seed(settings["seed"])
    window, done, spent_s = settings["window_ms"], 0, 0.0
    network = build(rates_hz.shape[1], settings)
    if checkpoint.is_file():  # our own file: it holds a network, not weights alone
        state = torch.load(checkpoint, weights_only=False)
        network, done, spent_s = state["network"], state["done"], state["spent_s"]
        torch.set_rng_state(state["draws"])
    encode = PoissonEncoder(time=window, dt=DT_MS)
    line = Line(f"{settings['neurons']} neurons, seed {settings['seed']}: training", len(order))
    since_s = time.process_time()
    for number, row in enumerate(order[done:], start=done + 1):
        spikes = encode(rates_hz[row]).view(window, 1, 1, -1)
        network.run({"X": spikes}, time=window)
        network.reset_state_variables()
        if number % CHECKPOINT_CLIPS == 0:
            now_s = time.process_time()
            spent_s, since_s = spent_s + now_s - since_s, now_s
            state = {"network": network, "done": number, "spent_s": spent_s}
            with open_aside(checkpoint) as file:
                torch.save(state | {"draws": torch.get_rng_state()}, file)
        line.show(number)
    return network, spent_s + time.process_time() - since_s


def present(
    network: Network, rates_hz: torch.Tensor, rows: np.ndarray, window: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return each clip's spikes by neuron, -1 of those not presented; and by layer, of ``rows``.

    Nothing is learnt, so that clips of a batch have no effect on each other.
    """
    network.train(False)
    encode = PoissonEncoder(time=window, dt=DT_MS)
    counts = np.full((len(rates_hz), network.layers["Ae"].n), -1, np.int64)
    spikes: dict[str, list[np.ndarray]] = {"input": [], "excitatory": [], "inhibitory": []}
    line = Line("presentation", len(rows))
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        trains = torch.stack([encode(rates_hz[row]) for row in batch], 1)
        network.run({"X": trains.view(window, len(batch), 1, -1)}, time=window)
        found = {
            name: network.monitors[layer].get("s").sum(0).view(len(batch), -1).numpy()
            for name, layer in (("excitatory", "Ae"), ("inhibitory", "Ai"))
        }
        counts[batch] = found["excitatory"]
        spikes["input"].append(trains.flatten(2).sum((0, 2)).numpy())
        for name, each in found.items():
            spikes[name].append(each.sum(1))
        network.reset_state_variables()
        line.show(start + len(batch))
    return counts, {name: np.concatenate(each) for name, each in spikes.items()}


class Line:
    """A line on stderr twice a minute: how many are done, and the time left."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.began_s = self.shown_s = time.monotonic()
        self.first: int | None = None

    def show(self, done: int) -> None:
        """Print it if it is time, or if all is done."""
        now_s = time.monotonic()
        if self.first is None:
            self.first, self.began_s = done, now_s
        if now_s - self.shown_s < LINE_S and done < self.total:
            return
        self.shown_s = now_s
        left_s = (now_s - self.began_s) / max(done - self.first, 1) * (self.total - done)
        text = f"{self.what}: {done} of {self.total} clips, {left_s / 60:.1f} min left"
        print(text, file=sys.stderr, flush=True)


@contextmanager
def open_aside(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when it is complete."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with aside.open("wb") as file:
        yield file
    aside.replace(path)


def write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with open_aside(path) as file:
        file.write(content)


def write_counts(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays atomically."""
    with open_aside(path) as file:
        np.savez_compressed(file, **arrays)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
