"""Train a spiking network on all folds but one."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(network: str, method: str, fold: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core.labels import read_labels
    from spikesound.models.input_file import write_hearing
    from spikesound.training import METHODS
    from spikesound.training.data import load_spikes
    from spikesound.training.run import snn_spec, train_model

    labels = read_labels(paths.CLIPS / "labels.json")
    classes = list(labels)
    clips, encoding = load_spikes(paths.spikes(fold), classes)
    spec = snn_spec(params, network, method, fold, classes, clips.bins, encoding)
    out = paths.model(spec.model, fold)
    trained = train_model(
        METHODS[method],
        spec,
        clips,
        params.train_snn,
        section=getattr(params.methods, method),
        step_values=encoding["step_values"],
        out=out,
        checkpoints=paths.STORE / "checkpoints",
    )
    write_hearing(out, paths.FEATURES, labels, getattr(params.encodings, params.encoding))
    print(f"{spec.model}, fold {fold}: best epoch {trained.result['best_epoch']}: {out}")


run(main, *sys.argv[1:])
