"""Train a model of the table, once for each held-out fold; those that teach it come first.

With ``device.devices`` above 1, or under ``torchrun`` or ``fabric run``, several processes train
each fold together, one fold after another; the first of them writes and prints.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import paths
from spikesound.core.errors import run
from spikesound.core.labels import read_labels
from spikesound.core.processes import in_parallel
from spikesound.core.ranks import in_turn, one_voice, ranks
from spikesound.params import Model, Params, check_ranks
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


def train_all(params: Params, model: Model, work: Callable[..., list[dict[str, float]]]) -> None:
    for each in model.teachers:
        teacher = params.model(each)
        # Their own stages may come later: what is trained here is found there, or the reverse.
        requests = requests_of(params, teacher, paths.teacher)
        work(train, requests, what=f"train teacher {teacher.name}", pieces=teacher.epochs)
    requests = requests_of(params, model, paths.network)
    results = work(train, requests, what=f"train {model.name}", pieces=model.epochs)
    for request, result in zip(requests, results, strict=True):
        if result:  # of several ranks the first has it
            epoch = result["best_epoch"]
            print(f"{model.name}, fold {request.fold}: best epoch {epoch}: {request.out}")


def main(name: str) -> None:
    params, place = Params.load(paths.PARAMS), ranks()
    model = params.model(name)
    together = place.count if place.run else params.device.devices
    if together == 1:
        train_all(params, model, in_parallel)
        return
    check_ranks(params, model, together)
    if place.run:
        train_all(params, model, in_turn)
    else:
        from spikesound.training.parallel.launch import launch

        launch(together, __file__, name)


def spoken(name: str) -> None:
    with one_voice():
        main(name)


if __name__ == "__main__":  # the processes of the folds import this file
    run(spoken, *sys.argv[1:])
