"""Hours, disk and memory of a preset on all of AudioSet, from the rows of made lists.

Each stage's time is taken for a line: what it takes to start, and what it takes for each unit of
its work. The units are clips; of trainings, clips times epochs; of what grows with the labels too,
clips times labels. Two numbers of clips give both; from a single one, all of the time is taken to
be for the units. Peaks of memory stay as they are where clips are streamed; where a stage holds all
of its clips, they are lines as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from preset_sizes import Sizes

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Work:
    """What a stage works on: clips of both sides, their labels, and epochs of a training."""

    train: int
    test: int
    labels: int
    epochs: int


Units = Callable[[Work], float]


def _clips(work: Work) -> float:
    return work.train + work.test


def _tested(work: Work) -> float:
    return work.test


def _clips_and_labels(work: Work) -> float:
    return (work.train + work.test) * work.labels


def _tested_and_labels(work: Work) -> float:
    return work.test * work.labels


def _presented(work: Work) -> float:
    return work.train * work.epochs


TIME: dict[str, Units] = {
    "filter": _clips,
    "download": _clips,
    "features": _clips,
    "encode": _clips,
    "baseline": _clips_and_labels,
    "train": _presented,
    "evaluate": _tested,
    "metrics": _tested_and_labels,
}
"""By kind of stage. The baseline's is an upper bound: it fits each label, but reads a clip once."""

DETECTION: dict[str, Units] = {"evaluate": _tested_and_labels, "baseline": _clips_and_labels}
"""Of detection in their place: thresholds, PSDS and intervals are computed for each label."""

HELD: dict[str, Units] = {
    "filter": _clips,
    "baseline": _clips,
    "evaluate": _tested,
    "metrics": _tested_and_labels,
}
"""Of the memory of stages that hold all of these; the other stages stream."""

DISK: dict[str, Units | None] = {
    "filter": _clips,
    "download": _clips,
    "features": _clips,
    "encode": _clips,
    "baseline": _tested_and_labels,
    "train": None,  # a model is as large after any number of clips
    "evaluate": _tested_and_labels,
    "metrics": None,
}


@dataclass(frozen=True)
class Cost:
    """What a stage takes; ``memory_mb`` is None where one number of clips cannot tell."""

    stage: str
    hours: float
    disk_gb: float
    memory_mb: float | None


@dataclass(frozen=True)
class Line:
    """``start + each * units``."""

    start: float
    each: float

    def at(self, units: float) -> float:
        return self.start + self.each * units


def line(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line through the points (units, value) of fewest and of most units.

    Where there is one point, or the value does not rise, the line starts at 0 and goes through the
    last point.
    """
    (few, low), (many, high) = min(points), max(points)
    if many > few and high > low:
        each = (high - low) / (many - few)
        return Line(low - each * few, each)
    return Line(0.0, high / many)


def held(points: Sequence[tuple[float, float]]) -> Line | None:
    """Return the line of a peak of memory; level where it does not rise, None of one point."""
    (few, low), (many, high) = min(points), max(points)
    if many == few:
        return None
    return line(points) if high > low else Line(high, 0.0)


def costs(
    rows: Sequence[Row],
    sizes: Sizes,
    epochs: Mapping[str, int],
    *,
    filtered: tuple[float, float] | None = None,
    detection: bool = False,
) -> list[Cost]:
    """Return what each stage takes, in the order of the rows.

    ``metrics`` is what an evaluation takes for all labels, times the models evaluated.

    Parameters
    ----------
    rows
        Of one preset, of one or several numbers of clips.
    sizes
        Of the lists to compute for.
    epochs
        Of each model, by the preset.
    filtered
        Clips of a long list, and the peak of memory in MB in which it was filtered
        (benchmarks/filter.py): its line needs a longer one than the made lists are.
    """
    found = []
    models = len({row["model"] for row in rows if row["kind"] == "evaluate"})
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage]
        kind, model = own[0]["kind"], own[0]["model"]
        target = Work(sizes.train, sizes.test, sizes.labels, epochs.get(model, 0))
        units = (DETECTION if detection else {}).get(kind, TIME[kind])
        hours = line(_points(own, units, "seconds")).at(units(target)) / 3600
        found.append(
            Cost(
                stage,
                hours * (models if kind == "metrics" else 1),
                _disk_bytes(own, DISK[kind], target) / 1e9,
                _memory_mb(own, HELD.get(kind), target, filtered if kind == "filter" else None),
            )
        )
    return found


def processed(row: Row) -> float:
    """Return the clips that the stage of a row processed; of a training, times epochs."""
    work = _work(row)
    if row["kind"] in ("evaluate", "metrics"):
        return _tested(work)
    return _presented(work) if row["kind"] == "train" else _clips(work)


def _work(row: Row) -> Work:
    return Work(row["train_clips"], row["test_clips"], row["labels"], row["epochs"])


def _points(rows: Sequence[Row], units: Units, key: str) -> list[tuple[float, float]]:
    return [(units(_work(row)), float(row[key])) for row in rows]


def _disk_bytes(rows: Sequence[Row], units: Units | None, target: Work) -> float:
    sums = [{**row, "sum": sum(row["bytes"].values())} for row in rows]
    if rows[0]["kind"] == "metrics":  # in place of tables that the evaluation writes
        return 0.0
    if units is None:
        return float(max(row["sum"] for row in sums))
    return line(_points(sums, units, "sum")).at(units(target))


def _memory_mb(
    rows: Sequence[Row], units: Units | None, target: Work, more: tuple[float, float] | None
) -> float | None:
    if units is None:
        return float(max(row["peak_mb"] for row in rows))
    of_held = held(_points(rows, units, "peak_mb") + ([more] if more else []))
    return None if of_held is None else of_held.at(units(target))
