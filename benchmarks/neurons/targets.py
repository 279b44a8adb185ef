"""What was aimed at, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rows import Row, Workload

OTHERS = ("snntorch", "spikingjelly", "norse", "sinabs")
FROZEN = "spikesound, frozen"
ONCE = "ann, T=1"
FORWARD = "feed-forward 64-256-256-10"
CNN = "convolutional"

Find = Callable[[Workload, str, str], Row | None]


@dataclass(frozen=True)
class Target:
    """A ratio of two rows' times or peaks: at most ``limit``, or at least if ``at_least``."""

    what: str
    limit: float
    measured: Callable[[Find], float | None]
    at_least: bool = False


def table(rows: list[Row]) -> str:
    """Return a table in Markdown of those targets whose rows were measured."""
    found = {(row["workload"], row["library"], row["mode"]): row for row in rows}

    def find(workload: Workload, library: str, mode: str) -> Row | None:
        return found.get((str(workload), library, mode))

    lines = ["| aim | wanted | measured | met |\n|---|---:|---:|---|\n"]
    for target in TARGETS:
        measured = target.measured(find)
        if measured is None:
            continue
        met = measured >= target.limit if target.at_least else measured <= target.limit
        wanted = f"{'≥' if target.at_least else '≤'} {target.limit:g}"
        lines.append(f"| {target.what} | {wanted} | {measured:.3g} | {'yes' if met else 'no'} |\n")
    return "".join(lines)


def _ratio(
    workload: Workload, mode: str, over: str, under: str, key: str = "median_ms"
) -> Callable[[Find], float | None]:
    def measured(find: Find) -> float | None:
        above, below = find(workload, over, mode), find(workload, under, mode)
        if above is None or below is None or not above[key] or not below[key]:
            return None
        return float(above[key] / below[key])

    return measured


def _nearest(workloads: list[Workload]) -> Callable[[Find], float | None]:
    """Return how many times the quickest other library takes, in the worst of the workloads."""

    def measured(find: Find) -> float | None:
        ratios = [
            _ratio(workload, mode, other, "spikesound")(find)
            for workload in workloads
            for mode in ("infer", "train")
            for other in OTHERS
        ]
        return min((ratio for ratio in ratios if ratio is not None), default=None)

    return measured


def _cnn(steps: int) -> Workload:
    return Workload(CNN, steps, 32)


def _forward(steps: int, batch: int, rate: float) -> Workload:
    return Workload(FORWARD, steps, batch, rate)


OURS, FLOOR, LEAKY = "spikesound", "dense floor", "snntorch"
BATCHES = [_forward(100, 64, 0.1), _forward(100, 64, 0.01)]
TARGETS = [
    Target("inference of the floor, 10 % spikes", 0.45, _ratio(BATCHES[0], "infer", OURS, FLOOR)),
    Target("inference of the floor, 1 % spikes", 0.16, _ratio(BATCHES[1], "infer", OURS, FLOOR)),
    Target("training of the floor, 10 % spikes", 0.75, _ratio(BATCHES[0], "train", OURS, FLOOR)),
    Target("the quickest other library, times ours", 3, _nearest(BATCHES), at_least=True),
    *(
        Target(
            f"one clip, {rate:.0%} spikes: snnTorch's loop, times the frozen stack",
            limit,
            _ratio(_forward(100, 1, rate), "infer", LEAKY, FROZEN),
            at_least=True,
        )
        for rate, limit in ((0.1, 250), (0.01, 600))
    ),
    Target(
        "peak memory of training at T=400, of snnTorch's (0.25 hoped for)",
        0.5,
        _ratio(_forward(400, 64, 0.1), "train", OURS, LEAKY, "peak_mb"),
    ),
    *(
        Target(
            f"convolutional, T={steps}: {what} of the floor",
            limit,
            _ratio(_cnn(steps), mode, OURS, FLOOR),
        )
        for steps in (4, 16)
        for what, mode, limit in (("training", "train", 1.1), ("inference", "infer", 1.0))
    ),
    *(
        Target(
            f"convolutional, T={steps}: inference, frozen, of the floor",
            0.5,
            _ratio(_cnn(steps), "infer", FROZEN, FLOOR),
        )
        for steps in (4, 16)
    ),
    *(
        Target(
            f"convolutional, T={steps}: {what}, times the ANN twin run once",
            limit * steps,
            _ratio(_cnn(steps), mode, library, ONCE),
        )
        for steps in (4, 16)
        for what, mode, library, limit in (
            ("training", "train", OURS, 1.5),
            ("inference", "infer", OURS, 1.0),
            ("inference, frozen", "infer", FROZEN, 1.0),
        )
    ),
]
