"""Small models with weights that make them spike, for tests of model files and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikesound.features.front_end import FrontEnd
from spikesound.models.build import build
from spikesound.models.file import WEIGHTS, save
from spikesound.models.loading import TrainedModel
from spikesound.models.spec import Decision, Spec
from spikesound.params import CleaningParams, FeatureParams, Params

BINS = 16
CLASSES = ["/m/bark", "/m/rain", "/m/bell"]
NAMES = ["Bark", "Rain", "Bell"]
LIF = {
    "beta": 0.5,
    "learn_beta": True,
    "threshold": 1.0,
    "learn_threshold": False,
    "reset": "subtract",
    "refractory": 0,
    "surrogate": "atan",
    "slope": 2.0,
    "backend": "auto",
}


def front_end() -> FrontEnd:
    """16 mel bins at 8 kHz, clips of two seconds: 26 frames."""
    cleaning = CleaningParams(
        remove_dc=False,
        trim_db=None,
        loudness_lufs=None,
        clipped_share=None,
        duplicates="keep",
        duplicate_errors=0.2,
    )
    features = FeatureParams(
        kinds=["mel"],
        rate_hz=8000,
        clip_s=2.0,
        cleaning=cleaning,
        window=640,
        hop=640,
        mels=BINS,
        mfccs=10,
        low_hz=0.0,
        high_hz=4000.0,
        split_hz=1000.0,
        range_db=80.0,
        batch_clips=1,
        shard_clips=10,
    )
    return FrontEnd(features=features, low=[-80.0] * BINS, high=[0.0] * BINS)


def detector(network: str, *, neuron: dict[str, object] | None = None) -> TrainedModel:
    """Return an untrained detector, spiking if it has a neuron."""
    sizes: dict[str, object] = {
        "channels": [4, 6], "pools": [2, 2], "kernel": 3, "hidden": 10, "dropout": 0.0,
    }  # fmt: skip
    if network == "tcn":
        sizes |= {"dilations": [1, 2], "taps": 3}
    spec = Spec(
        model=f"{'ann' if neuron is None else 'snn'}-{network}-strong",
        task="detection",
        network=network,
        network_params=sizes,
        neuron="relu" if neuron is None else "lif",
        neuron_params=neuron or {},
        labels="strong",
        classes=CLASSES,
        names=NAMES,
        bins=BINS,
        front_end=front_end(),
        decision=Decision(thresholds=[0.3, 0.5, 0.7], medians=[1, 3, 5]),
        fold="5",
        seed=1,
    )
    return made(spec)


def adaptive(params: Params) -> TrainedModel:
    """Return a detector with a layer of recurrent spiking neurons."""
    spec = detector("tcn", neuron=LIF).spec
    sizes = {
        key: value for key, value in spec.network_params.items() if key not in ("dilations", "taps")
    }
    sizes["adaptive"] = params.neurons["alif"].model_dump()
    changes = {"network": "lsnn", "model": "snn-alif-strong", "network_params": sizes}
    return made(spec.model_copy(update=changes))


def classifier(
    network: str,
    params: Params,
    *,
    spiking: bool,
    encoding: str = "direct",
    steps: int = 4,
    labels: str = "single",
    pool: str = "average",
) -> TrainedModel:
    """Return an untrained classifier."""
    sections = {
        "cnn": {"channels": [4, 6], "kernel": 3, "pool": pool, "dropout": 0.0},
        "gru": {"hidden": 6, "layers": 1, "bidirectional": False, "dropout": 0.0},
    }
    encoder = params.encodings[encoding].model_copy(update={"steps": steps})
    spec = Spec.model_validate(
        {
            "model": f"snn-{network}-surrogate" if spiking else f"ann-{network}",
            "task": "classification",
            "network": network,
            "network_params": sections[network],
            "neuron": "lif" if spiking else "relu",
            "neuron_params": LIF if spiking else {},
            "labels": labels,
            "classes": CLASSES,
            "names": NAMES,
            "bins": BINS,
            "steps": steps if spiking else 1,
            "encoding": encoding if spiking else None,
            "encoding_params": encoder.model_dump() if spiking else None,
            "front_end": front_end(),
            "fold": "1",
            "seed": 1,
        }
    )
    return made(spec)


def made(spec: Spec) -> TrainedModel:
    """Return the model of a spec, with random weights that make it spike."""
    torch.manual_seed(1)
    network = build(spec)
    settle(network)
    return TrainedModel(spec, network)


def several_spikes(reset: str = "none", levels: int = 3) -> TrainedModel:
    """Return a detector whose neurons have up to some spikes a frame; numbers of all sizes come."""
    neuron = {"beta": 0.4, "learn_beta": True, "levels": levels, "reset": reset}
    changes = {"neuron": "multi_spike_lif", "neuron_params": neuron}
    model = made(detector("tcn", neuron=LIF).spec.model_copy(update=changes))
    with torch.no_grad():
        for module in model.network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_var is not None
                module.running_var.fill_(0.02)
    return model


def settle(network: nn.Module) -> None:
    """Give batch norms figures as after training, small enough that neurons spike."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.01, 0.1)
    network.eval()


def features(seed: int = 0, frames: int = 26) -> np.ndarray:
    """Return features (frame, bin) in [0, 1]."""
    return np.random.default_rng(seed).uniform(0, 1, (frames, BINS)).astype(np.float32)


def saved(model: TrainedModel, folder: Path) -> Path:
    """Write a model into a folder, as the pipeline does."""
    save(folder / WEIGHTS, model.spec, model.network)
    return folder
