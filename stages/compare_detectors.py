"""Set all detectors side by side."""

import json

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    import numpy as np
    import pandas as pd

    from spikesound.core.json_files import write_json
    from spikesound.evaluation.columns import detection_table
    from spikesound.evaluation.comparisons import compare_values
    from spikesound.evaluation.detection_baseline import MODEL
    from spikesound.evaluation.differences import write_differences
    from spikesound.evaluation.measures import DETECTION
    from spikesound.evaluation.pairs import pair_key, twin_pairs
    from spikesound.evaluation.verdict import verdict

    detectors = {name: row for name, row in params.table().items() if row.task == "detection"}
    metrics = {}
    for name in (MODEL, *detectors):
        path = paths.DETECTION_METRICS / "models" / f"{name}.json"
        metrics[name] = json.loads(path.read_text(encoding="utf-8"))
    for name in detectors:
        trained = json.loads((paths.DETECTORS / name / "result.json").read_text(encoding="utf-8"))
        metrics[name] |= {"parameters": trained["parameters"]}
    energy = pd.concat([pd.read_csv(paths.DETECTED / name / "energy.csv") for name in detectors])
    energy.round(6).to_csv(paths.DETECTION_METRICS / "energy.csv", index=False)
    shown = energy[
        (energy["profile"] == params.costs.profile)
        & (energy["dataflow"] == params.costs.dataflow)
        & energy["execution"].isin(["dense", "events"])
    ]
    power = {
        str(name): dict(zip(rows["input"], rows["total_uw"], strict=True))
        for name, rows in shown.groupby("model")
    }
    for name, found in power.items():
        metrics[name] |= {f"{kind}_uw": value for kind, value in found.items()}
    write_json(paths.DETECTION_METRICS / "summary.json", metrics)

    values = {name: dict(np.load(paths.DETECTED / name / "resamples.npz")) for name in metrics}
    confidence = params.evaluate.confidence
    compared = compare_values(values, twin_pairs(detectors, MODEL), DETECTION, confidence)
    write_json(
        paths.DETECTION_METRICS / "comparisons.json",
        {pair_key(pair): write_differences(found) for pair, found in compared.items()},
    )
    table = detection_table(metrics)
    sentences = [
        verdict(found, *pair, measures=DETECTION, confidence=confidence)
        for pair, found in compared.items()
    ]
    result = paths.RESULTS / "detection.md"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(f"{table}\n" + "".join(f"- {each}\n" for each in sentences), encoding="utf-8")
    print(table)
    print("\n".join(sentences))
    print(f"all figures: {paths.DETECTION_METRICS / 'summary.json'}")


run(main)
