"""What the study says of each setting: accuracy, spikes, energy; and of some, noise."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from settings import Setting

import paths
from spikesound import schema
from spikesound.costs.break_even import break_even_rate, spike_rate
from spikesound.costs.tables import Counts, price
from spikesound.evaluation.classify import METRICS, metrics
from spikesound.evaluation.clusters import clusters_of, recordings_of
from spikesound.evaluation.comparisons import Settings as Tests
from spikesound.evaluation.comparisons import compare_pairs
from spikesound.evaluation.correction import holm
from spikesound.evaluation.hits import hit_intervals
from spikesound.evaluation.manifest import manifest_hash
from spikesound.evaluation.model import Evaluated, evaluate_model
from spikesound.evaluation.paired import hits
from spikesound.evaluation.pairing import side_of
from spikesound.evaluation.predictions import to_matrix
from spikesound.params import Dataflow, Params
from spikesound.robustness.areas import areas, paired_areas
from spikesound.robustness.conditions import NOISY, Condition
from spikesound.robustness.evaluate import Plan, run_model, summary
from spikesound.robustness.inputs import PLAIN, Inputs
from spikesound.seeds import numpy_generator
from spikesound.training.data import load_features

Folders = dict[str, Path]


def tested(params: Params, folders: Folders, classes: list[str]) -> Evaluated:
    """Test the networks of all folds, counting what they do."""
    return evaluate_model(
        folders,
        lambda fold: load_features(paths.FEATURES, classes, fold),
        classes,
        params.evaluate.batch_clips,
    )


def row(
    params: Params, setting: Setting, found: Evaluated, recordings: dict[str, str]
) -> dict[str, Any]:
    """Return a setting's figures, flat; energies in nJ a clip for every technology and dataflow."""
    matrix = to_matrix(found.predictions)
    low, high = hit_intervals(
        hits(matrix)[None],
        [recordings[clip] for clip in matrix.clip_ids],
        generator=numpy_generator(params.seed, "bootstrap"),
        resamples=params.evaluate.resamples,
        confidence=params.evaluate.confidence,
    )
    model = counts(setting, found)
    costs = params.costs
    default = price(model, costs, costs.profile, costs.dataflow)
    figures: dict[str, Any] = {
        "setting": setting.name,
        "family": "ann" if setting.steps is None else "snn",
        "seed": setting.seed,
        "steps": setting.steps or 1,
        "target_rate": setting.target_rate,
        **{name: round(metrics(matrix)[name], 4) for name in METRICS},
        "accuracy_low": round(float(low[0]), 4),
        "accuracy_high": round(float(high[0]), 4),
        "validation_accuracy": found.extras["validation_accuracy"],
        "spike_rate": round(spike_rate(found.layers), 4) if setting.steps else None,
        "energy_nj": round(default.total_nj, 1),
        "energy_operations_nj": round(default.operations_nj, 1),
    }
    for profile, dataflow in product(costs.profiles, get_args(Dataflow)):
        for execution in model.executions():
            name = f"{profile}_{dataflow}_{execution}_nj"
            figures[name] = round(price(model, costs, profile, dataflow, execution).total_nj, 1)
    return figures


def counts(setting: Setting, found: Evaluated) -> Counts:
    return Counts(found.layers, "dense" if setting.steps is None else "events")


def verdicts(
    params: Params,
    found: dict[Setting, Evaluated],
    pairs: dict[str, tuple[Setting, Setting]],
    recordings: dict[str, str],
) -> dict[str, Any]:
    """Return the paired tests of the pairs, corrected over all of them."""
    tests = params.evaluate
    asked = Tests(tests.resamples, tests.permutations, tests.confidence, params.seed)
    sides = {}
    for one, other in pairs.values():
        for setting in (one, other):
            like = next(iter(sides.values()), None)
            sides[setting] = side_of(setting.name, found[setting].predictions, like)
    named = {key: (sides[one], sides[other]) for key, (one, other) in pairs.items()}
    return compare_pairs(named, recordings, asked)


def seeds_apart(
    found: dict[Setting, Evaluated], one: list[Setting], other: list[Setting]
) -> dict[str, Any]:
    """Compare two models over several seeds: each clip's share of seeds in which it is a hit.

    The difference of the means, and the spread of each model's accuracy over its seeds.
    """
    shares, spreads = [], []
    for settings in (one, other):
        per_seed = np.stack([hits(to_matrix(found[s].predictions)) for s in settings])
        shares.append(per_seed.mean(0))
        spreads.append([round(float(each), 4) for each in per_seed.mean(1)])
    return {
        "seeds": len(one),
        "accuracies": spreads[0],
        "accuracies_other": spreads[1],
        "difference": round(float((shares[0] - shares[1]).mean()), 4),
        "deviation": round(float(np.std(spreads[0], ddof=1)), 4),
        "deviation_other": round(float(np.std(spreads[1], ddof=1)), 4),
    }


