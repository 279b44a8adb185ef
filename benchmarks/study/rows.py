"""What the study says of each setting: accuracy, spikes, energy; and of some, noise."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from settings import Setting
from spikesound.evaluation.model import Evaluated, evaluate_model
from spikesound.training.data import load_features

import paths
from spikesound.core import schema
from spikesound.core.seeds import numpy_generator
from spikesound.costs.break_even import break_even_rate, spike_rate
from spikesound.costs.tables import Counts, price
from spikesound.evaluation.accuracy import hit_intervals
from spikesound.evaluation.clusters import clusters_of, recordings_of
from spikesound.evaluation.comparisons import compare_pairs
from spikesound.evaluation.correction import holm
from spikesound.evaluation.manifest import manifest_hash
from spikesound.evaluation.pairing import side_of
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.robustness.areas import areas, paired_areas
from spikesound.evaluation.robustness.conditions import NOISY, Condition
from spikesound.evaluation.robustness.evaluate import Plan, run_model, summary
from spikesound.evaluation.robustness.inputs import PLAIN, Inputs
from spikesound.evaluation.settings import Settings as Tests
from spikesound.params import Dataflow, Params
from spikesound.tasks.classification.metrics import METRICS, correct, metrics

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
        correct(matrix)[None],
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


def default_price(params: Params, setting: Setting, found: Evaluated) -> float:
    """Return a setting's energy with memory at the technology and dataflow shown first, nJ."""
    costs = params.costs
    return price(counts(setting, found), costs, costs.profile, costs.dataflow).total_nj


def counts(setting: Setting, found: Evaluated) -> Counts:
    return Counts(found.layers, "dense" if setting.steps is None else "events")


def tests_of(params: Params) -> Tests:
    tests = params.evaluate
    return Tests(tests.resamples, tests.permutations, tests.confidence, params.seed)


def equal_energy(
    params: Params, found: dict[Setting, Evaluated], spiking: list[Setting], twins: list[Setting]
) -> dict[str, tuple[Setting, Setting]]:
    """Return for each spiking setting the narrowest twin that needs no less energy than it does.

    By the technology and dataflow shown first; no label takes part in the choice. Where even the
    widest needs less, it is that one.
    """

    def total(setting: Setting) -> float:
        return default_price(params, setting, found[setting])

    ordered = sorted(twins, key=total)
    pairs = {}
    for setting in spiking:
        enough = [twin for twin in ordered if total(twin) >= total(setting)]
        twin = enough[0] if enough else ordered[-1]
        pairs[f"{setting.name} vs {twin.name}, at equal energy"] = (setting, twin)
    return pairs


def verdicts(
    params: Params,
    found: dict[Setting, Evaluated],
    pairs: dict[str, tuple[Setting, Setting]],
    recordings: dict[str, str],
) -> dict[str, Any]:
    """Return the paired tests of the pairs, corrected over all of them."""
    sides = {}
    for one, other in pairs.values():
        for setting in (one, other):
            like = next(iter(sides.values()), None)
            sides[setting] = side_of(setting.name, found[setting].predictions, like)
    named = {key: (sides[one], sides[other]) for key, (one, other) in pairs.items()}
    return compare_pairs(named, recordings, tests_of(params))


def over_seeds(
    params: Params,
    found: dict[Setting, Evaluated],
    one: list[Setting],
    other: list[Setting],
    recordings: dict[str, str],
) -> dict[str, Any]:
    """Compare two models over several seeds of training.

    The accuracy of each seed, its deviation, and the difference of the means with a percentile
    interval over both: in each resample the seeds of each model and the recordings are drawn, with
    replacement. The energy is the mean over the seeds, as a share of the other's.
    """
    ids = to_matrix(found[one[0]].predictions).clip_ids
    clusters = clusters_of(ids, recordings)
    right = [
        np.stack(
            [np.bincount(clusters, correct(to_matrix(found[s].predictions))) for s in settings]
        )
        for settings in (one, other)
    ]
    sizes = np.bincount(clusters)
    accuracies = [each.sum(1) / sizes.sum() for each in right]
    spent = [
        np.mean([default_price(params, setting, found[setting]) for setting in settings])
        for settings in (one, other)
    ]
    share = float(spent[0] / spent[1])
    generator = numpy_generator(params.seed, "seeds")
    resampled = []
    for _ in range(params.evaluate.resamples):
        drawn = np.bincount(generator.integers(len(sizes), size=len(sizes)), minlength=len(sizes))
        means = [
            each[generator.integers(len(each), size=len(each))].mean(0) @ drawn for each in right
        ]
        resampled.append((means[0] - means[1]) / (drawn @ sizes))
    tail = (1 - params.evaluate.confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return {
        "energy_share": round(share, 4),
        "accuracies": [[round(float(a), 4) for a in each] for each in accuracies],
        "deviations": [round(float(np.std(each, ddof=1)), 4) for each in accuracies],
        "difference": round(float(accuracies[0].mean() - accuracies[1].mean()), 4),
        "difference_low": round(float(low), 4),
        "difference_high": round(float(high), 4),
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
                pairs[key] = paired_areas(
                    results[one], results[other], recordings, generator, tests_of(params)
                )
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
