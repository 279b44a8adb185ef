"""A detector as one file: weights as safetensors, everything else as JSON in its header."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from spikesound.detection.networks import Detector
from spikesound.detection.spec import DetectorSpec, build

FORMAT = "spikesound-detector"
VERSION = "1"


def save(path: Path, spec: DetectorSpec, network: Detector) -> None:
    """Write weights and spec into one file, whole or not at all."""
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    metadata = {"format": FORMAT, "version": VERSION, "spec": spec.model_dump_json()}
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    save_file(weights, aside, metadata)
    aside.replace(path)


def load(path: Path) -> tuple[DetectorSpec, Detector]:
    """Read a file, and return the network ready for inference."""
    with safe_open(path, "pt") as file:
        spec = DetectorSpec.model_validate(json.loads(file.metadata()["spec"]))
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = build(spec)
    network.load_state_dict(weights)
    return spec, network.eval()
