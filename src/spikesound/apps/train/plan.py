"""Parameters that suit recordings: folds, epochs, batches, and the models that are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikesound.apps.train.survey import Survey
from spikesound.core.errors import SpikesoundError
from spikesound.models.file import load_spec
from spikesound.models.loading import find_model
from spikesound.models.spec import Spec

FEWEST = 4
"""Recordings that a class needs: one to test, one to validate and two to train on."""

MOST_FOLDS = 5
ROWS = {
    "classification": {"ann-cnn": "ann", "snn-cnn-surrogate": "snn"},
    "detection": {"ann-tcn-strong": "detector_ann", "snn-tcn-strong": "detector_snn"},
}
"""The conventional and the spiking model of each task, with their recipes."""

STEPS = {"classification": 600, "detection": 1300}
"""Gradient steps of a training, near those of the default run's conventional networks."""

LARGEST_BATCH = {"classification": 32, "detection": 16}
EPOCHS = (20, 100)
ANALYSIS = (
    *("kinds", "rate_hz", "window", "hop", "mels", "mfccs"),
    *("low_hz", "high_hz", "split_hz", "range_db"),
)
"""Parameters of features on which the input of a network depends, apart from its length."""

FINE_TUNING = 0.25
"""Of the learning rate, where all but the read-out is trained already."""

SMALL: dict[str, Any] = {
    "download.max_failures": 0.5,
    "download.silence_db": -90.0,
    "filter.strict": False,
    "costs.zero_skipping": [],
    "latency.budget_s": 4.0,
    "tasks.detection.background_clips": 60,
    "robustness.sound": {
        "snr_db": [20.0, 10.0, 0.0],
        "reverberation_s": [0.8],
        "gain_db": [],
        "low_pass_hz": [],
        "high_pass_hz": [],
        "codec_kbit_s": [],
        "dropped_frames": [],
    },
    "robustness.faults": {
        "draws": 1,
        "weight_noise": [0.1],
        "stuck_silent": [],
        "stuck_firing": [],
        "dropped_spikes": [],
        "weight_bits": [8, 4],
    },
}
"""Values for a run of minutes; recordings that are left out were named before."""


