"""Train a model of the table, once for each held-out fold; those that teach it come first."""

import sys
from collections.abc import Callable
from pathlib import Path

import paths
from spikesound.core.errors import run
from spikesound.core.labels import read_labels
from spikesound.core.processes import in_parallel
from spikesound.params import Model, Params
from spikesound.training.request import FoldRequest


def train(request: FoldRequest, report: Callable[[], None]) -> dict[str, float]:
    """Train on all folds but one; torch is imported by the processes that work, and not before."""
    from spikesound.training.run import train_fold

    return train_fold(request, report)


def requests_of(
    params: Params, model: Model, out: Callable[[Model, str], Path]
) -> list[FoldRequest]:
    section, clips = params.task_params(model.task), paths.of_task("clips", model.task)
    return [
        FoldRequest(
            model,
            section,
            params.device,
            fold,
            params.seed,
            read_labels(clips / "labels.json"),
            paths.inputs(model, fold),
            paths.of_task("features", model.task),
            clips / "events.parquet" if model.labels else None,
            paths.base(model, fold),
            out(model, fold),
            paths.STORE / "trainings",
            paths.of_task("audio", model.task),
            tuple(paths.teacher(params.model(name), fold) for name in model.teachers),
        )
        for fold in section.folds
    ]


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    model = params.model(name)
    for each in model.teachers:
        teacher = params.model(each)
        # Their own stages may come later: what is trained here is found there, or the reverse.
        requests = requests_of(params, teacher, paths.teacher)
        in_parallel(train, requests, what=f"train teacher {teacher.name}", pieces=teacher.epochs)
    requests = requests_of(params, model, paths.network)
    results = in_parallel(train, requests, what=f"train {name}", pieces=model.epochs)
    for request, result in zip(requests, results, strict=True):
        print(f"{name}, fold {request.fold}: best epoch {result['best_epoch']}: {request.out}")


if __name__ == "__main__":  # the processes of the folds import this file
    run(main, *sys.argv[1:])
