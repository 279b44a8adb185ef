"""Make the page of a task's last run; clips named on the command line are those to listen to."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str, *clip_ids: str) -> None:
    params = Params.load(paths.PARAMS)
    folds = params.task_params(task).folds
    # Below, torch and scikit-learn are imported: seconds that a wrong parameter need not wait for.
    from places import places
    from spikesound.report.page import build_report
    from spikesound.report.provenance import collect
    from spikesound.report.results import ResultFolders
    from spikesound.report.run import RunFolders, read_run

    table = {name: model for name, model in params.table().items() if model.task == task}
    metrics = paths.METRICS / task
    files = params.source if task == "classification" else params.tasks.detection.files
    folders = RunFolders(
        find=lambda name: places(name, task),
        summary=metrics / "summary.json",
        audio=paths.of_task("audio", task),
        features=paths.of_task("features", task),
        inputs={
            name: {fold: paths.inputs(model, fold) for fold in folds}
            for name, model in table.items()
        },
        networks={
            name: {fold: paths.network(model, fold) for fold in folds}
            for name, model in table.items()
        },
        predictions=paths.of_task("predictions", task),
        results=ResultFolders(
            costs=metrics / "costs",
            compared_tables=metrics / "compared",
            compared=paths.of_task("compared", task),
            classes=metrics / "classes",
            evaluation=paths.of_task("evaluation", task),
            latency=paths.of_task("latency", task) / "latency.json",
            study=paths.METRICS / "experiments/study.json",
        ),
        credits=paths.DATA / files / "credits.csv",
        parameters=paths.PARAMS,
    )
    inputs = read_run(
        task,
        table,
        folders,
        confidence=params.evaluate.confidence,
        provenance=collect(),
        clip_ids=clip_ids,
    )
    page = paths.of_task("reports", task) / "report.html"
    build_report(inputs, page)
    print(f"report: {page}")


run(main, *sys.argv[1:])
