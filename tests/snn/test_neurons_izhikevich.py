"""Izhikevich's neuron: the paper's firing patterns, against NEST and an independent integrator."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from project import ROOT
from scipy.integrate import solve_ivp

from spikesound.core.errors import SpikesoundError
from spikesound.params import IzhikevichParams, Params
from spikesound.snn.neurons.izhikevich import Izhikevich, rest_mv

DURATION_MS = 500.0
PATTERNS = {  # a, b, c, d and current of the pattern: Izhikevich 2003, figure 2; phasic: 2004
    "tonic": (0.02, 0.2, -65.0, 8.0, 10.0),  # regular spiking
    "phasic": (0.02, 0.25, -65.0, 6.0, 0.5),
    "bursting": (0.02, 0.2, -55.0, 4.0, 10.0),  # intrinsically bursting
    "chattering": (0.02, 0.2, -50.0, 2.0, 10.0),
    "fast": (0.1, 0.2, -65.0, 2.0, 10.0),
    "low_threshold": (0.02, 0.25, -65.0, 2.0, 10.0),
}
# Spikes in 500 ms from rest, first spike and last interval in ms: NEST 3.10.0, its model
# "izhikevich" at a resolution of 0.01 ms.
NEST = {
    "tonic": (12, 3.47, 44.84),
    "phasic": (1, 19.92, None),
    "bursting": (18, 3.47, 31.25),
    "chattering": (48, 3.47, 4.81),
    "fast": (69, 3.52, 7.39),
    "low_threshold": (41, 2.45, 13.40),
}


def params_of(pattern: str, step_ms: float, substeps: int = 1) -> IzhikevichParams:
    a, b, c, d, _ = PATTERNS[pattern]
    return IzhikevichParams(
        a=a,
        b=b,
        c=c,
        d=d,
        gain=1.0,
        step_ms=step_ms,
        substeps=substeps,
        surrogate="atan",
        slope=2.0,
    )


@functools.cache
def times_ms(pattern: str, step_ms: float, substeps: int = 1) -> np.ndarray:
    neuron = Izhikevich(params_of(pattern, step_ms, substeps))
    steps = round(DURATION_MS / step_ms)
    current = torch.full((steps, 1), PATTERNS[pattern][-1], dtype=torch.float64)
    with torch.no_grad():
        spikes = neuron(current)[:, 0]
    return (spikes.nonzero().flatten().numpy() + 1) * step_ms


@functools.cache
def reference_ms(pattern: str) -> np.ndarray:
    """Integrate between spikes by a Runge-Kutta method of order 8, the spike found as a root."""
    a, b, c, d, current = PATTERNS[pattern]

    def slope(time_ms: float, state: np.ndarray) -> list[float]:
        v, u = state
        return [0.04 * v * v + 5 * v + 140 - u + current, a * (b * v - u)]

    def peak(time_ms: float, state: np.ndarray) -> float:
        return float(state[0] - 30)

    peak.terminal = True  # type: ignore[attr-defined]
    v = (b - 5 - math.sqrt((5 - b) ** 2 - 22.4)) / 0.08
    state, now, times = [v, b * v], 0.0, []
    while True:
        run = solve_ivp(
            slope, (now, DURATION_MS), state, "DOP853", events=peak, rtol=1e-9, atol=1e-9
        )
        if not run.t_events[0].size:
            return np.array(times)
        now = run.t[-1]
        times.append(now)
        state = [c, run.y[1, -1] + d]


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_fine_steps_fire_as_the_equations_and_as_nest(pattern: str) -> None:
    ours, exact = times_ms(pattern, 0.02), reference_ms(pattern)
    count, first_ms, interval_ms = NEST[pattern]
    assert len(exact) == count
    assert len(ours) == pytest.approx(count, rel=0.02)
    assert ours[0] == pytest.approx(first_ms, abs=0.05)
    assert ours[0] == pytest.approx(exact[0], abs=0.1)
    if interval_ms is not None:
        assert np.diff(exact)[-1] == pytest.approx(interval_ms, abs=0.06)
        assert np.diff(ours)[-1] == pytest.approx(interval_ms, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_coarsest_steps_keep_the_pattern(pattern: str) -> None:
    # Half a millisecond is the paper's own step. It costs up to a sixth of the spikes.
    ours, exact = times_ms(pattern, 0.5), reference_ms(pattern)
    assert 0.83 * len(exact) <= len(ours) <= len(exact)
    assert ours[0] - exact[0] < 1.7


@pytest.mark.slow
def test_patterns_are_what_their_names_say() -> None:
    intervals = {pattern: np.diff(times_ms(pattern, 0.1)) for pattern in PATTERNS}
    assert intervals["tonic"][0] < 20 < 40 < intervals["tonic"][-1], "adapts to a slow rhythm"
    assert len(intervals["phasic"]) == 0, "one spike at the onset"
    assert (intervals["bursting"][:2] < 5).all(), "a burst"
    assert (intervals["bursting"][-4:] > 30).all(), "and then single spikes"
    gaps = intervals["chattering"] > 20
    assert gaps.sum() >= 5, "bursts all along"
    assert (intervals["chattering"][~gaps] < 8).all()
    assert intervals["fast"].max() < 10, "fast, and hardly adapting"
    adapted = intervals["low_threshold"]
    assert adapted[0] < 4 < 12 < adapted[-1], "fast at first, adapting"
    low = times_ms("low_threshold", 0.1)[0]
    assert low < times_ms("fast", 0.1)[0], "from a lower threshold"


@pytest.mark.slow
def test_substeps_are_short_steps() -> None:
    fine = times_ms("fast", 0.25)
    assert np.allclose(np.ceil(fine), times_ms("fast", 1.0, substeps=4))


@pytest.mark.slow
def test_it_rests_without_current() -> None:
    assert rest_mv(0.2) == pytest.approx(-70)
    neuron = Izhikevich(params_of("tonic", 1.0, 4))
    like = torch.zeros(1, dtype=torch.float64)
    rest = state = neuron.initial_state(like)
    for _ in range(1000):
        spikes, state = neuron.step(like, state)
        assert not spikes.any()
    for value, at_rest in zip(state, rest, strict=True):
        assert torch.allclose(value, at_rest, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(current=st.floats(-10000, 0), substeps=st.integers(2, 8))
def test_inhibition_never_fires_it(current: float, substeps: int) -> None:
    neuron = Izhikevich(params_of("fast", 1.0, substeps))
    assert not neuron(torch.full((40, 1), current)).any()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("substeps: 4", "substeps: 1", "is 1 ms, above the limit of 0.5 ms: take at least 2 subs"),
        ("b: 0.2\n", "b: 0.3\n", r"izhikevich\.b: .*less than 0.267, got 0.3"),
    ],
)
def test_steps_too_long_and_no_rest_are_refused(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    before, after = (ROOT / "params.yaml").read_text(encoding="utf-8").split("  izhikevich:")
    assert old in after
    path = tmp_path / "params.yaml"
    path.write_text(before + "  izhikevich:" + after.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=message) as caught:
        Params.load(path)
    assert "\n" not in str(caught.value)
