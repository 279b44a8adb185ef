"""benchmarks/gpu.py at tiny sizes on the processor, and its tables with and without results."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import yaml
from project import ROOT, SRC, module_of

sys.path.append(str(ROOT / "benchmarks"))
import gpu_tables

from spikesound.core.errors import SpikesoundError

SCRIPT = ROOT / "benchmarks/gpu.py"
CARD = "NVIDIA Toy 1"


@pytest.fixture
def benchmark() -> ModuleType:
    return module_of(SCRIPT)


def timed(network: str, dtype: str, **more: Any) -> dict[str, Any]:
    times = {"median_ms": 200.0, "low_ms": 100.0, "high_ms": 400.0, "rounds": 7, "peak_mb": 1234.5}
    return {"network": network, "dtype": dtype, **times, **more}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write results of a card that does not exist, and let the tables read them."""
    equal = {"rule": "zero", "dtype": "float16", "spikes": 4321, "differing": 0, "equal": True}
    of_clips = {"batch": 32, "clips_per_s": 160.0, "parameters": 5_000_001}
    groups = {
        "equality": [equal | {"error": 0.00012, "bound": 0.001}],
        "open": [timed("spikesound", "float32")],
        "train": [timed("snn", "float32", **of_clips)],
        "on_the_fly": [timed("log-mel", "float32", batch=32, clips_per_s=160.0)],
    }
    machine = {"card": CARD, "driver": "1.2", "cuda": "13.0", "torch": "2.9", "triton": "3.5"}
    content = {"machine": machine, "groups": {name: {"rows": r} for name, r in groups.items()}}
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr(gpu_tables, "PATH", path)
    return path


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]


def test_tables_have_the_rows_of_the_file(results: Path) -> None:
    assert cells(gpu_tables.gpu_machine())[2] == [CARD, "1.2", "13.0", "2.9", "3.5"]
    assert cells(gpu_tables.gpu_equality())[2:] == [
        ["float16", "zero", "4,321", "0", "0.00012", "0.001"]
    ]
    assert cells(gpu_tables.gpu_open())[2] == [
        "spikesound", "float32", CARD, "0.200", "0.100–0.400", "1,234"
    ]  # fmt: skip
    assert cells(gpu_tables.gpu_clips())[2:] == [
        ["snn", "float32", "32", "160", "80–320", "5,000,001", "1,234"],
        ["log-mel", "float32", "32", "160", "80–320", "–", "1,234"],
    ]


def test_published_figures_stand_beside_ours_by_time(results: Path) -> None:
    published = yaml.safe_load(gpu_tables.PUBLISHED.read_text(encoding="utf-8"))
    assert (published["neurons"], published["steps"], published["batch"]) == (16384, 500, 16)
    rows = cells(gpu_tables.gpu_open())[3:]
    assert len(rows) == len(published["rows"]) >= 4
    assert all(row[0].endswith(", published") and row[2] == published["card"] for row in rows)
    seconds = [float(row[3]) for row in rows]
    assert seconds == sorted(seconds)
    full = {row[0].split()[0]: s for row, s in zip(rows, seconds, strict=True) if row[1] == "full"}
    assert full["Spyx"] == 0.076
    assert full["Norse"] == pytest.approx(0.109, abs=0.001)
    assert full["snnTorch"] == pytest.approx(3.08, abs=0.005)


def test_tables_without_the_file_say_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_tables, "PATH", tmp_path / "none.json")
    for name, table in gpu_tables.TABLES.items():
        rows = cells(table())
        assert len({len(row) for row in rows}) == 1, name
        assert "not run: `python benchmarks/gpu.py`" in rows[2]
        assert (len(rows) > 3) == (name == "gpu_open"), "published figures stand there in any case"


def test_the_page_has_the_tables_as_they_are() -> None:
    text = (ROOT / "docs/results/kernels.md").read_text(encoding="utf-8")
    for name, table in gpu_tables.TABLES.items():
        assert f"<!-- {name} -->\n{table()}<!-- /{name} -->" in text, "run: make tables"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cpu", False, "x.json"), "full sizes take hours on the processor"),
        (("cpu", True, None), r"gpu\.json is for full sizes on a GPU; --device cpu --small --out"),
        (("mps", True, "x.json"), "must be one of cuda, cuda:1, ..., cpu, got 'mps'"),
        (("gpu", True, "x.json"), "unknown device 'gpu'; valid: cuda"),
    ],
)
def test_unfit_devices_are_refused(
    benchmark: ModuleType, arguments: tuple[str, bool, str | None], message: str
) -> None:
    name, small, out = arguments
    with pytest.raises(SpikesoundError, match=message):
        benchmark.device_of(name, small, Path(out) if out else benchmark.OUT)


