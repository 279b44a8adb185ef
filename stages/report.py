"""Make report.html of the last run; clips named on the command line are those to listen to."""

import json
import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(*clip_ids: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch and scikit-learn are imported: seconds that a wrong parameter need not wait for.
    from spikesound.core import schema
    from spikesound.core.labels import read_labels
    from spikesound.evaluation.curves import read_curves
    from spikesound.evaluation.predictions import to_matrix
    from spikesound.report.clips import choose_clips
    from spikesound.report.context import shown_models
    from spikesound.report.gather import Folders, gather
    from spikesound.report.inputs import ReportInputs
    from spikesound.report.page import build_report
    from spikesound.report.provenance import collect, git_blob
    from spikesound.report.results import read_results

    figures = (paths.METRICS / "summary.json").read_bytes()
    summary = json.loads(figures)
    models = [name for name in summary if name != "dataset"]
    names = read_labels(paths.CLIPS / "labels.json")
    tables = {name: paths.PREDICTIONS / f"{name}.parquet" for name in models}
    predictions = {m: schema.read_table(path, schema.PREDICTIONS) for m, path in tables.items()}
    curves = {name: paths.METRICS / "curves" / f"{name}.csv" for name in models}
    shown = shown_models(summary)
    matrices = {name: to_matrix(predictions[name], list(names)) for name in shown}
    folders = Folders(
        audio=paths.AUDIO,
        features=paths.FEATURES,
        spikes={fold: paths.spikes(fold) for fold in params.folds},
        networks={
            f: paths.model(m, f) for m in shown if m.startswith("snn-") for f in params.folds
        },
        credits=paths.DATA / params.source / "credits.csv",
    )
    wanted = list(clip_ids) or choose_clips(matrices, shown)
    inputs = ReportInputs(
        summary=summary,
        names=names,
        predictions=predictions,
        curves={name: read_curves(path) for name, path in curves.items() if path.is_file()},
        status=schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
        clips=gather(wanted, folders, "dB" if params.features.kinds == ["mel"] else ""),
        parameters=paths.PARAMS.read_text(encoding="utf-8"),
        provenance={"Figures": git_blob(figures), **collect()},
        results=read_results(paths.METRICS, paths.COMPARED, paths.LATENCY, paths.EVALUATION),
    )
    build_report(inputs, paths.REPORT)
    print(f"report: {paths.REPORT}")


run(main, *sys.argv[1:])
