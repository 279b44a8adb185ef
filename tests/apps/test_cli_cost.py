"""``spikesound cost`` and ``spikesound.cost``."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from project import ROOT
from torch import nn

import spikesound
from spikesound.apps.cli import app
from spikesound.params import Params

snntorch = pytest.importorskip("snntorch")

CODE = """
import snntorch, torch
from torch import nn
def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), snntorch.Leaky(0.5, init_hidden=True))
"""


@pytest.fixture
def network(tmp_path: Path) -> str:
    (tmp_path / "network.py").write_text(CODE)
    return f"{tmp_path / 'network.py'}:make"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    app(["cost", *arguments], standalone_mode=False)
    return capsys.readouterr().out


@pytest.mark.slow
def test_every_format_says_the_same(
    network: str, tmp_path: Path, params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.tile([1.0, 0, 1, 0, 0, 1], (5, 2, 1)))
    asked = (network, "--sample", str(tmp_path / "x.npy"), "--each-step", "--run-code")
    table, csv, facts = (
        printed(capsys, *asked, "--format", form) for form in ("table", "csv", "json")
    )
    whole = json.loads(facts)
    assert (whole["time_steps"], whole["samples"], whole["input"]) == (5, 2, "spikes")
    assert whole["layers"][0]["effective"] == 5 * 3 * 8
    rows = pd.read_csv(io.StringIO(csv)).to_dict("records")
    assert len(rows) == len(whole["accounts"]) == 5 * len(params.costs.profiles)
    for row, account in zip(rows, whole["accounts"], strict=True):
        assert row["network_nj"] == pytest.approx(account["network_nj"])
        figure = f"{account['network_nj']:.4g}"
        line = next(
            line for line in table.splitlines()
            if line.split()[:2] == [row["profile"], row["dataflow"]]
        )  # fmt: skip
        assert figure in line.split()
    best = min(
        account["network_nj"] for account in whole["accounts"]
        if account["profile"] == "fp32_45nm" and account["dataflow"] != "full_reuse"
    )  # fmt: skip
    assert f"fp32_45nm, each at its best dataflow: network {best:.4g} nJ" in table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give an input: either --sample FILE or --shape SIZES"),
        (("--shape", "5,1,6"), "if you trust it, add --run-code"),
        (("--shape", "5,1,6", "--format", "xml"), "unknown format 'xml'; valid: csv, json, table"),
        (("--shape", "5,1,6", "--layout", "tbx"), "unknown layout 'tbx'"),
        (("--shape", "5,1,6", "--input", "spike"), "did you mean 'spikes'"),
        (("--shape", "5,1,7", "--run-code", "--each-step"), "fails on the sample of shape (5, 1"),
        (("--shape", "5,1,6", "--params", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_a_mistake_is_named(network: str, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(spikesound.SpikesoundError) as error:
        app(["cost", network, *options], standalone_mode=False)
    assert message in str(error.value)


@pytest.mark.slow
def test_a_mistake_is_one_line_of_the_command() -> None:
    command = [str(Path(sys.executable).parent / "spikesound"), "cost", "none.nir"]
    command += ["--shape", "5,1,6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: none.nir: no such file\n"


def test_programs_get_the_same_object() -> None:
    network = nn.Sequential(nn.Linear(6, 8), snntorch.Leaky(0.5, init_hidden=True))
    x = (torch.rand(5, 2, 6, generator=torch.Generator().manual_seed(0)) < 0.4).numpy()
    found = spikesound.cost(network, x, each_step=True, params=ROOT / "params.yaml")
    assert found.counted.layers[0].effective == x.sum() * 8 / 2
    assert list(found.layers()["class"]) == ["Linear"]
    with pytest.raises(spikesound.SpikesoundError, match="must be one of FILE"):
        spikesound.cost("network", x)