def test_a_machine_without_a_gpu_is_told_in_one_line(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SpikesoundError, match="no CUDA device found") as raised:
        benchmark.device_of("cuda", False, benchmark.OUT)
    assert "\n" not in str(raised.value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert benchmark.device_of("cuda", False, benchmark.OUT) == torch.device("cuda:0")
    assert benchmark.device_of("cuda:1", False, benchmark.OUT) == torch.device("cuda:1")
    with pytest.raises(SpikesoundError, match="valid: cuda:0 to cuda:1"):
        benchmark.device_of("cuda:2", False, benchmark.OUT)


def test_the_groups_take_less_than_eight_minutes(benchmark: ModuleType) -> None:
    assert sum(group.limit_s for group in benchmark.GROUPS.values()) <= benchmark.WHOLE_S < 480


def test_a_group_ends_at_its_time_limit(benchmark: ModuleType) -> None:
    def endless(place: Any) -> Iterator[dict[str, Any]]:
        try:
            time.sleep(60)
        except Exception as error:  # as Triton's interpreter does with what comes through it
            raise ValueError("wrapped") from error
        yield {}

    def damaged(place: Any) -> Iterator[dict[str, Any]]:
        raise ValueError("its own")
        yield {}

    options = argparse.Namespace(small=False, rounds=1)
    found = benchmark.measured(benchmark.Group(0.05, endless), torch.device("cpu"), options)
    assert found == {"failed": "not done within 0.05 s"}
    with pytest.raises(ValueError, match="its own"):
        benchmark.measured(benchmark.Group(60, damaged), torch.device("cpu"), options)


def test_rows_of_another_machine_are_not_mixed_with_ours(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    out, own = tmp_path / "gpu.json", {"machine": {"card": CARD}, "small": True}
    assert benchmark.started(out, own, fresh=False) == {**own, "groups": {}}
    out.write_text(json.dumps({**own, "groups": {"open": {"rows": [1]}}}), encoding="utf-8")
    assert benchmark.started(out, own, fresh=False)["groups"] == {"open": {"rows": [1]}}
    other = {"machine": {"card": "another"}, "small": True}
    with pytest.raises(SpikesoundError, match=rf"of card {CARD}, .* another; use --fresh"):
        benchmark.started(out, other, fresh=False)
    with pytest.raises(SpikesoundError, match="of tiny sizes; use --fresh"):
        benchmark.started(out, own | {"small": False}, fresh=False)
    assert benchmark.started(out, other, fresh=True)["groups"] == {}


def test_the_wide_network_has_five_million_parameters(benchmark: ModuleType) -> None:
    from gpu_workloads import Sizes, specs

    from spikesound.models.build import build

    for spec in specs().values():
        values = {**spec.network_params, "channels": list(Sizes().channels)}
        network = build(spec.model_copy(update={"network_params": values}))
        count = sum(each.numel() for each in network.parameters())
        assert count == pytest.approx(5e6, rel=0.02)


def ran(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--out", str(out), "--rounds", "1", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_group_runs_at_tiny_sizes_and_goes_on(tmp_path: Path, benchmark: ModuleType) -> None:
    pytest.importorskip("triton")
    out = tmp_path / "gpu.json"
    small = ("--device", "cpu", "--small")
    done = ran(out, *small, "--only", "equality", "open")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(out.read_text(encoding="utf-8"))["groups"]) == ["equality", "open"]
    done = ran(out, *small)
    assert done.returncode == 0, done.stderr
    assert "open: done before" in done.stderr
    content = json.loads(out.read_text(encoding="utf-8"))
    assert set(content["groups"]) == set(benchmark.GROUPS)
    assert content["machine"]["torch"] == torch.__version__
    rows = {name: group["rows"] for name, group in content["groups"].items()}
    assert [row["differing"] for row in rows["equality"]] == [0] * 9
    assert min(row["spikes"] for row in rows["equality"]) > 0
    assert {row["dtype"] for row in rows["open"]} >= {"float32", "float16", "bfloat16"}
    for row in (*rows["train"], *rows["train_wide"], *rows["on_the_fly"]):
        assert row["low_ms"] <= row["median_ms"] <= row["high_ms"]
        assert row["clips_per_s"] == pytest.approx(1000 * row["batch"] / row["median_ms"], rel=0.1)
