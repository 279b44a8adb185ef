"""The same clips in this project: their features, and method ``stdp`` on spikes of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from exchange import PARTS, Clips

from spikesound.costs.counting import Counted, counting
from spikesound.experiments.data import Data, Folders, data_of, inputs_of
from spikesound.models.networks.wta import WTA
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.job import Trained
from spikesound.training.methods import METHODS
from spikesound.training.methods.count_readout import clip_counts
from spikesound.training.request import FoldRequest
from spikesound.training.run import prepare, weight_seed
from spikesound.training.split import Rows, training_parts

ROOT = Path(__file__).resolve().parents[2]
BATCH = 50
FOLD = "1"
"""The official test set: the first tenth of the recordings."""


@dataclass(frozen=True)
class Prepared:
    """Parameters of a setting, and the folders of its data."""

    params: Params
    default: Params
    folders: Folders
    data: Data


def prepared(changes: Mapping[str, Any], build: Path, fsdd: Path | None) -> Prepared:
    """Return a setting whose features are there.

    Parameters
    ----------
    changes : values by dotted keys of params.yaml
    build : gets the features and what else is made
    fsdd : a copy of the data set; None: that of params.yaml, downloaded if need be
    """
    sections = read_sections(ROOT / "params.yaml")
    own = {} if fsdd is None else {"sources.fsdd.folder": str(fsdd)}
    params = Params.of(changed(changed(sections, changes), own))
    nothing = Data(*(build / "none" / kind for kind in ("clips", "audio", "features", "noise")))
    ontology = ROOT / "data/audioset/ontology.json"
    folders = Folders(lambda task: nothing, build, ontology, build / "trainings", build)
    default = Params.of(sections)
    return Prepared(params, default, folders, data_of(params, default, "classification", folders))


def clips_of(setting: Prepared, seed: int) -> Clips:
    """Return all clips; the validation clips of a seed are those of the project's trainings."""
    names = setting.data.names
    found = load_features(setting.data.features, list(names), FOLD)
    task = setting.params.tasks.classification
    divided = dict.fromkeys(found.only(FOLD).ids, "test")
    for part, each in zip(PARTS, training_parts(found, FOLD, task, seed), strict=False):
        divided |= dict.fromkeys(each.ids, part)
    return Clips(
        found.inputs[:, 0].astype(np.float32),
        found.present.argmax(1).astype(np.int64),
        np.array([PARTS.index(divided[each]) for each in found.ids], np.int64),
        np.array(found.ids),
        np.array(list(names.values())),
    )


def trained(setting: Prepared, seed: int) -> tuple[Trained, Dataset, dict[str, Any]]:
    """Return the training of row ``stdp``, all clips as spikes, and what it took.

    The processor time is that of learning and of the method's own read-out.
    """
    torch.set_num_threads(1)
    model, names = setting.params.model("stdp"), setting.data.names
    inputs, features = inputs_of(
        model, setting.params, setting.default, setting.data, FOLD, setting.folders
    )
    request = FoldRequest(
        model,
        setting.params.tasks.classification,
        setting.params.device,
        FOLD,
        seed,
        names,
        inputs=inputs,
        features=features,
        events=None,
        base=None,
        out=setting.folders.work,
        store=setting.folders.trainings,
    )
    job, _ = prepare(request)
    torch.manual_seed(weight_seed(job))
    began_s = time.process_time()
    result = METHODS[model.method](job)
    figures = {"train_cpu_s": time.process_time() - began_s, "clips": len(job.training)}
    return result, load_spikes(inputs, list(names))[0], figures


def spike_counts(network: WTA, clips: Dataset, rows: Rows) -> npt.NDArray[np.int64]:
    """Return how often each neuron spikes in each clip (clip, neuron); -1 but in ``rows``."""
    steps, places = clips.inputs.shape[1], clips.inputs.shape[2] - network.frames + 1
    counts = np.full((len(clips), len(network.weight)), -1, np.int64)
    shares = clip_counts(network, clips.select(rows), BATCH)
    counts[rows] = (shares * steps * places).round().long().numpy()
    return counts


def costs(result: Trained, clips: Dataset) -> dict[str, float]:
    """Return spikes and synaptic operations of the competing neurons a clip, in the mean."""
    network, counted, spikes = cast(WTA, result.network), Counted(), 0.0
    with torch.inference_mode(), counting(network.eval(), result.spec, counted):
        for start in range(0, len(clips), BATCH):
            rows = np.arange(start, min(start + BATCH, len(clips)))
            inputs = torch.from_numpy(clips.batch(rows)).transpose(0, 1)
            spikes += float(inputs.sum())
            network(inputs)
    competing = counted.layers[0]
    return {
        "inputs": network.weight[0].numel(),
        "input_spikes": spikes / len(clips),
        "excitatory_spikes": competing.active_outputs,
        "operations": round(competing.effective),
    }
