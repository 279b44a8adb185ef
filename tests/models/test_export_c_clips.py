"""A classifier of clips in C: equal to the integer reference to the bit, and near the network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_programs import built as built_by_gcc
from c_programs import bytes_of_tables, compiled, given, swelling
from small_models import LIF, classifier, made

from spikesound.core.errors import SpikesoundError
from spikesound.models.export import export
from spikesound.models.export.c.clip_choice import chosen_clip
from spikesound.models.export.c.clip_reference import integer_clip
from spikesound.models.export.c.clip_source import clip_parts
from spikesound.models.export.c.front_end import integer_features
from spikesound.models.loading import TrainedModel
from spikesound.params import Params

SAMPLES = 16_000


def model(
    params: Params,
    spiking: bool,
    *,
    labels: str = "single",
    window: int = 1024,
    hop: int = 512,
    pool: str = "average",
    reset: str = "subtract",
) -> TrainedModel:
    """Return a classifier of two seconds with random weights."""
    spec = classifier("cnn", params, spiking=spiking, labels=labels).spec
    sizes = {"window": window, "hop": hop}
    features = spec.sound.features.model_copy(update=sizes)
    front_end = spec.sound.model_copy(update={"features": features})
    network = spec.network_params | {"pool": pool}
    neuron = LIF | {"reset": reset} if spiking else {}
    changes = {"front_end": front_end, "network_params": network, "neuron_params": neuron}
    return made(spec.model_copy(update=changes))


def sound(seed: int) -> np.ndarray:
    return swelling(seed, SAMPLES)


def built(folder: Path, found: TrainedModel) -> Path:
    """Export a model, compile its check program, and return the program."""
    program, compared = built_by_gcc(folder, found)
    assert compared == 3
    return program


def run(program: Path, samples: np.ndarray) -> np.ndarray:
    """Return operations, probabilities of three classes, logits."""
    (row,) = given(program, samples)
    scores: np.ndarray = row
    return scores


@pytest.mark.slow
@compiled
@pytest.mark.parametrize(
    ("spiking", "options"),
    [
        (True, {}),
        (True, {"reset": "zero", "labels": "multiple", "hop": 640}),
        (False, {"pool": "stride", "hop": 1000}),
        (True, {"pool": "outputs", "hop": 1000}),
    ],
)
def test_a_clip_is_equal_to_the_bit_and_near_the_network(
    tmp_path: Path, params: Params, spiking: bool, options: dict[str, object]
) -> None:
    found = model(params, spiking, **options)  # type: ignore[arg-type]
    program, integers = built(tmp_path, found), chosen_clip(found)
    for seed in (1, 2):
        samples = sound(seed)
        expected = integer_clip(integers.network, integer_features(samples, integers.tables))
        scores = run(program, samples)
        assert scores[0] == expected.operations
        assert scores[1:4].tolist() == expected.probabilities.tolist()
        assert scores[4:].tolist() == expected.logits.tolist()
        wanted = found.probabilities(
            found.front_end.whole((samples / 32768).astype(np.float32)), "clip"
        )
        assert np.abs(scores[1:4] / 32768 - wanted).max() < 0.02
        assert np.ptp(wanted) > 0.04  # classes differ by more than that


@pytest.mark.slow
@compiled
def test_a_short_clip_is_followed_by_silence(tmp_path: Path, params: Params) -> None:
    """And what lies beyond the clip's length is not used."""
    program = built(tmp_path, model(params, True))
    samples = sound(3)
    samples[9000:] = 0
    whole = run(program, samples)
    assert np.array_equal(run(program, samples[:9000]), whole)
    assert np.array_equal(run(program, np.concatenate([samples, 0 * samples, sound(4)])), whole)


@pytest.mark.slow
@compiled
def test_sizes_of_a_classifier_are_those_of_its_state(tmp_path: Path, params: Params) -> None:
    found = model(params, True)
    said = subprocess.run([built(tmp_path, found)], capture_output=True, text=True, check=True)
    state = int(said.stdout.split("state: ")[1].split()[0])
    table = clip_parts(chosen_clip(found))
    layers = 2 * 4 * 2  # counters of rows
    assert 0 <= state - sum(part.ram for part in table) - layers <= 24
    module = (tmp_path / "m" / "snn_cnn_surrogate.c").read_text()
    assert bytes_of_tables(module) == sum(part.flash for part in table)
    text = (tmp_path / "m" / "snn_cnn_surrogate.h").read_text()
    for part in table:
        assert f"{part.name:<18}{part.kind:<27}{part.flash:>8,}{part.ram:>8,}" in text


def test_maximum_pooling_is_refused(tmp_path: Path, params: Params) -> None:
    with pytest.raises(SpikesoundError, match="pool 'max' cannot be expressed in C"):
        export(model(params, False, pool="max"), "c", tmp_path / "m")
