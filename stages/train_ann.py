"""Train a conventional network on all folds but one."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(network: str, fold: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.core.labels import read_labels
    from spikesound.models.classifier_spec import Spec
    from spikesound.models.input_file import write_hearing
    from spikesound.training.data import load_features
    from spikesound.training.loop import train_plain
    from spikesound.training.run import train_model

    labels = read_labels(paths.CLIPS / "labels.json")
    classes = list(labels)
    clips = load_features(paths.FEATURES, classes, fold)
    spec = Spec(
        model=f"ann-{network}",
        network=network,
        network_params=getattr(params.networks, network).model_dump(),
        neuron=None,
        neuron_params=None,
        classes=classes,
        bins=clips.bins,
        steps=1,
        encoding="features",
        fold=fold,
        seed=params.seed,
    )
    out = paths.model(spec.model, fold)
    trained = train_model(
        train_plain, spec, clips, params.train_ann, out=out, checkpoints=paths.STORE / "checkpoints"
    )
    write_hearing(out, paths.FEATURES, labels, None)
    print(f"{spec.model}, fold {fold}: best epoch {trained.result['best_epoch']}: {out}")


run(main, *sys.argv[1:])
