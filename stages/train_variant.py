"""Train a variant of a trained conventional network, on the same folds."""

import sys
from functools import partial

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(network: str, variant: str, fold: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core.labels import read_labels
    from spikesound.models import classifier_spec
    from spikesound.models.input_file import write_hearing
    from spikesound.training.data import load_features
    from spikesound.training.methods.variant import train_variant
    from spikesound.training.run import train_model

    section = params.variants[variant]
    spec, source = classifier_spec.load(paths.model(f"ann-{network}", fold))
    labels = read_labels(paths.CLIPS / "labels.json")
    classes = list(labels)
    clips = load_features(paths.FEATURES, classes, fold)
    name = f"ann-{network}-{variant}"
    out = paths.model(name, fold)
    trained = train_model(
        partial(train_variant, source=source),
        spec.model_copy(update={"model": name, "activation_bits": section.activation_bits}),
        clips,
        params.train_ann.model_copy(update={"epochs": section.epochs}),
        section=section,
        out=out,
        checkpoints=paths.STORE / "checkpoints",
    )
    write_hearing(out, paths.FEATURES, labels, None)
    print(f"{name}, fold {fold}: best epoch {trained.result['best_epoch']}: {out}")


run(main, *sys.argv[1:])
