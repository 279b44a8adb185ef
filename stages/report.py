"""Make report.html of the last run. Not in the graph: `make report` runs it."""

import csv
import json
import sys

import numpy as np

import paths
from spikesound import schema
from spikesound.bits import unpack
from spikesound.data.audio_shards import read_audio
from spikesound.data.shards import Shards
from spikesound.errors import SpikesoundError, run
from spikesound.evaluation.baseline import MODEL
from spikesound.evaluation.curves import read_curves
from spikesound.labels import read_labels
from spikesound.params import Params
from spikesound.report.inputs import Example, ReportInputs, choose_clip
from spikesound.report.page import build_report
from spikesound.report.provenance import collect


def main(clip_id: str | None = None) -> None:
    params = Params.load(paths.PARAMS)
    summary = json.loads((paths.METRICS / "summary.json").read_text(encoding="utf-8"))
    models = [name for name in summary if name != "dataset"]
    if set(models) != {MODEL, *params.models.names()} or any(
        summary[name]["encoding"] != params.encoding for name in models if name.startswith("snn-")
    ):
        raise SpikesoundError(f"{paths.PARAMS}: changed since the last run; run dvc repro")
    curves = {name: paths.METRICS / "curves" / f"{name}.csv" for name in models}
    tables = {name: paths.PREDICTIONS / f"{name}.parquet" for name in models}
    build_report(
        ReportInputs(
            summary=summary,
            names=read_labels(paths.CLIPS / "labels.json"),
            predictions={m: schema.read_table(t, schema.PREDICTIONS) for m, t in tables.items()},
            curves={name: read_curves(path) for name, path in curves.items() if path.is_file()},
            status=schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS),
            example=follow(params, clip_id),
            parameters=paths.PARAMS.read_text(encoding="utf-8"),
            provenance=collect(),
        ),
        paths.REPORT,
    )
    print(f"report: {paths.REPORT}")


def follow(params: Params, wanted: str | None) -> Example:
    """Gather one clip's sound, features and spikes, as its own fold's models saw them."""
    features = Shards(paths.FEATURES)
    clip_id = choose_clip(features.index, params.folds, wanted)
    row = features.index.set_index("clip_id").loc[clip_id]
    spikes = Shards(paths.spikes(str(row["fold"])))
    encoded = spikes.load([clip_id])[0]
    spec = json.loads((paths.FEATURES / "spec.json").read_text(encoding="utf-8"))
    encoding = json.loads((spikes.folder / "spec.json").read_text(encoding="utf-8"))
    spiked = unpack(encoded, encoding["bins"]) if encoded.dtype == "uint8" else None
    if spiked is not None:  # a bin is shown as spiking where any of its neurons does
        neurons = spiked.reshape(*spiked.shape[:-1], -1, encoding["neurons_per_bin"])
        spiked = np.any(neurons, axis=-1)
    sound = ((x, rate_hz) for name, x, rate_hz in read_audio(paths.AUDIO) if name == clip_id)
    samples, rate_hz = next(sound)
    return Example(
        clip_id=clip_id,
        samples=samples,
        rate_hz=rate_hz,
        features=features.load([clip_id])[0].astype(float),
        frame_rate_hz=spec["frame_rate_hz"],
        feature_unit="dB" if params.features.kinds == ["mel"] else "",
        bin_names=spec["bins"],
        spikes=spiked,
        encoding=encoding["encoding"],
        credit=credit(params, str(row["media_id"])),
    )


def credit(params: Params, media_id: str) -> str:
    table = paths.DATA / params.source / "credits.csv"
    if not table.is_file():
        return ""
    with table.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["media_id"] == media_id:
                return f"{row['title']} by {row['author']}, {row['licence']}"
    return ""


run(main, *sys.argv[1:])
