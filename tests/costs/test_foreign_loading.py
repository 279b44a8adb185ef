"""Networks and samples from files: what is read, and what is refused, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.foreign.accounts import PUBLISHED, accounts
from spikesound.costs.foreign.loading import load_network
from spikesound.costs.foreign.sample import drawn, read_sample

CODE = """
import pathlib
pathlib.Path({mark!r}).write_text("executed")
from torch import nn
def make():
    return nn.Linear(2, 3)
def fails():
    return 1 / 0
number = 7
network = nn.Linear(4, 5)
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "own_network.py"
    path.write_text(CODE.format(mark=str(tmp_path / "mark")))
    return path


def test_code_runs_only_on_request(code: Path) -> None:
    with pytest.raises(SpikesoundError, match="must be executed; if you trust it, add --run-code"):
        load_network(f"{code}:make", run_code=False)
    assert not (code.parent / "mark").exists()
    made = load_network(f"{code}:make", run_code=True)
    assert isinstance(made, nn.Linear)
    assert (code.parent / "mark").exists()
    assert load_network(f"{code}:network", run_code=True).out_features == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "no 'none' in it; functions: make, fails"),
        ("fails", "ZeroDivisionError: division by zero"),
        ("number", "TypeError: 'int' object is not callable"),
    ],
)
def test_a_factory_that_makes_no_network_is_named(code: Path, name: str, message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        load_network(f"{code}:{name}", run_code=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("model", r"must be one of FILE\.nir, FILE\.pt, FILE\.py:FACTORY or PACKAGE"),
        ("none.py:make", r"none\.py: no such file"),
        ("no_such_package.module:make", "ModuleNotFoundError"),
        ("none.pt", r"none\.pt: no such file"),
    ],
)
def test_what_is_no_network_is_refused(given: str, message: str) -> None:
    with pytest.raises(SpikesoundError, match=message):
        load_network(given, run_code=True)


class Own(nn.Linear):
    """A class that no file may name."""


def test_a_whole_module_of_torch_is_read_without_code(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU()), path)
    read = load_network(str(path), run_code=False)
    assert isinstance(read, nn.Sequential)
    assert read(torch.ones(2, 2)).shape == (2, 3)


def test_neurons_of_spikingjelly_are_read_or_the_reason_is_named(tmp_path: Path) -> None:
    pytest.importorskip("spikingjelly")
    from spikingjelly.activation_based import neuron

    path = tmp_path / "m.pt"
    torch.save(nn.Sequential(nn.Linear(2, 3), neuron.IFNode()), path)
    with pytest.raises(SpikesoundError, match=r"asks for spikingjelly\.\S+; .*FILE\.py:FACTORY"):
        load_network(str(path), run_code=False)


def test_a_file_that_needs_code_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(Own(2, 3), path)
    with pytest.raises(
        SpikesoundError, match=r"without executing code.*asks for \S+Own; .*FILE\.py:FACTORY"
    ):
        load_network(str(path), run_code=True)
    torch.save(Own(2, 3).state_dict(), path)
    with pytest.raises(SpikesoundError, match="OrderedDict, weights without the network"):
        load_network(str(path), run_code=False)
    path.write_bytes(b"PK damaged")
    with pytest.raises(SpikesoundError, match=r"m\.pt: cannot be read"):
        load_network(str(path), run_code=False)


def test_samples_are_read_from_every_kind_of_file(tmp_path: Path) -> None:
    x = np.arange(6.0).reshape(3, 1, 2)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "one.npz", x=x)
    np.savez(tmp_path / "two.npz", x=x, y=2 * x)
    torch.save(torch.from_numpy(x), tmp_path / "x.pt")
    for name in ("x.npy", "one.npz", "two.npz:x", "x.pt"):
        assert torch.equal(read_sample(str(tmp_path / name)), torch.from_numpy(x).float()), name
    with pytest.raises(SpikesoundError, match=r"name one of its arrays, .*two\.npz:NAME, of x, y"):
        read_sample(str(tmp_path / "two.npz"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", b"damaged", "not a file of arrays"),
        ("x.pt", b"damaged", "not a file of tensors"),
        ("x.wav", b"", r"must be one of \.npy, \.npz, \.pt, \.pth"),
        ("x.npy", None, "no such file"),
    ],
)
def test_a_damaged_sample_is_named(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SpikesoundError, match=message):
        read_sample(str(tmp_path / name))


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(SpikesoundError, match="not a file of arrays"):
        read_sample(str(tmp_path / "x.npy"))


def test_spikes_are_drawn_at_their_rate() -> None:
    x = drawn("50,4,20,20", 0.25, seed=1)
    assert x.shape == (50, 4, 20, 20)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    # Four standard deviations of the mean of 80,000 draws.
    assert abs(float(x.mean()) - 0.25) < 4 * (0.25 * 0.75 / x.numel()) ** 0.5
    assert torch.equal(x, drawn("50,4,20,20", 0.25, seed=1))
    for shape, rate in (("5,x", 0.1), ("5,0", 0.1), ("", 0.1), ("5,2", 1.5)):
        with pytest.raises(SpikesoundError, match=r"(shape|rate) must be"):
            drawn(shape, rate, 0)


def test_technologies_come_from_a_file_of_parameters(tmp_path: Path) -> None:
    assert accounts(None) is PUBLISHED
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\n")
    with pytest.raises(SpikesoundError, match=r"params\.yaml: no section 'costs'"):
        accounts(path)
    path.write_text("costs: {profile: x}\n")
    with pytest.raises(SpikesoundError, match=r"costs\."):
        accounts(path)
    project = Path(__file__).resolve().parents[2] / "params.yaml"
    path.write_text(project.read_text().replace("    fetch: step", "    fetch: clip"))
    with pytest.raises(SpikesoundError, match=r"costs\.account\.fetch must be 'step'"):
        accounts(path)
