"""Train a model of the table, once for each held-out fold."""

import sys
from collections.abc import Callable

import paths
from spikesound.core.errors import run
from spikesound.core.labels import read_labels
from spikesound.core.processes import in_parallel
from spikesound.params import Params
from spikesound.training.request import FoldRequest


def train(request: FoldRequest, report: Callable[[], None]) -> dict[str, float]:
    """Train on all folds but one; torch is imported by the processes that work, and not before."""
    from spikesound.training.run import train_fold

    return train_fold(request, report)


def main(name: str) -> None:
    params = Params.load(paths.PARAMS)
    model = params.model(name)
    section, clips = params.task_params(model.task), paths.of_task("clips", model.task)
    requests = [
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
            paths.network(model, fold),
            paths.STORE / "trainings",
            paths.of_task("audio", model.task),
        )
        for fold in section.folds
    ]
    results = in_parallel(train, requests, what=f"train {name}", pieces=model.epochs)
    for request, result in zip(requests, results, strict=True):
        print(f"{name}, fold {request.fold}: best epoch {result['best_epoch']}: {request.out}")


if __name__ == "__main__":  # the processes of the folds import this file
    run(main, *sys.argv[1:])
