"""SpikingJelly's counters and estimates on the same networks: all that differs is explained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_models import LIF, classifier, made

from spikesound.core.errors import SpikesoundError
from spikesound.costs.spikingjelly.counts import Figure, figures
from spikesound.costs.spikingjelly.energies import energies
from spikesound.costs.spikingjelly.watching import Watched, watched
from spikesound.params import Params

pytest.importorskip("spikingjelly")

KINDS = ("conventional", "direct", "rate", "converted", "zero", "stride")


def seen(kind: str, params: Params) -> Watched:
    """Return a small CNN with counts of a batch of three clips."""
    changes: dict[str, Any] = {}
    spiking = kind != "conventional"
    coded = {"encoding": "rate"} if kind in ("rate", "converted") else {}
    spec = classifier(
        "cnn", params, spiking=spiking, **({"steps": 4} | coded if spiking else {})
    ).spec
    if kind == "converted":
        spec = spec.with_neuron(
            "integrate_and_fire", params.neurons["integrate_and_fire"].model_dump()
        )
    elif spiking:
        changes["neuron_params"] = LIF | ({"reset": "zero"} if kind == "zero" else {})
    if kind == "stride":
        changes["network_params"] = spec.network_params | {"pool": "stride"}
    model = made(spec.model_copy(update=changes))
    steps = 4 if kind in ("rate", "converted") else 1
    x = torch.rand(steps, 3, 26, 16, generator=torch.Generator().manual_seed(1))
    return watched(model, (x < 0.3).float() if steps > 1 else x)


@pytest.mark.parametrize("kind", KINDS)
def test_each_difference_is_their_rule_on_our_counts(kind: str, params: Params) -> None:
    network = seen(kind, params)
    rows = figures(network, params.costs) + energies(network, params.costs)
    assert [row for row in rows if not row.explained] == []
    for row in rows:
        assert (row.ours == pytest.approx(row.theirs)) == (not row.why), row
    by = {(row.what, row.layer): row for row in rows}
    assert by["SynOps", "convolution_2"].theirs > 0 or kind == "conventional"
    assert by["state bytes", "all"].theirs > 0 or kind == "conventional"
    assert by["SynOps", "convolution_1"].theirs > 0 or kind not in ("rate", "converted")
    assert by["MAC", "convolution_1"].theirs > 0 or kind in ("rate", "converted")


def test_lemaires_price_of_an_access_is_twice_that_of_horowitz() -> None:
    op_counter = pytest.importorskip("spikingjelly.activation_based.op_counter")
    prices = op_counter.LemaireEnergyCostConfig()
    # Horowitz 2014: 64 bits from 8 KB cost 10 pJ.
    assert prices.memory_cost_pj(8 * 1024) * 8 == 2 * 10


def test_a_figure_that_the_rule_does_not_give_is_not_explained() -> None:
    row = Figure("SynOps", "one", 10.0, 11.0, 10.0, "")
    assert not row.explained


def test_networks_that_are_no_cnn_are_refused(params: Params) -> None:
    model = classifier("gru", params, spiking=False)
    with pytest.raises(SpikesoundError, match="expected a network cnn, got"):
        watched(model, torch.rand(1, 2, 26, 16))
