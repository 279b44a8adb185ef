"""Small detectors with weights drawn at random, and features with silence in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import yaml
from project import ROOT
from torch import nn

from spikesound.features.front_end import FrontEnd
from spikesound.models.build import build
from spikesound.models.networks.detector import Detector
from spikesound.models.spec import Spec
from spikesound.params import FeatureParams

MODELS = ("ann-tcn", "snn-tcn", "ann-gru", "ann-lstm", "snn-alif")
MAPS = ("ann-map", "snn-map")
"""Detectors with skip connections, which have no compiled kernels."""

NETWORKS = {
    "tcn": "tcn", "gru": "crnn_gru", "lstm": "crnn_lstm", "alif": "lsnn", "map": "encoder_decoder",
}  # fmt: skip
BINS, CLASSES = 19, 3
SMALL = {"channels": [3, 5], "pools": [3, 2], "kernel": 3, "hidden": 6, "dropout": 0.0}
OF_TCN = {"dilations": [1, 3], "taps": 3}
OF_MAP = {
    "channels": [3, 4, 5], "pools": [1, 3, 2], "kernel": 3, "units": 2, "coarse": 0.5,
    "dropout": 0.0,
}  # fmt: skip


def detector(
    model: str,
    seed: int = 0,
    bins: int = BINS,
    network: dict[str, object] | None = None,
    reset: str = "subtract",
    levels: int = 1,
) -> tuple[Spec, Detector]:
    """Return a detector whose neurons spike: norms with shifts of their own.

    Parameters
    ----------
    network : parameters that differ from :data:`SMALL` and :data:`OF_TCN`, or :data:`OF_MAP`
    levels : most spikes of a neuron in a frame
    """
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    kind, name = model.split("-")
    spiking = kind == "snn"
    of_name = {"tcn": SMALL | OF_TCN, "map": OF_MAP}.get(name, SMALL)
    values: dict[str, object] = of_name | (network or {})
    if name == "alif":
        values |= {"adaptive": params["neurons"]["alif"]}
    neuron, held = "relu", {}
    if spiking and levels == 1:
        neuron, held = "lif", params["neurons"]["lif"] | {"reset": reset}
    elif spiking:
        neuron = "multi_spike_lif"
        held = {"beta": 0.4, "learn_beta": True, "levels": levels, "reset": reset}
    features = FeatureParams.model_validate(params["features"])
    spec = Spec(
        model=f"{model}-strong",
        task="detection",
        network=NETWORKS[name],
        network_params=values,
        neuron=neuron,
        neuron_params=held,
        labels="strong",
        classes=[f"/m/{number}" for number in range(CLASSES)],
        names=[f"Class {number}" for number in range(CLASSES)],
        bins=bins,
        front_end=FrontEnd(features=features, low=[-60.0] * bins, high=[20.0] * bins),
        fold="5",
        seed=1,
    )
    torch.manual_seed(seed)
    made = build(spec)
    assert isinstance(made, Detector)
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
