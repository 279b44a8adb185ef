"""Set all models of a task side by side."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    models = {name: model for name, model in params.table().items() if model.task == task}
    # Below, scikit-learn is imported: seconds that a wrong parameter need not wait for.
    from places import places
    from spikesound.core.json_files import read_mapping, write_json
    from spikesound.evaluation.compare import compare_classifiers, compare_detectors
    from spikesound.evaluation.settings import Settings

    tests = params.evaluate
    settings = Settings(
        tests.resamples, tests.permutations, tests.confidence, params.seed, tests.equivalence_margin
    )
    compare = compare_classifiers if task == "classification" else compare_detectors
    result = compare(
        models,
        lambda name: places(name, task),
        costs=read_mapping(paths.of_task("costs", task) / "costs.json"),
        robustness=paths.of_task("robustness", task),
        settings=settings,
        out=paths.of_task("compared", task),
        plots=paths.METRICS / task / "compared",
    )
    write_json(paths.METRICS / task / "summary.json", result.summary)
    table = paths.DATA / "results" / f"{task}.md"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(result.markdown, encoding="utf-8")
    print(result.text)
    print(f"all figures: {paths.METRICS / f'{task}.json'}; table: {table}")
    print(f"pairs of models, in words: {paths.of_task('compared', task) / 'comparisons.json'}")


run(main, *sys.argv[1:])
