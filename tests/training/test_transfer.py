"""Transfer learning: all weights but the read-out's come from the network to start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from detectors import detector
from toy_clips import job, spec

from spikesound.core.errors import SpikesoundError
from spikesound.models.build import build
from spikesound.params import Params
from spikesound.training.methods.transfer import transferred

OTHER = {"classes": ["a", "b", "c"], "names": ["A", "B", "C"]}


@pytest.mark.parametrize("spiking", [False, True])
def test_the_body_is_the_old_one_and_the_readout_is_new(
    params: Params, tmp_path: Path, spiking: bool
) -> None:
    torch.manual_seed(1)
    base = build(spec(params, spiking=spiking, **OTHER))
    kind = "transfer_surrogate" if spiking else "transfer"
    wanted = replace(job(params, tmp_path, kind=kind), base=base)
    fresh = build(wanted.spec)
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    made = transferred(wanted, fresh).state_dict()
    assert {key for key in made if torch.equal(made[key], before[key])} >= {
        "readout.weight",
        "readout.bias",
    }
    old = base.state_dict()
    body = [key for key in made if not key.startswith("readout")]
    assert len(body) > 5
    assert all(torch.equal(made[key], old[key]) for key in body)


def test_a_detector_keeps_its_memory_and_gets_new_integrators(
    params: Params, tmp_path: Path
) -> None:
    made_of, base = detector("snn-tcn", seed=3)
    fewer = made_of.model_copy(update={"classes": ["x"], "names": ["X"]})
    wanted = replace(job(params, tmp_path, kind="transfer_surrogate"), spec=fewer, base=base)
    network = transferred(wanted, build(fewer))
    made, old = network.state_dict(), base.state_dict()
    assert {key.partition(".")[0] for key in made} == {"front", "memory", "readout", "integrator"}
    for key in made.keys() - {"integrator.beta"}:  # new, of the same first value
        same = made[key].shape == old[key].shape and torch.equal(made[key], old[key])
        assert same == (not key.startswith("readout")), key


def test_another_network_to_start_from_is_named(params: Params, tmp_path: Path) -> None:
    wanted = job(params, tmp_path, kind="transfer")
    with pytest.raises(SpikesoundError, match="ann-cnn: transfer learning starts from"):
        transferred(wanted, build(wanted.spec))
    wider = spec(params, network_params={**wanted.spec.network_params, "channels": [6, 8]})
    with pytest.raises(SpikesoundError, match=r"is another network: weights 'blocks\.0\.conv"):
        transferred(replace(wanted, base=build(wider)), build(wanted.spec))