def seeds_tested(
    params: Params,
    found: dict[Setting, Evaluated],
    one: list[Setting],
    other: list[Setting],
    recordings: dict[str, str],
) -> dict[str, Any]:
    """As :func:`seeds_apart`, with interval and permutation test by recording.

    Both are of the clips: recordings are drawn, or the two models swapped on them, with each
    clip's mean over the seeds as its figure.
    """
    result = seeds_apart(found, one, other)
    ids = to_matrix(found[one[0]].predictions).clip_ids
    gaps = np.mean([hits(to_matrix(found[s].predictions)) for s in one], axis=0) - np.mean(
        [hits(to_matrix(found[s].predictions)) for s in other], axis=0
    )
    clusters = clusters_of(ids, recordings)
    sums, sizes = np.bincount(clusters, gaps), np.bincount(clusters)
    generator = numpy_generator(params.seed, "seeds")
    drawn = generator.integers(len(sums), size=(params.evaluate.resamples, len(sums)))
    resampled = sums[drawn].sum(1) / sizes[drawn].sum(1)
    tail = (1 - params.evaluate.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    signs = generator.choice([-1.0, 1.0], size=(params.evaluate.permutations, len(sums)))
    beyond = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9
    p = (1 + beyond.sum()) / (1 + len(signs))
    return result | {
        "difference_low": round(float(low), 4),
        "difference_high": round(float(high), 4),
        "p": round(float(p), 4),
    }


def in_noise(
    params: Params, folders: dict[Setting, Folders], classes: list[str], recordings: dict[str, str]
) -> dict[str, Any]:
    """Test settings on the run's disturbed clips; their areas, and each pair's paired test."""
    conditions = [
        Condition(name, level) for name in NOISY for level in params.robustness.sound.snr_db
    ]
    plan = Plan(conditions, [], 1, params.evaluate.batch_clips, params.seed)
    results, found = {}, {}
    for setting, where in folders.items():
        coded = params.encodings.direct.model_copy(update={"steps": setting.steps or 1})
        name = "direct" if setting.steps else PLAIN
        inputs = Inputs(paths.FEATURES, paths.DISTURBED, classes, name, coded, params.seed)
        results[setting] = run_model(where, inputs, classes, plan)
        table = summary(
            setting.name,
            results[setting],
            recordings,
            generator=numpy_generator(params.seed, "robustness"),
            resamples=params.evaluate.resamples,
            confidence=params.evaluate.confidence,
        )
        curve = [
            [str(c), float(level), float(a), float(low), float(high)]
            for c, level, a, low, high in table[
                ["condition", "level", "accuracy", "accuracy_low", "accuracy_high"]
            ].itertuples(index=False)
        ]
        found[setting.name] = areas(table) | {"curve": curve}
    pairs = {}
    settings = list(results)
    for one in settings:
        for other in settings:
            alike = (one.noisy == other.noisy) and one.steps and not other.steps
            trained = one.steps == other.steps and one.noisy and not other.noisy
            if alike or trained:
                key = f"{one.name} vs {other.name}"
                generator = numpy_generator(params.seed, "paired areas", key)
                pairs[key] = paired_areas(results[one], results[other], recordings, generator)
    asked = [(key, name) for key in pairs for name in ("p", "relative_p")]
    for (key, name), p in zip(asked, holm([pairs[k][n] for k, n in asked]), strict=True):
        pairs[key][f"{name}_corrected"] = p
    rounded = {key: {n: round(v, 4) for n, v in pair.items()} for key, pair in pairs.items()}
    return {"models": found, "pairs": rounded}


def limits(params: Params, spiking: Evaluated, twin: Evaluated, share: float) -> dict[str, Any]:
    """Return the spike rate at which the spiking network needs a share of its twin's energy.

    For each technology, dataflow and way of running the twin, at each number of steps; None where
    it needs more without a spike.
    """
    snn, ann = Counts(spiking.layers, "events"), Counts(twin.layers, "dense")
    costs, found = params.costs, {}
    for profile, dataflow in product(costs.profiles, get_args(Dataflow)):
        for way in ann.executions():
            wanted = share * price(ann, costs, profile, dataflow, way).total_nj
            found[f"{profile}_{dataflow}_{way}"] = {
                str(steps): break_even_rate(
                    snn.layers,
                    steps,
                    lambda layers, profile=profile, dataflow=dataflow: (
                        price(snn, costs, profile, dataflow, layers=layers).total_nj
                    ),
                    wanted,
                )
                for steps in (1, 2, 4)
            }
    return {
        key: {steps: None if rate is None else round(rate, 4) for steps, rate in each.items()}
        for key, each in found.items()
    }


def manifest(found: Evaluated) -> str:
    status = schema.read_table(paths.AUDIO / "status.parquet", schema.STATUS)
    return manifest_hash(to_matrix(found.predictions).clip_ids, status)


def clip_recordings() -> dict[str, str]:
    clips: pd.DataFrame = schema.read_table(paths.CLIPS / "clips.parquet", schema.CLIPS)
    return recordings_of(clips)
