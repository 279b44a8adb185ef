"""Small models with weights that make them spike, for tests of model files and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from spikesound.models.detector_spec import Decision, DetectorSpec, build
from spikesound.models.input_spec import Hearing
from torch import nn

from spikesound.features.front_end import FrontEnd
from spikesound.models import classifier_spec
from spikesound.models.loading import Classifying, Detecting
from spikesound.params import CleaningParams, DetectorParams, FeatureParams, Params

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


def detector(network: str, *, neuron: dict[str, object] | None = None) -> Detecting:
    """Return an untrained detector, spiking if it has a neuron."""
    params = DetectorParams(
        channels=[4, 6], pools=[2, 2], kernel=3, hidden=10, dilations=[1, 2], taps=3, dropout=0.0
    )
    spec = DetectorSpec(
        model=f"{'ann' if neuron is None else 'snn'}-{network}-strong",
        network=network,
        network_params=params,
        neuron=None if neuron is None else "lif",
        neuron_params=neuron,
        recurrent=None,
        attention=False,
        classes=CLASSES,
        names=NAMES,
        labels="strong",
        front_end=front_end(),
        test_fold="5",
        seed=1,
        decision=Decision(thresholds=[0.3, 0.5, 0.7], medians=[1, 3, 5]),
    )
    torch.manual_seed(1)
    made = build(spec)
    lived_in(made)
    return Detecting(spec, made)


def adaptive(params: Params) -> Detecting:
    """Return a detector of recurrent spiking neurons."""
    plain = detector("tcn", neuron=LIF)
    recurrent = params.neurons.alif.model_dump()
    spec = plain.spec.model_copy(
        update={"network": "alif", "model": "snn-alif-strong", "recurrent": recurrent}
    )
    made = build(spec)
    lived_in(made)
    return Detecting(spec, made)


def classifier(
    network: str, params: Params, *, spiking: bool, encoding: str = "direct", steps: int = 4
) -> Classifying:
    """Return an untrained classifier."""
    sections = {
        "cnn": {"channels": [4, 6], "kernel": 3, "pool": "average", "dropout": 0.0},
        "gru": {"hidden": 6, "layers": 1, "bidirectional": False, "dropout": 0.0},
    }
    encoder = getattr(params.encodings, encoding).model_copy(update={"steps": steps})
    spec = classifier_spec.Spec(
        model=f"snn-{network}-surrogate" if spiking else f"ann-{network}",
        network=network,
        network_params=sections[network],
        neuron="lif" if spiking else None,
        neuron_params=LIF if spiking else None,
        classes=CLASSES,
        bins=BINS,
        steps=steps if spiking else 1,
        encoding=encoding if spiking else "features",
        fold="1",
        seed=1,
    )
    torch.manual_seed(1)
    made = classifier_spec.build(spec)
    lived_in(made)
    hearing = Hearing(
        front_end=front_end(),
        names=NAMES,
        encoding=encoder.model_dump() if spiking else None,
    )
    return Classifying(spec, made, hearing)


def lived_in(network: nn.Module) -> None:
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


def folder_of(model: Classifying, folder: Path) -> Path:
    """Write a classifier as the pipeline does."""
    from spikesound.models.input_file import HEARING, folder_digest

    from spikesound.core.json_files import write_json

    classifier_spec.save(folder, model.spec, model.network)
    hearing = model.hearing.model_copy(update={"sha256": folder_digest(folder)})
    write_json(folder / HEARING, hearing.model_dump(mode="json"))
    return folder
