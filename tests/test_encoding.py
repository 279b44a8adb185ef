"""Encoders: what every one obeys, and what each of them promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikesound.bits import pack, unpack
from spikesound.encoding import ENCODERS
from spikesound.encoding.latency import latency
from spikesound.encoding.rate import rate
from spikesound.params import Encodings, LatencyParams, Params, RateParams


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_registry_and_parameters_name_the_same_encodings() -> None:
    assert set(ENCODERS) == set(Encodings.model_fields)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_keeps_the_contract(name: str, params: Params) -> None:
    x = torch.rand(5, 7, generator=seeded())
    section = getattr(params.encodings, name)
    out = ENCODERS[name](x, section, seeded(1))
    steps = 1 if name == "direct" else section.steps
    assert out.shape == (steps, 5, 7)
    assert out.dtype == (torch.float32 if name == "direct" else torch.bool)
    assert torch.equal(out, ENCODERS[name](x, section, seeded(1))), "same seed, same spikes"


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"direct"}))
def test_silence_makes_no_spikes(name: str, params: Params) -> None:
    out = ENCODERS[name](torch.zeros(5, 7), getattr(params.encodings, name), seeded())
    assert not out.any()


def test_latency_of_known_values() -> None:
    x = torch.tensor([1.0, 0.76, 0.5, 0.26, 0.01, 0.0])
    out = latency(x, LatencyParams(steps=4, threshold=0.0), seeded())
    moments = [step.nonzero().flatten().tolist() for step in out.T]
    assert moments == [[0], [0], [2], [2], [3], []]


unit = st.floats(0, 1, width=32)


@given(hnp.arrays(np.float32, 12, elements=unit), st.integers(1, 9), unit)
def test_latency_spikes_at_most_once_and_earlier_for_louder(
    values: np.ndarray, steps: int, threshold: float
) -> None:
    out = latency(
        torch.from_numpy(values), LatencyParams(steps=steps, threshold=threshold), seeded()
    ).numpy()
    assert (out.sum(0) == (values > threshold)).all()
    moment = np.where(out.any(0), out.argmax(0), steps)
    order = np.argsort(values, kind="stable")
    assert (np.diff(moment[order]) <= 0).all()


@settings(max_examples=20)
@given(st.floats(0.0, 1.0), st.integers(1, 8), st.floats(0.1, 2.0))
def test_rate_lies_within_its_binomial_bound(value: float, steps: int, gain: float) -> None:
    count = 4000
    out = rate(torch.full((count,), value), RateParams(steps=steps, gain=gain), seeded(3))
    p = min(1.0, gain * value)
    bound = 5 * math.sqrt(p * (1 - p) / (count * steps)) + 1e-6
    assert abs(out.float().mean().item() - p) <= bound


def test_rate_steps_are_independent() -> None:
    out = rate(torch.full((20000,), 0.5), RateParams(steps=2, gain=1.0), seeded(4)).float()
    assert abs((out[0] * out[1]).mean().item() - 0.25) < 0.02


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 30))))
def test_packing_loses_nothing_and_takes_an_eighth(spikes: np.ndarray) -> None:
    packed = pack(spikes)
    assert packed.dtype == np.uint8
    assert packed.shape == (len(spikes), math.ceil(spikes.shape[1] / 8))
    assert (unpack(packed, spikes.shape[1]) == spikes).all()