@dataclass(frozen=True)
class Base:
    """A trained model to start from.

    Attributes
    ----------
    path : its file
    spec : its spec
    """

    path: Path
    spec: Spec

    @property
    def name(self) -> str:
        """Name of its folder in the workspace, and part of the name of the row."""
        return self.spec.model


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Attributes
    ----------
    changes : values by dotted keys of params.yaml
    models : rows of the table of models
    folds : number of folds
    too_few : number of recordings by name, of the classes that are left out
    """

    changes: dict[str, Any]
    models: dict[str, dict[str, Any]]
    folds: int
    too_few: dict[str, int]


def read_base(given: str, task: str) -> Base:
    """Return the model of a file or folder, to start from.

    Raises
    ------
    SpikesoundError
        If there is none, or it is of another task or of a kind that is not trained by gradients.
    """
    path = find_model(given)
    spec = load_spec(path)
    if spec.task != task:
        raise SpikesoundError(f"{path}: --base: expected a model of {task}, got one of {spec.task}")
    if spec.network in ("wta", "som") or spec.neuron == "quantised_relu" or spec.folded:
        raise SpikesoundError(
            f"{path}: --base: {spec.model} is quantised, folded or of a local rule; expected a "
            "network trained by backprop or surrogate"
        )
    return Base(path, spec)


def make_plan(found: Survey, task: str, template: Mapping[str, Any], base: Base | None) -> Plan:
    """Return the parameters for recordings.

    There are as many folds as recordings of the rarest class, at most five. A class with fewer
    than :data:`FEWEST` recordings is left out.

    Parameters
    ----------
    template : content of the pipeline's params.yaml

    Raises
    ------
    SpikesoundError
        If too few classes are left.
    """
    kept = {label: count for label, count in found.recordings.items() if count >= FEWEST}
    too_few = {
        found.labels[label]: count for label, count in found.recordings.items() if label not in kept
    }
    needed = 2 if task == "classification" else 1
    if len(kept) < needed:
        counts = ", ".join(f"{found.labels[label]} {n}" for label, n in found.recordings.items())
        raise SpikesoundError(
            f"{len(kept)} classes have {FEWEST} recordings or more ({counts or 'no labels'}); "
            f"{task} needs {needed}: one recording to test, one to validate and two to train on"
        )
    least_folds = 2 if task == "classification" else 3
    if found.own_folds and len(found.own_folds) < least_folds:
        raise SpikesoundError(
            f"column fold: {len(found.own_folds)} folds ({', '.join(found.own_folds)}); {task} "
            f"needs {least_folds} or more, or no such column"
        )
    fewest = min(kept.values())
    folds = list(found.own_folds) or [str(n + 1) for n in range(min(MOST_FOLDS, fewest))]
    changes: dict[str, Any] = {
        **SMALL,
        "task": task,
        "sources.folder": {**found.source, "folds": max(2, len(folds))},
        "filter.labels": list(kept) if too_few else [],
        f"tasks.{task}.folds": folds,
    }
    share = (len(folds) - 1) / len(folds)
    if task == "classification":
        # As many recordings of the rarest class as a fold's training has, at most an eighth.
        parts = min(8, max(2, math.floor(fewest * share)))
        validation = round(1 / parts, 4) if parts > 2 else 0.45
        changes |= {
            "source": "folder",
            "download.rate_hz": template["features"]["rate_hz"],
            "tasks.classification.labels": "multiple" if found.several_labels else "single",
            "tasks.classification.validation_share": validation,
        }
        training = found.clips * share * (1 - 1 / parts)
    else:
        changes |= {
            "tasks.detection.source": "folder",
            "tasks.detection.files": "folder",
            "tasks.detection.validation_fold": "previous",
        }
        training = found.clips * (len(folds) - 2) / len(folds)
    rows = {name: dict(template["models"][name]) for name in ROWS[task]}
    for recipe in ROWS[task].values():
        changes |= {f"recipes.{recipe}.{key}": n for key, n in _length(training, task).items()}
    if base is not None:
        changes |= _like(base.spec)
        _add_base(base, task, rows, changes, template)
    return Plan(changes, rows, len(folds), too_few)


def _length(training: float, task: str) -> dict[str, int]:
    """Return batch size, epochs and patience, of so many training clips."""
    batch = LARGEST_BATCH[task]
    while batch > 4 and training / batch < 8:
        batch //= 2
    batches = max(1, math.ceil(training / batch))
    epochs = min(max(math.ceil(STEPS[task] / batches), EPOCHS[0]), EPOCHS[1])
    return {"epochs": epochs, "batch_clips": batch, "patience": max(10, epochs // 2)}


def _like(spec: Spec) -> dict[str, Any]:
    """Return the features, network and encoding of a model: its twin is trained with the same."""
    features = spec.sound.features.model_dump()
    changes: dict[str, Any] = {f"features.{key}": features[key] for key in ANALYSIS}
    changes["download.rate_hz"] = features["rate_hz"]
    changes[f"networks.{spec.network}"] = dict(spec.network_params)
    changes["neurons.of_base"] = {"kind": spec.neuron, **spec.neuron_params}
    if spec.encoding is not None:
        changes |= {
            "encoding": spec.encoding,
            f"encodings.{spec.encoding}": dict(spec.encoding_params or {}),
        }
    if spec.task == "detection":
        changes["tasks.detection.pooling"] = "attention" if spec.attention else "linear_softmax"
    return changes


def _add_base(
    base: Base,
    task: str,
    rows: dict[str, dict[str, Any]],
    changes: dict[str, Any],
    template: Mapping[str, Any],
) -> None:
    """Add the row that starts from the model, and its recipe: a lower learning rate."""
    spiking = base.spec.spiking
    like = next(row for name, row in rows.items() if name.startswith("snn") == spiking)
    facts = base.spec.network_section()
    if facts.takes_neuron and not facts.twin:  # both neurons go into the same network
        for row in rows.values():
            row["network"] = base.spec.network
    recipe = template["recipes"][like["recipe"]]
    of_plan = {
        key.rpartition(".")[2]: value
        for key, value in changes.items()
        if key.startswith(f"recipes.{like['recipe']}.")
    }
    slower = {"learning_rate": FINE_TUNING * recipe["learning_rate"]}
    changes["recipes.of_base"] = {**recipe, **of_plan, **slower}
    rows[f"{base.name}-tuned"] = {
        **like,
        "network": base.spec.network,
        "neuron": "of_base",
        "method": "transfer_surrogate" if spiking else "transfer",
        "recipe": "of_base",
        "needs": f"base/{base.name}",
    }
