"""Train the spiking networks on each encoding, and set the encodings side by side.

    python benchmarks/encodings.py

Runs the pipeline once for each encoding with all else as in params.yaml, and once more to come back
(restored from DVC's cache of runs). The default encoding is chosen by ``validation_accuracy``: of a
part of the training folds. Test figures stand beside it and choose nothing. The table goes to
metrics/encodings.json.
"""

import json
import subprocess
from pathlib import Path

from tables import encodings

from spikesound.errors import SpikesoundError, run
from spikesound.jsonfile import write_json
from spikesound.params import Encodings, Params

OUT = Path("metrics/encodings.json")
SHOWN = (
    "steps",
    "validation_accuracy",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "macro_f1",
    "map",
    "spike_rate",
    "train_s_per_epoch",
)


def main() -> None:
    text = Path("params.yaml").read_text(encoding="utf-8")
    params = Params.load(Path("params.yaml"))
    table: dict[str, dict[str, dict[str, object]]] = {}
    try:
        for name in Encodings.model_fields:
            Path("params.yaml").write_text(
                text.replace(f"\nencoding: {params.encoding}", f"\nencoding: {name}"),
                encoding="utf-8",
            )
            reproduce()
            for model in params.models.names():
                if model.startswith("snn-"):
                    metrics = json.loads(Path(f"metrics/models/{model}.json").read_text())
                    if metrics["encoding"] != name:
                        raise SpikesoundError(f"params.yaml: no line 'encoding: {params.encoding}'")
                    table.setdefault(model, {})[name] = {key: metrics[key] for key in SHOWN}
    finally:
        Path("params.yaml").write_text(text, encoding="utf-8")
    reproduce()
    write_json(OUT, table)
    print(f"\n{encodings()}")
    for model, rows in table.items():
        spiking = {name: row for name, row in rows.items() if name != "direct"}
        best = max(spiking, key=lambda name: float(str(spiking[name]["validation_accuracy"])))
        print(f"{model}: best on validation among those that make spikes: {best}")
    print(f"all figures: {OUT}")


def reproduce() -> None:
    if subprocess.run(["dvc", "repro"], check=False).returncode:
        raise SpikesoundError("dvc repro failed; what it says is above")


run(main)
