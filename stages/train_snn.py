"""Train a spiking network on all folds but one."""

import sys

import paths
from spikesound.errors import run
from spikesound.params import Params


def main(network: str, method: str, fold: str) -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    from spikesound.labels import read_labels
    from spikesound.networks.model_file import Spec
    from spikesound.training import METHODS
    from spikesound.training.data import load_spikes
    from spikesound.training.run import train_model

    classes = list(read_labels(paths.CLIPS / "labels.json"))
    clips, encoding = load_spikes(paths.spikes(fold), classes)
    neuron = params.train_snn.neuron
    spec = Spec(
        model=f"snn-{network}-{method}",
        network=network,
        network_params=getattr(params.networks, network).model_dump(),
        neuron=neuron,
        neuron_params=getattr(params.neurons, neuron).model_dump(),
        classes=classes,
        bins=clips.bins,
        steps=encoding["steps"],
        encoding=encoding["encoding"],
        fold=fold,
        seed=params.seed,
    )
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
    print(f"{spec.model}, fold {fold}: best epoch {trained.result['best_epoch']}: {out}")


run(main, *sys.argv[1:])
