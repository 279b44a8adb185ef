"""Integrate-and-fire with exponential currents: the equations solved by SciPy, and NEST."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from spikesound.core.errors import SpikesoundError
from spikesound.params import CurrExpParams, Params
from spikesound.params.base import parsed
from spikesound.snn.neurons.curr_exp import CurrExp

PUBLISHED: dict[str, Any] = {  # of Dominguez-Morales 2016, hidden layer
    "tau_m_ms": 20.0, "tau_syn_ms": 5.0, "cm_nf": 0.25, "v_rest_mv": -65.0, "v_reset_mv": -70.0,
    "v_thresh_mv": -50.0, "tau_refrac_ms": 2.0, "step_ms": 1.0, "surrogate": "atan", "slope": 2.0,
}  # fmt: skip


def neuron(**changes: Any) -> CurrExp:
    return CurrExp(CurrExpParams.model_validate(PUBLISHED | changes))


def trace(cell: CurrExp, currents: list[float]) -> tuple[list[float], list[float]]:
    """Potentials in mV after each step, and spikes."""
    state = cell.initial_state(torch.zeros(1, dtype=torch.float64))
    potentials, spikes = [], []
    for current in currents:
        spike, state = cell.step(torch.tensor([current], dtype=torch.float64), state)
        potentials.append(state[1].item() + cell.rest)
        spikes.append(spike.item())
    return potentials, spikes


def test_a_pulse_of_current_is_solved_exactly() -> None:
    potentials, spikes = trace(neuron(), [1.0, *[0.0] * 30])
    assert not any(spikes)

    def slope(_: float, y: np.ndarray) -> list[float]:
        return [-y[0] / 20 + y[1] / 0.25, -y[1] / 5]

    solved = solve_ivp(slope, (0, 30), [0, 1.0], t_eval=range(31), rtol=1e-10, atol=1e-12)
    assert np.allclose(potentials, solved.y[0] - 65, atol=1e-7), "the pulse comes at a step's end"


def test_it_is_held_at_its_reset_for_the_refractory_time() -> None:
    potentials, spikes = trace(neuron(), [4.5, *[0.0] * 8])
    at = spikes.index(1.0)
    assert at == 1, "the step behind the pulse"
    assert potentials[at : at + 3] == [-70.0] * 3, "its reset, and two steps of 1 ms"
    assert potentials[at + 3] > -70.0


def test_a_stronger_current_fires_at_the_refractory_limit() -> None:
    _, spikes = trace(neuron(), [50.0] * 300)
    assert sum(spikes) == 100, "one step to the threshold, two steps held"


def test_spikes_are_nests() -> None:
    nest = pytest.importorskip("nest")
    generator = np.random.default_rng(0)
    weights = np.where(generator.random(400) < 0.3, generator.uniform(0, 2.5, 400), 0.0)
    _, spikes = trace(neuron(), weights.tolist())
    nest.ResetKernel()
    nest.resolution = 1.0
    cell = nest.Create("iaf_psc_exp", params={
        "C_m": 250.0, "tau_m": 20.0, "tau_syn_ex": 5.0, "E_L": -65.0, "V_m": -65.0,
        "V_reset": -70.0, "V_th": -50.0, "t_ref": 2.0,
    })  # fmt: skip
    times = np.flatnonzero(weights) + 1.0
    source = nest.Create("spike_generator", params={
        "spike_times": times, "spike_weights": 1000 * weights[weights > 0],
    })  # fmt: skip
    nest.Connect(source, cell, syn_spec={"weight": 1.0, "delay": 1.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cell, recorder)
    nest.Simulate(410.0)
    # A pulse of step t is in the current from the end of step t + 1 there, with a delay of 1 ms.
    found = np.sort(recorder.get("events")["times"]) - 2
    assert found[found < 400].tolist() == np.flatnonzero(spikes).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_thresh_mv": -66.0}, "v_thresh_mv must be above rest and reset, got -66 mV"),
        ({"tau_syn_ms": 20.0}, "tau_syn_ms must differ from tau_m_ms"),
    ],
)
def test_constants_that_make_no_neuron_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        parsed(CurrExpParams, PUBLISHED | changes, ("neurons", "curr_exp"))


def test_the_default_entry_spikes_on_unit_currents(params: Params) -> None:
    cell = CurrExp(CurrExpParams.model_validate(params.neurons["curr_exp"].model_dump()))
    assert cell(torch.ones(6, 1)).any()
