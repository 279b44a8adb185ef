"""Small detectors with weights drawn at random, and features with silence in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import yaml
from project import ROOT
from spikesound.models.detector_spec import DetectorSpec, build
from torch import nn

from spikesound.features.front_end import FrontEnd
from spikesound.models.networks.detector import Detector
from spikesound.params import DetectorParams, FeatureParams

MODELS = ("ann-tcn", "snn-tcn", "ann-gru", "ann-lstm", "snn-alif")
BINS, CLASSES = 19, 3
SMALL = {"channels": [3, 5], "pools": [3, 2], "kernel": 3, "hidden": 6, "dilations": [1, 3],
         "taps": 3, "dropout": 0.0}  # fmt: skip


def detector(
    model: str,
    seed: int = 0,
    bins: int = BINS,
    network: dict[str, object] | None = None,
    reset: str = "subtract",
) -> tuple[DetectorSpec, Detector]:
    """Return a detector whose neurons spike: norms with shifts of their own."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    kind, name = model.split("-")
    spiking = kind == "snn"
    features = FeatureParams.model_validate(params["features"])
    spec = DetectorSpec(
        model=f"{model}-strong",
        network=name,
        network_params=DetectorParams.model_validate(network or SMALL),
        neuron="lif" if spiking else None,
        neuron_params=params["neurons"]["lif"] | {"reset": reset} if spiking else None,
        recurrent=params["neurons"]["alif"] if name == "alif" else None,
        attention=False,
        classes=[f"/m/{number}" for number in range(CLASSES)],
        names=[f"Class {number}" for number in range(CLASSES)],
        labels="strong",
        front_end=FrontEnd(features=features, low=[-60.0] * bins, high=[20.0] * bins),
        test_fold="5",
        seed=1,
    )
    torch.manual_seed(seed)
    made = build(spec)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.uniform_(module.bias, -0.3, 0.6 if spiking else 0.3)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.02, 0.1)  # type: ignore[arg-type]
    return spec, made.eval()


def features(clips: int, frames: int, bins: int = BINS, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return (clip, frame, bin), a third of them zero, and the middle third of the frames all."""
    generator = np.random.default_rng(seed)
    x = generator.random((clips, frames, bins), np.float32)
    x[generator.random(x.shape) < 1 / 3] = 0
    x[:, frames // 3 : 2 * frames // 3] = 0
    return x
