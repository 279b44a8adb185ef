"""Measure a task's models on this machine, all in one run: time, memory, energy."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params
from spikesound.params.table import twins


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    # Models that are fine-tuned to fewer bits or activations would be timed in float32.
    models = {
        name: model
        for name, model in params.table().items()
        if model.task == task and (model.spiking or model.base is None)
    }
    twin = dict(reversed(twins(models)))  # of several the first
    twin |= {name: name for name in twin.values()}
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    import numpy as np

    from spikesound.core.json_files import write_json
    from spikesound.core.labels import read_labels
    from spikesound.core.seeds import numpy_generator
    from spikesound.evaluation.latency import Subject, latency
    from spikesound.training.dataset import Dataset, load_features, load_spikes

    fold = params.task_params(task).folds[0]
    labels = list(read_labels(paths.of_task("clips", task) / "labels.json"))
    folder = paths.of_task("features", task)
    features = load_features(folder, labels, fold).only(fold)
    rows = np.linspace(0, len(features) - 1, min(params.latency.clips, len(features))).astype(int)
    inputs: dict[object, Dataset] = {folder: features}
    for model in models.values():
        folder = paths.inputs(model, fold)
        if folder not in inputs:
            inputs[folder] = load_spikes(folder, labels)[0].only(fold)
    subjects = {
        name: Subject(
            paths.network(model, fold),
            inputs[paths.inputs(model, fold)].batch(rows)[:, :, None],
            features.batch(rows)[:, 0],
            twin.get(name),
        )
        for name, model in models.items()
    }
    found = latency(
        subjects,
        generator=numpy_generator(params.seed, "latency"),
        seconds=params.latency.budget_s,
        energy_s=params.latency.energy_s,
    )
    path = paths.of_task("latency", task) / "latency.json"
    write_json(path, found)
    unit = "clip" if task == "classification" else "frame"
    for name in models:
        print(f"{name}: {found[name][f'{unit}_ms']} ms a {unit}, {found[name]['how']}")
    print(f"latency: {path}")


if __name__ == "__main__":  # the processes that measure memory import this file
    run(main, *sys.argv[1:])
