"""Spike trains from file to scores, by the functions of the pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_shards import section
from spike_files import DIGITS, spike_file
from toy_clips import NO_AUGMENT, recipe

from spikesound.apps import api
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.labels import read_labels
from spikesound.data.filtering.choose import filter_clips
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, SpikeTrains
from spikesound.evaluation.folds import Folds
from spikesound.features.shards import Shards
from spikesound.features.spike_counts import count_spikes
from spikesound.features.spike_shards import encode_shards
from spikesound.params import FeatureParams, Model, Params, SpikeTrainsParams
from spikesound.training.inputs import read_clips
from spikesound.training.request import FoldRequest
from spikesound.training.run import train_fold
from spikesound.training.scores import clip_scores

BINS = 20


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """Write files of spike trains, and all that training needs of them."""
    folder = tmp_path_factory.mktemp("shd")
    spike_file(folder / "shd_train.h5", 90)
    spike_file(folder / "shd_test.h5", 30, seed=1)
    source = SOURCES["shd"](
        SpikeTrainsParams(files={}, folder=str(folder)), Ontology({}, {}), folder / "cache"
    )
    assert isinstance(source, SpikeTrains)
    filter_clips(source.listing(), source.ontology, params.filter, 1).write(folder / "clips")
    clips = schema.read_table(folder / "clips/clips.parquet", schema.CLIPS)
    values = {"kinds": ["spike_counts"], "rate_hz": 8000, "hop": 400, "window": 400}
    values |= {"mels": BINS, "clip_s": 1.0, "high_hz": 4000.0}
    features = FeatureParams.model_validate(params.features.model_dump() | values)
    count_spikes(source, clips, features, folder / "features", ["test"])
    encode_shards(
        Shards(folder / "features"),
        "test",
        encoding="direct",
        params=params.encodings["direct"].model_copy(update={"steps": 1}),
        seed=1,
        out=folder / "spikes/fold-test",
    )
    return folder


def model(params: Params, network: str, neuron: str, **changes: Any) -> Model:
    """Return a row with a small network, and enough epochs to learn three words."""
    row = params.model("snn-cnn-surrogate")
    shape = params.networks[network]
    delays = {"largest": 4, "sigma": 2.0, "narrowing_batches": 20}
    small: dict[str, Any] = {"hidden": [24], "dropout": 0.0}
    if network == "delayed":
        small["delays"] = shape.model_dump()["delays"] | delays
    values = {"epochs": 8, "patience": 8, "batch_clips": 10, "learning_rate": 0.02}
    return replace(
        row,
        network=network,
        network_params=type(shape).model_validate(shape.model_dump() | small),
        neuron=neuron,
        neuron_params=params.neurons[neuron],
        method_params=row.method_params.model_copy(update={"readout": "membrane_softmax"}),
        recipe=recipe(params, augment=NO_AUGMENT.model_dump(), **(values | changes)),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "neuron", "dataset"),
    [("srnn", "silif", "stream"), ("srnn", "se_adlif", "memory"), ("delayed", "lif", "stream")],
)
def test_words_of_spikes_are_learnt(
    network: str, neuron: str, dataset: str, encoded: Path, params: Params, tmp_path: Path
) -> None:
    names = read_labels(encoded / "clips/labels.json")
    assert len(names) == len(DIGITS)
    wanted = model(params, network, neuron, dataset=dataset)
    request = FoldRequest(
        wanted,
        section(params, "classification", folds=["test"], validation_share=0.2),
        params.device.model_copy(update={"accelerator": "cpu"}),
        "test",
        1,
        names,
        encoded / "spikes/fold-test",
        encoded / "features",
        None,
        None,
        tmp_path / "model",
        tmp_path / "store",
    )
    train_fold(request, lambda: None)

    def load(fold: str) -> Any:
        return read_clips(request.inputs, request.features, list(names), fold, wanted.recipe)[0]

    folds = Folds("words", {"test": tmp_path / "model"}, load, list(names))
    ((_, spec, trained, clips),) = folds
    hits = clip_scores(trained, clips, 10).argmax(1) == clips.present.argmax(1)
    assert np.mean(hits) > 0.8
    assert (spec.network, spec.readout) == (network, "membrane_softmax")
    with pytest.raises(SpikesoundError, match="'spike_counts' is of a source of spike trains"):
        api.load(tmp_path / "model").predict(np.zeros(8000, np.float32), 8000)
