"""The pipeline from AudioSet's CSV to mAP on made lists: time, memory and disk of every stage.

    python benchmarks/scale [--clips 400 2000] [--presets audioset-balanced ...] [--epochs 6]

A list of so many clips is made of ESC-10's recordings, mixed two by two, under ids and in the
formats of AudioSet, and served from a mirror on this machine; then the stages of the preset run on
it, each measured as a process. Two numbers of clips give what a stage takes to start, and what each
clip takes. What all of AudioSet would take is computed from that: docs/results/scale.md.

Each stage's row lands in benchmarks/results/scale.json as soon as it is there. After a kill the
same command goes on from the stage that was running; ``--again`` measures all anew. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from child import measure
from machine import machine, versions
from pipeline_stages import ROOT, Stage, metrics_file, size, stages_of
from preset_sizes import MEASURED, labels_of, preset_params
from workspace import Workspace, served_bytes

from spikesound.core.errors import choose, run
from spikesound.core.json_files import read_mapping, write_json

OUT = ROOT / "benchmarks/results/scale.json"
FOLDER = Path(tempfile.gettempdir()) / "spikesound-scale"
PACKAGES = ("torch", "numpy", "pandas", "pyarrow", "soxr", "yt-dlp", "scikit-learn")
METRICS = ("map", "psds1")
STORE = Path("data/store")


def main(given: argparse.Namespace) -> None:
    for name in given.presets:
        choose(dict.fromkeys(MEASURED), name, "preset")
    content = {"rows": [], "changes": {}}
    if given.out.exists() and not given.again:
        content = read_mapping(given.out)
    content |= {"machine": machine(), "threads": threads(), "versions": versions(*PACKAGES)}
    for preset in given.presets:
        for clips in sorted(given.clips):
            folder = given.folder / f"{preset}-{clips}-{given.epochs}"
            space = Workspace(folder, preset, clips, given.epochs)
            if given.again:
                shutil.rmtree(space.folder, ignore_errors=True)
            run_stages(space, content, given.out)
            if not given.keep:
                shutil.rmtree(space.folder, ignore_errors=True)
    print(f"figures: {given.out}; into docs/results/scale.md by: make tables")


def threads() -> int:
    """Return how many threads a stage may use."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def run_stages(space: Workspace, content: dict[str, Any], out: Path) -> None:
    """Run the stages that have no row yet, and write each row as soon as it is there."""
    stages = stages_of(preset_params(space.preset), labels_of(space.preset))
    key = {"preset": space.preset, "clips": space.clips}
    others = [row for row in content["rows"] if not key.items() <= row.items()]
    own = [row for row in content["rows"] if row not in others and row["epochs"] == space.epochs]
    if {stage.name for stage in stages} <= {row["stage"] for row in own}:
        print(f"{space.preset}, {space.clips} clips: all there")
        return
    if not own or not space.folder.is_dir():  # the times are gone, or what the stages wrote
        own = []
        shutil.rmtree(space.folder, ignore_errors=True)
    space.prepare()
    content["changes"][space.preset] = space.changes
    done = {row["stage"]: row for row in own}
    for number, stage in enumerate(stages, 1):
        if stage.name not in done:
            what = f"{stage.name} ({number} of {len(stages)})"
            print(f"{space.preset}, {space.clips} clips: {what}", flush=True)
            row = key | {"epochs": space.epochs} | space.counts | row_of(space, stage)
            done[stage.name] = row
            content["rows"] = others + [done[each.name] for each in stages if each.name in done]
            write_json(out, content)
            print(f"  {row['seconds']:.1f} s, {row['peak_mb']:.0f} MB", flush=True)


def row_of(space: Workspace, stage: Stage) -> dict[str, Any]:
    """Run a stage; return its time, memory, files and, of an evaluation, its metrics."""
    folder, notes = space.folder, space.folder / "notes" / stage.name.replace(" ", "-")
    store = notes.with_suffix(".store")
    if not store.exists():  # of the first attempt
        store.parent.mkdir(exist_ok=True)
        store.write_text(str(size(folder / STORE)))
    row: dict[str, Any] = {"stage": stage.name, "kind": stage.kind, "model": stage.model}
    if stage.kind == "download":  # from another port than before the kill: all is fetched again
        shutil.rmtree(folder / STORE, ignore_errors=True)
        with space.served() as log:
            measured = measure(stage.command, folder, notes, anew=True)
            row["served_bytes"] = served_bytes(log)
    else:
        measured = measure(stage.command, folder, notes)
    if stage.kind == "metrics":
        row["labels"] = labels_of(space.preset)
    row |= {"seconds": round(measured.seconds, 2), "attempts": measured.attempts}
    row |= {"cpu_s": round(measured.cpu_s, 2), "peak_mb": round(measured.peak_mb, 1)}
    files = {what: size(folder / path) for what, path in stage.outputs.items()}
    row["bytes"] = files | {"store": size(folder / STORE) - int(store.read_text())}
    if stage.kind in ("baseline", "evaluate"):
        metrics = read_mapping(folder / metrics_file(space.task, stage.model))
        row["metrics"] = {name: metrics[name] for name in METRICS if name in metrics}
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[400, 2000])
    parser.add_argument("--presets", nargs="+", default=list(MEASURED))
    parser.add_argument("--epochs", type=int, default=6, help="of each training, at most")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the stages' files")
    parser.add_argument("--keep", action="store_true", help="what lies in --folder at the end")
    parser.add_argument("--again", action="store_true", help="measure what is there anew")
    parser.add_argument("--out", type=Path, default=OUT)
    run(lambda: main(parser.parse_args()))
