"""``hearing.json``: written beside a classifier's weights when it is trained.

Apart from :mod:`spikesound.models.input_spec`, which reads it: so a change of how features are
computed trains nothing anew that got the same features.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError, choose
from spikesound.core.json_files import write_json
from spikesound.features import normalisation
from spikesound.models import classifier_spec
from spikesound.params import FeatureParams, Section

HEARING = "hearing.json"


def write_hearing(
    folder: Path, features: Path, labels: Mapping[str, str], encoding: Section | None
) -> None:
    """Write ``hearing.json`` beside a classifier's spec and weights.

    It is a :class:`spikesound.models.input_spec.Hearing`, with the SHA-256 of the two files.

    Parameters
    ----------
    folder : of the trained model
    features : of the feature shards, with their ``spec.json`` and ``normalisation.json``
    labels : display names by label id (:func:`spikesound.core.labels.read_labels`)
    encoding : parameters of the encoding it was trained on; None: on features

    Raises
    ------
    SpikesoundError
        If a file is missing or damaged, or a class of the model has no name.
    """
    spec = classifier_spec.Spec.model_validate(_read(folder / classifier_spec.SPEC))
    used = {**_read(features / "spec.json")["params"], "batch_clips": 1}
    low, high = normalisation.load(features / "normalisation.json", spec.fold)
    front_end = {
        "features": FeatureParams.model_validate(used).model_dump(mode="json"),
        "low": low.tolist(),
        "high": high.tolist(),
    }
    hearing = {
        "front_end": front_end,
        "names": [choose(labels, label, "label of the model") for label in spec.classes],
        "encoding": None if encoding is None else encoding.model_dump(mode="json"),
        "sha256": folder_digest(folder),
    }
    write_json(folder / HEARING, hearing)


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 of a model's spec and weights, one after the other."""
    parts = [
        (folder / name).read_bytes() for name in (classifier_spec.SPEC, classifier_spec.WEIGHTS)
    ]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; run the pipeline (dvc repro)")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
