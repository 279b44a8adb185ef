"""Firing of Izhikevich's and of Hodgkin and Huxley's neuron beside the equations, as tables.

    python benchmarks/traces.py

Spikes and last interval over 500 ms of constant current from rest. The figures of NEST and NEURON
in docs/reference/neurons.md stand in the tests whose functions are used here.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/snn"), str(ROOT / "tests/support")]

import test_neurons_hodgkin_huxley as membrane
import test_neurons_izhikevich as simple


def told(times_ms: np.ndarray) -> str:
    """Return the number of spikes and the last interval, or when the only one was."""
    last_ms = np.diff(times_ms)[-1] if len(times_ms) > 1 else times_ms[0]
    return f"{len(times_ms)}, {last_ms:.2f} ms"


def main() -> None:
    steps_ms = (0.02, 0.25, 0.5)
    print(f"| Izhikevich | the equations | {' | '.join(f'{x:g} ms' for x in steps_ms)} |")
    print("|---|---|---|---|---|")
    for pattern in simple.PATTERNS:
        cells = [simple.reference_ms(pattern), *(simple.times_ms(pattern, x) for x in steps_ms)]
        print(f"| {pattern} | {' | '.join(map(told, cells))} |")
    print("\n| Hodgkin-Huxley, uA/cm2 | the equations | 0.05 ms | 0.1 ms |\n|---|---|---|---|")
    for current in (2.2, 2.3, 6.2, 6.3, 10.0, 20.0, 50.0):
        exact = membrane.reference(current)[0]
        ours = {x: membrane.constant(x)[0][current] for x in (0.05, 0.1)}
        if int(ours[0.05].sum()) > 20:
            found = [f"{1000 / np.diff(exact)[-5:].mean():.1f} Hz"]
            found += [f"{membrane.rate_hz(spikes, x):.1f} Hz" for x, spikes in ours.items()]
        else:
            found = [f"{len(exact)} spikes", *(f"{int(s.sum())} spikes" for s in ours.values())]
        print(f"| {current:g} | {' | '.join(found)} |")
    potential = membrane.constant(0.05)[1][10.0]
    print(f"\nat 10 uA/cm2 it swings from {potential.min():.1f} to {potential.max():.1f} mV")


if __name__ == "__main__":
    main()
