"""Measure what a clip costs on this machine: time, memory, energy; all models in one run."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, torch is imported: seconds that a wrong parameter need not wait for.
    import numpy as np
    import torch
    from spikesound.training.data import load_features, load_spikes

    from spikesound.core.json_files import write_json
    from spikesound.core.labels import read_labels
    from spikesound.core.seeds import derive, numpy_generator
    from spikesound.evaluation.latency import Subject, latency
    from spikesound.snn.encoding import ENCODERS

    fold, labels = params.folds[0], list(read_labels(paths.CLIPS / "labels.json"))
    features = load_features(paths.FEATURES, labels, fold).only(fold)
    rows = np.linspace(0, len(features) - 1, min(params.latency.clips, len(features))).astype(int)
    values = torch.from_numpy(features.batch(rows)[:, 0])
    encoder, section = ENCODERS[params.encoding], getattr(params.encodings, params.encoding)
    generator = torch.Generator().manual_seed(derive(params.seed, "latency", "encode"))

    def encode(number: int) -> torch.Tensor:
        return encoder(values[number], section, generator)

    spikes = load_spikes(paths.spikes(fold), labels)[0].only(fold)

    def subject(model: str) -> Subject:
        spiking = model.startswith("snn-")
        inputs = (spikes if spiking else features).batch(rows)[:, :, None]
        return Subject(paths.model(model, fold), inputs, encode if spiking else None)

    # Variants are left out: here they would be timed as what they are trained in, float32.
    variants = {
        f"ann-{network}-{name}" for network in params.models.snn for name in params.models.variants
    }
    names = [name for name in params.models.names() if name not in variants]
    subjects = {model: subject(model) for model in names}
    found = latency(
        subjects,
        generator=numpy_generator(params.seed, "latency"),
        seconds=params.latency.budget_s,
        energy_s=params.latency.energy_s,
    )
    write_json(paths.LATENCY, found)
    for model in names:
        print(f"{model}: {found[model]['clip_ms']} ms a clip, {found[model]['how']}")
    print(f"latency: {paths.LATENCY}")


if __name__ == "__main__":  # the processes that measure memory import this file
    run(main)
