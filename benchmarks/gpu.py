"""Kernels, training and features on a CUDA device, in less than eight minutes.

    python benchmarks/gpu.py [--only open train ...] [--rounds 7] [--device cuda:1]
    python benchmarks/gpu.py --device cpu --small --out FILE    # tries the script without a GPU

Groups of rows: `equality` compares the Triton kernels with the plain loop on the device; `open` is
the workload of Open Neuromorphic's benchmark (gpu_published.yaml); `train` and `train_wide` are
training steps of the default CNN and of one with five million parameters, conventional and spiking;
`on_the_fly` computes features from sound on the device. Each group goes to the file when it is
done, and a run goes on where the last one stopped. Then `python benchmarks/tables.py` puts the
tables into docs/results/kernels.md.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from gpu_workloads import GROUPS, SMALL, Group, Place, Sizes
from machine import machine as processor

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError, run

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/gpu.json"
WHOLE_S = 470
"""Seconds in all: a group that might not be done by then waits for the next run."""

SMALL_TIMES = 20
"""Times the limit that tiny sizes may take: the interpreter is slow, and the processor shared."""


def device_of(name: str, small: bool, out: Path) -> torch.device:
    """Return the device to run on.

    Raises
    ------
    SpikesoundError
        If it is not there; or it is the processor, but sizes and file are those of a GPU.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SpikesoundError(f"unknown device {name!r}; valid: cuda, cuda:1, ..., cpu") from error
    if device.type not in ("cuda", "cpu"):
        raise SpikesoundError(f"--device must be one of cuda, cuda:1, ..., cpu, got {name!r}")
    try_it = "--device cpu --small --out FILE tries the script on the processor"
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SpikesoundError(f"no CUDA device found: this benchmark needs one; {try_it}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise SpikesoundError(f"no device {name!r}; valid: cuda:0 to cuda:{count - 1}")
    if (device.type == "cpu" or small) and out.resolve() == OUT:
        raise SpikesoundError(f"{OUT.name} is for full sizes on a GPU; {try_it}")
    if device.type == "cpu" and not small:
        raise SpikesoundError(f"full sizes take hours on the processor; {try_it}")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def machine(device: torch.device) -> dict[str, Any]:
    """Return what the figures are of: card, driver, and versions."""
    found: dict[str, Any] = {"card": processor(), "driver": None, "cuda": torch.version.cuda}
    if device.type == "cuda":
        of_card = torch.cuda.get_device_properties(device)
        found["card"] = of_card.name
        found["driver"] = _driver(device.index)
        found["memory_gb"] = round(of_card.total_memory / 1e9, 1)
        found["multiprocessors"] = of_card.multi_processor_count
    found |= {"python": platform.python_version(), "torch": str(torch.__version__)}
    try:
        return found | {"triton": version("triton")}
    except PackageNotFoundError:
        return found | {"triton": None}


def _driver(index: int) -> str | None:
    query = ["nvidia-smi", f"--id={index}", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def started(out: Path, own: dict[str, Any], *, fresh: bool) -> dict[str, Any]:
    """Return the content of the file as far as it is: of this machine, and what was done on it.

    Raises
    ------
    SpikesoundError
        If its rows are of another machine or other versions.
    """
    if fresh or not out.is_file():
        return {**own, "groups": {}}
    content: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if content.get("small") != own["small"]:
        sizes = "tiny" if content.get("small") else "full"
        raise SpikesoundError(
            f"{out}: its rows are of {sizes} sizes; use --fresh, or another --out"
        )
    there = content["machine"]
    for key, value in own["machine"].items():
        if there.get(key) != value:
            raise SpikesoundError(
                f"{out}: its rows are of {key} {there.get(key)}, this machine has {value}; use "
                "--fresh to replace them, or another --out"
            )
    return content


class OutOfTime(Exception):
    """A group has reached its time limit."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime when the block takes longer, whatever the code within makes of the signal."""
    reached = False

    def over(number: int, frame: object) -> None:
        nonlocal reached
        reached = True
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:
        if reached:
            raise OutOfTime from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measured(group: Group, device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    """Return the rows of a group, and the seconds that it took; or why it has none."""
    start = time.monotonic()
    sizes = SMALL if options.small else Sizes()
    place = Place(device, sizes, options.rounds, group.limit_s / 2)
    try:
        with limited(group.limit_s * (SMALL_TIMES if options.small else 1)):
            rows = list(group.rows(place))
    except OutOfTime:
        return {"failed": f"not done within {group.limit_s:g} s"}
    except torch.cuda.OutOfMemoryError as error:
        return {"failed": f"out of memory: {str(error).splitlines()[0]}"}
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return {"seconds": round(time.monotonic() - start, 1), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny sizes, to try the script")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--fresh", action="store_true", help="replace the rows that are there")
    options = parser.parse_args()
    device = device_of(options.device, options.small, options.out)
    if device.type == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"  # read when the kernels are imported
    own = {"machine": machine(device), "small": options.small}
    content = started(options.out, own, fresh=options.fresh)
    begun = time.monotonic()
    for name in options.only:
        if "rows" in content["groups"].get(name, {}):
            print(f"{name}: done before", file=sys.stderr)
            continue
        if not options.small and time.monotonic() - begun + GROUPS[name].limit_s > WHOLE_S:
            print(f"{name}: no time left, run this again to go on", file=sys.stderr)
            continue
        content["groups"][name] = found = measured(GROUPS[name], device, options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with written_aside(options.out) as file:
            file.write(json.dumps(content, indent=1).encode() + b"\n")
        print(f"{name}: {found.get('failed') or found['seconds']}", file=sys.stderr)
    _conclude(content, options.only)


def _conclude(content: dict[str, Any], names: list[str]) -> None:
    groups = content["groups"]
    unequal = [row for row in groups.get("equality", {}).get("rows", []) if not row["equal"]]
    if unequal:
        of = ", ".join(f"{row['dtype']} {row['rule']}" for row in unequal)
        raise SpikesoundError(f"the kernels differ from the plain loop: {of}")
    missing = [name for name in names if "rows" not in groups.get(name, {})]
    if missing:
        raise SpikesoundError(f"without rows: {', '.join(missing)}; run this again to go on")


if __name__ == "__main__":
    run(main)
