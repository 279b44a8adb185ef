"""Set all models side by side."""

import json

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, scikit-learn is imported: seconds that a wrong parameter need not wait for.
    import pandas as pd

    from spikesound.core import schema
    from spikesound.core.json_files import write_json
    from spikesound.evaluation import anytime_table
    from spikesound.evaluation.baseline import MODEL
    from spikesound.evaluation.clusters import recordings_of
    from spikesound.evaluation.columns import markdown_table, text_table
    from spikesound.evaluation.comparison_table import comparison_table
    from spikesound.evaluation.comparisons import comparisons
    from spikesound.evaluation.measures import CLASSIFICATION, MULTILABEL
    from spikesound.evaluation.pairs import all_pairs, in_order
    from spikesound.evaluation.robustness.areas import ROBUSTNESS, join
    from spikesound.evaluation.robustness.paired import compare_areas
    from spikesound.evaluation.settings import Settings
    from spikesound.evaluation.summary import compare
    from spikesound.evaluation.write import read_metrics

    multilabel = params.tasks.classification.labels == "multiple"
    measures = MULTILABEL if multilabel else CLASSIFICATION
    rows = {name: row for name, row in params.table().items() if row.task == "classification"}
    networks = in_order(rows)
    models = in_order(rows, MODEL)

    costs = json.loads(paths.COSTS.read_text(encoding="utf-8"))
    table, areas = join(
        {
            name: pd.read_csv(paths.ROBUSTNESS / f"{name}.csv", keep_default_na=False)
            for name in networks
        }
    )
    extras = {name: costs[name] | {"noise_area": areas[name]["noise_area"]} for name in networks}
    summary = compare(
        {name: read_metrics(paths.METRICS, name) for name in models},
        extras,
        names=[measure.key for measure in measures],
    )

    tests = params.evaluate
    settings = Settings(tests.resamples, tests.permutations, tests.confidence, params.seed)
    recordings = recordings_of(schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS))
    scored = {name: paths.PREDICTIONS / f"{name}.parquet" for name in models}
    predictions = {m: schema.read_table(path, schema.PREDICTIONS) for m, path in scored.items()}
    compared = comparisons(
        predictions, all_pairs(rows, MODEL), recordings, settings, multilabel=multilabel
    )
    noisy = {
        name: schema.read_table(paths.ROBUSTNESS / f"{name}.parquet", ROBUSTNESS)
        for name in networks
    }

    write_json(paths.METRICS / "summary.json", summary)
    table.to_csv(paths.METRICS / "robustness.csv", index=False)
    write_json(paths.COMPARED / "robustness.json", areas)
    write_json(paths.COMPARED / "comparisons.json", compared)
    write_json(
        paths.COMPARED / "noise_comparisons.json",
        compare_areas(noisy, all_pairs(rows), recordings, settings),
    )
    curves = [paths.EVALUATION / name / "anytime.csv" for name in networks]
    anytime_table.join(curves).to_csv(paths.METRICS / "anytime.csv", index=False)
    result = paths.RESULTS / "classification.md"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(markdown_table(summary), encoding="utf-8")
    print(text_table(summary))
    if compared:
        print(comparison_table(compared, settings.confidence, measures=measures))
    print(f"all figures: {paths.METRICS / 'summary.json'}; a page of them: {paths.REPORT}")
    print(f"pairs of models, in words: {paths.COMPARED / 'comparisons.json'}")


run(main)
