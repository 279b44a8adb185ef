"""A small detector with random weights, in a file as a trained one's."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from project import ROOT

from spikesound.features.front_end import FrontEnd
from spikesound.models.build import build
from spikesound.models.file import save
from spikesound.models.spec import Decision, Spec
from spikesound.params import FeatureParams

RECORDING = ROOT / "data/esc10/audio/1-100032-A.ogg"  # a dog
NAMES = ["Dog", "Rooster", "Sneeze"]


def front_end() -> FrontEnd:
    """Return the default features, of clips of 5 s, with a range of 80 dB."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["features"]
    features = FeatureParams.model_validate(content | {"clip_s": 5.0})
    return FrontEnd(features=features, low=[-60.0] * 64, high=[20.0] * 64)


def detector(
    path: Path, thresholds: float | None = None, seed: int = 1, model: str = "snn-tcn-strong"
) -> Path:
    """Write a detector with random weights, and thresholds that let some events through."""
    section = {"channels": [4, 4], "pools": [4, 4], "kernel": 3, "hidden": 8, "taps": 2}
    spiking, labels = model.startswith("snn"), model.split("-")[-1]
    neurons = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["neurons"]
    spec = Spec.model_validate(
        {
            "model": model,
            "task": "detection",
            "network": "tcn",
            "network_params": section | {"dilations": [1, 2], "dropout": 0.0},
            "neuron": "lif" if spiking else "relu",
            "neuron_params": neurons["lif"] if spiking else {},
            "labels": labels,
            "classes": ["/m/0bt9lr", "/m/021wwz", "/m/01hsr_"],
            "names": NAMES,
            "bins": 64,
            "front_end": front_end().model_dump(),
            "decision": Decision(thresholds=[thresholds or 0.5] * 3, medians=[1, 5, 3]),
            "fold": "5",
            "seed": seed,
        }
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(spec).eval()
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if name.endswith(("convolution.weight", "readout.weight")):
                    weight.mul_(6)  # so that it spikes
    save(path, spec, network)
    return path
