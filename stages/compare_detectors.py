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
    from spikesound.evaluation.detection_baseline import MODEL
    from spikesound.evaluation.detection_comparison import difference, markdown, pairs, verdict

    section = params.detection
    detectors = [f"{model}-{labels}" for model in section.models for labels in section.labels]
    metrics = {}
    for name in [MODEL, *detectors]:
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
    compared = {
        pair: difference(values[pair[0]], values[pair[1]], section.evaluate.confidence)
        for pair in pairs(section.models, section.labels)
    }
    write_json(
        paths.DETECTION_METRICS / "comparisons.json",
        {" vs ".join(pair): found for pair, found in compared.items()},
    )
    table = markdown(metrics, power)
    sentences = [verdict(*pair, found) for pair, found in compared.items()]
    result = paths.RESULTS / "detection.md"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(f"{table}\n" + "".join(f"- {each}\n" for each in sentences), encoding="utf-8")
    print(table)
    print("\n".join(sentences))
    print(f"all figures: {paths.DETECTION_METRICS / 'summary.json'}")


run(main)
