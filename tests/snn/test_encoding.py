"""Encoders: what every one obeys, and what each of them promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikesound.core.bitpack import pack, unpack
from spikesound.params import (
    ENCODING_PARAMS,
    BurstParams,
    DeltaParams,
    LatencyParams,
    Params,
    PhaseParams,
    PopulationParams,
    RateParams,
    TTFSParams,
)
from spikesound.snn.encoding import ENCODINGS
from spikesound.snn.encoding.burst import burst
from spikesound.snn.encoding.delta import delta
from spikesound.snn.encoding.latency import latency
from spikesound.snn.encoding.phase import phase, phase_weights
from spikesound.snn.encoding.population import population
from spikesound.snn.encoding.rate import rate
from spikesound.snn.encoding.rate_deterministic import rate_deterministic
from spikesound.snn.encoding.ttfs import ttfs


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_registry_and_parameters_name_the_same_encodings() -> None:
    assert set(ENCODINGS) == set(ENCODING_PARAMS)


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoder_keeps_the_contract(name: str, params: Params) -> None:
    x = torch.rand(5, 7, generator=seeded())
    section = params.encodings[name]
    out = ENCODINGS[name].encode(x, section, seeded(1))
    steps = 1 if name == "direct" else section.steps
    width = {"delta": 2, "population": 6}.get(name, 1)  # by params.yaml
    assert section.neurons_per_bin == width
    assert out.shape == (steps, 5, 7 * width)
    assert out.dtype == (torch.float32 if name == "direct" else torch.bool)
    assert torch.equal(out, ENCODINGS[name].encode(x, section, seeded(1))), "same seed, same spikes"


# Population coding has neurons tuned to silence.
@pytest.mark.parametrize("name", sorted(set(ENCODINGS) - {"direct", "population"}))
def test_silence_makes_no_spikes(name: str, params: Params) -> None:
    out = ENCODINGS[name].encode(torch.zeros(5, 7), params.encodings[name], seeded())
    assert not out.any()


def test_latency_of_known_values() -> None:
    x = torch.tensor([1.0, 0.76, 0.5, 0.26, 0.01, 0.0])
    out = latency(x, LatencyParams(steps=4, threshold=0.0), seeded())
    moments = [step.nonzero().flatten().tolist() for step in out.T]
    assert moments == [[0], [0], [2], [2], [3], []]


unit = st.floats(0, 1, width=32)


@pytest.mark.slow
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


def trains(out: torch.Tensor) -> list[list[int]]:
    """Return the steps at which each neuron of a row spikes."""
    return [steps.nonzero().flatten().tolist() for steps in out.T]


def test_deterministic_rate_of_known_values() -> None:
    x = torch.tensor([0.0, 0.12, 0.25, 0.5, 0.75, 1.0])
    out = rate_deterministic(x, RateParams(steps=4, gain=1.0), seeded())
    assert trains(out) == [[], [], [1], [0, 2], [0, 1, 3], [0, 1, 2, 3]]
    doubled = rate_deterministic(x, RateParams(steps=4, gain=2.0), seeded())
    assert trains(doubled)[2:] == [[0, 2], [0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]


def test_ttfs_of_known_values() -> None:
    """Thresholds are 1, 0.846, 0.717, 0.607."""
    x = torch.tensor([1.0, 0.99, 0.85, 0.84, 0.7, 0.61, 0.6, 0.0])
    out = ttfs(x, TTFSParams(steps=4, threshold=1.0, tau_steps=6.0), seeded())
    assert trains(out) == [[0], [1], [1], [2], [3], [3], [], []]
    half = ttfs(x / 2, TTFSParams(steps=4, threshold=0.5, tau_steps=6.0), seeded())
    assert torch.equal(half, out)


def test_phase_sends_the_binary_digits() -> None:
    x = torch.tensor([0.5, 0.25, 0.75, 0.999, 1.0, 173 / 256])
    out = phase(x, PhaseParams(steps=16, phases=8), seeded())
    assert trains(out[:8])[:3] == [[0], [1], [0, 1]]
    assert out[:8, 3:5].all()
    assert "".join(str(int(digit)) for digit in out[:8, 5]) == f"{173:08b}"
    assert torch.equal(out[8:], out[:8]), "each period sends the same"
    weights = phase_weights(PhaseParams(steps=16, phases=8))
    assert weights.tolist() == [2.0**-k for k in range(1, 9)] * 2


def test_burst_of_known_values() -> None:
    """N_max 5, T_min 2, T_max 7: intervals ceil(7 - 5 x)."""
    x = torch.tensor([0.0, 0.01, 0.19, 0.3, 0.5, 0.9, 1.0])
    params = BurstParams(steps=13, spikes_max=5, interval_min=2, interval_max=7)
    out = burst(x, params, seeded())
    assert trains(out) == [
        [],
        [0],
        [0],
        [0, 6],
        [0, 5, 10],
        [0, 3, 6, 9, 12],
        [0, 2, 4, 6, 8],
    ]


@pytest.mark.slow
@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 9), st.lists(unit, min_size=20))
def test_the_shortest_time_allowed_holds_every_burst(
    most: int, shortest: int, more: int, values: list[float]
) -> None:
    span = {"spikes_max": most, "interval_min": shortest, "interval_max": shortest + more}
    long = BurstParams(steps=1000, **span)
    edges = [k / most + shift for k in range(most) for shift in (0.0, 1e-6)]
    x = torch.tensor([value for value in [*values, *edges] if value <= 1])
    needed = long._longest()
    whole = burst(x, long, seeded())
    assert whole[needed - 1 :].sum() <= whole[needed - 1].sum(), "nothing after it"
    assert torch.equal(whole.sum(0), (x.double() * most).ceil().long())
    cut = burst(x, BurstParams(steps=needed, **span), seeded())
    assert torch.equal(cut, whole[:needed])
    assert cut[-1].any(), "and the last step is needed"
    if needed > 1:
        with pytest.raises(ValueError, match="cut the longest burst"):
            BurstParams(steps=needed - 1, **span)


def test_delta_of_known_changes() -> None:
    x = torch.tensor([[0.3, 0.0], [0.9, 0.0], [0.45, 1.0], [0.45, 1.0]])
    out = delta(x, DeltaParams(steps=3, threshold=0.25), seeded())
    assert out.shape == (3, 4, 4)
    signed = (out[..., 0::2].int() - out[..., 1::2].int()).sum(0)
    assert signed.tolist() == [[1, 0], [2, 0], [-1, 3], [0, 1]], "the last one in two frames"
    assert out[:, 1, 0].tolist() == [True, True, False], "the first of the steps"
    assert not (out[..., 0::2] & out[..., 1::2]).any()


def test_delta_goes_on_after_a_frame_that_is_not_a_number() -> None:
    x = torch.tensor([[0.5], [math.nan], [0.5], [0.75]])
    out = delta(x, DeltaParams(steps=3, threshold=0.25), seeded())
    assert out.sum((0, 2)).tolist() == [2, 0, 0, 1]


def test_delta_sends_nothing_while_nothing_changes() -> None:
    x = torch.rand(1, 6, generator=seeded()).expand(9, 6)
    out = delta(x, DeltaParams(steps=10, threshold=0.1), seeded())
    assert out[:, 0].any()
    assert not out[:, 1:].any()


def test_population_responds_by_distance_from_the_centres() -> None:
    """Four neurons at -0.25, 0.25, 0.75 and 1.25, deviation 1/3."""
    params = PopulationParams(steps=8, neurons=4, gamma=1.5, threshold=0.1)
    out = population(torch.tensor([[0.25, 1.0]]), params, seeded())
    assert out.shape == (8, 1, 8)
    moments = trains(out[:, 0])
    # exp(-4.5 (x - c)^2): 0.3247, 1, 0.3247, 0.0111; and 0.0009, 0.0796, 0.7548, 0.7548
    assert moments == [[6], [0], [6], [], [], [], [2], [2]]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (PhaseParams, {"steps": 12, "phases": 8}, "steps 12 is not a multiple of phases 8"),
        (
            BurstParams,
            {"steps": 9, "spikes_max": 2, "interval_min": 3, "interval_max": 2},
            "interval_min 3 is above interval_max 2",
        ),
        (
            PopulationParams,
            {"steps": 4, "neurons": 2, "gamma": 1.5, "threshold": 0.1},
            "greater than or equal to 3",
        ),
        (DeltaParams, {"steps": 4, "threshold": 0.0}, "greater than 0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(
    kind: type, values: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**values)


@pytest.mark.slow
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 30))))
def test_packing_loses_nothing_and_takes_an_eighth(spikes: np.ndarray) -> None:
    packed = pack(spikes)
    assert packed.dtype == np.uint8
    assert packed.shape == (len(spikes), math.ceil(spikes.shape[1] / 8))
    assert (unpack(packed, spikes.shape[1]) == spikes).all()
