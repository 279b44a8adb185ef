"""Complete small inputs of a classification report: nine models on a few clips, measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scored import frame, random_matrix, status

from spikesound.evaluation.curves import curves_frame
from spikesound.evaluation.summary import Metrics, compare, model_metrics
from spikesound.params import Model, Params
from spikesound.report.families import Rows
from spikesound.report.inputs import Clip, ReportInputs
from spikesound.report.results import Results

MODELS = (
    "baseline-logistic",
    "ann-cnn",
    "ann-cnn-int3",
    "ann-cnn-int8",
    "ann-cnn-sparse",
    "ann-gru",
    "ann-lstm",
    "ann-rnn",
    "snn-cnn-surrogate",
)
PAIR = ("snn-cnn-surrogate", "ann-cnn")
NAMES = {"/m/0": "Dog <b>", "/m/1": "Cash, $5 & $6", "/m/2": "Clock"}
PROFILES = ("fp32_45nm", "fp16_45nm", "int8_45nm")
DATAFLOWS = ("no_reuse", "weight_stationary", "output_stationary")
OPERATIONS_NJ = {
    "ann-cnn": 95.0,
    "ann-cnn-int3": 3.1,
    "ann-cnn-int8": 5.2,
    "ann-cnn-sparse": 48.0,
    "ann-gru": 40.0,
    "ann-lstm": 52.0,
    "ann-rnn": 14.0,
    "snn-cnn-surrogate": 61.0,
}
NOISES = ("white", "pink", "babble", "background")
LEVELS: Mapping[str, tuple[str, Sequence[float]]] = {
    **dict.fromkeys(NOISES, ("dB", (20.0, 10.0, 0.0, -10.0))),
    "reverberation": ("s", (0.3, 1.0)),
    "gain": ("dB", (-20.0, 20.0)),
    "low_pass": ("Hz", (4000.0, 1000.0)),
    "high_pass": ("Hz", (300.0, 2000.0)),
    "codec": ("kbit/s", (32.0, 8.0)),
    "dropped_frames": ("share", (0.1, 0.5)),
    "weight_noise": ("share", (0.1, 0.5)),
    "stuck_silent": ("share", (0.1, 0.3)),
    "stuck_firing": ("share", (0.1, 0.3)),
    "dropped_spikes": ("share", (0.1, 0.3)),
    "weight_bits": ("bits", (8.0, 4.0, 2.0)),
}


def rows(params: Params, task: str = "classification") -> dict[str, Model]:
    """Return the rows of a task in the table of models."""
    return {name: model for name, model in params.table().items() if model.task == task}


def report_inputs(params: Params, models: Sequence[str] = MODELS) -> ReportInputs:
    """Return inputs in which every part of the page has something to show."""
    quick = params.evaluate.model_copy(update={"resamples": 100})
    table = rows(params)
    present = status(30, absent=2)
    truth = random_matrix(30, 3, 0).targets
    tables, metrics = {}, {}
    for seed, name in enumerate(models):
        tables[name] = frame(random_matrix(30, 3, seed).scores, truth, folds=("1", "2"))
        metrics[name] = model_metrics(
            tables[name],
            present,
            extras(name, table),
            quick,
            1,
            recordings={clip: clip for clip in tables[name]["clip_id"]},
        )
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [2.0, 1.0, 0.5],
            "validation_loss": [2.1, 1.2, 0.9],
            "validation_accuracy": [0.2, 0.6, 0.7],
        }
    )
    summary = compare(metrics)
    return ReportInputs(
        task="classification",
        table=table,
        summary=summary,
        names=NAMES,
        predictions=tables,
        curves={
            name: curves_frame({"1": history, "2": history[:2]}) for name in models if name in table
        },
        status=present,
        clips=[clip("clip0001"), clip("clip0002", spikes=None, credit="")],
        parameters="seed: 1 # <first>\n",
        provenance={"Python": "3.x", "Machine": "a machine"},
        results=results(summary, table),
    )


def extras(model: str, table: Rows) -> dict[str, Any]:
    """Return the figures of a model that do not follow from its predictions."""
    if model not in table:
        return {}
    found: dict[str, Any] = {"steps": 1, "parameters": 1000, "memory_kb": 512.0}
    found["energy_operations_nj"] = OPERATIONS_NJ.get(model, 80.0)
    spiking = table[model].spiking
    found["energy_nj"] = total_nj(model, "fp32_45nm", "weight_stationary", spiking=spiking)
    if spiking:
        found |= {"steps": 4, "spike_rate": 0.14}
    return found


def total_nj(model: str, profile: str, dataflow: str, *, spiking: bool) -> float:
    """Return a made-up total: more for a spiking model, whose states are read at each step."""
    operations = OPERATIONS_NJ.get(model, 80.0) / (1 + PROFILES.index(profile))
    memory = 6.0 / (1 + DATAFLOWS.index(dataflow)) * (3.5 if spiking else 1.0)
    return operations * (1 + memory)


def results(summary: Mapping[str, Metrics], table: Rows) -> Results:
    """Return every measurement of the summary's models."""
    models = [name for name in summary if name in table]
    spiking = [name for name in models if table[name].spiking]
    return Results(
        energy=energy_table(models, spiking),
        break_even=break_even_table(spiking),
        **account_tables(models, spiking),
        robustness=robustness_table(summary),
        anytime=anytime_table(summary),
        areas={
            name: {**{f"{noise}_area": 0.5 for noise in NOISES}, "noise_area": 0.512}
            for name in summary
            if name != "dataset"
        },
        latency={
            **{name: times(name, slow=3.2 if name in spiking else 1.0) for name in models},
            "machine": {"processor": "a processor", "cores": "2"},
        },
        comparisons=comparisons(spiking, [name for name in models if name not in spiking]),
        study=study_rows(),
        operations={name: layers() for name in models},
        classes={name: class_rows() for name in summary if name != "dataset"},
    )


def energy_table(models: Sequence[str], spiking: Sequence[str] = ()) -> pd.DataFrame:
    rows = []
    for model in models:
        for profile in PROFILES:
            for dataflow in DATAFLOWS:
                total = total_nj(model, profile, dataflow, spiking=model in spiking)
                operations = OPERATIONS_NJ.get(model, 80.0) / (1 + PROFILES.index(profile))
                part = (total - operations) / 5
                parts = [part] * 5 + [0.0, 0.0]
                way = "events" if model in spiking else "dense"
                rows.append([model, way, profile, dataflow, operations, *parts, total])
    columns = ["model", "execution", "profile", "dataflow", "operations_nj", "neurons_nj"]
    columns += ["weights_nj"]
    columns += ["inputs_nj", "states_nj", "outputs_nj", "features_nj", "static_nj", "total_nj"]
    return pd.DataFrame(rows, columns=columns)


def account_tables(models: Sequence[str], spiking: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return made-up tables over accounts: the spiking model's energy is 10, the n-th other's n."""
    spent = {name: 10.0 if name in spiking else 1.0 + place for place, name in enumerate(models)}
    ways = {name: ["events"] if name in spiking else ["dense", "zero_skipping"] for name in models}
    bounds = [
        [name, profile, nj, 4 * nj, "kind", "unkind"]
        for name, nj in spent.items()
        for profile in ("int8_45nm", "own")
    ]
    parts = [
        [part, "int8_45nm", name, way, nj * factor]
        for name, nj in spent.items()
        for way in ways[name]
        for part, factor in (("stated", 1.0), ("biases: true", 2.0 if name in spiking else 1.0))
    ]
    shares = [
        [ours, name, way, "int8_45nm", design, stated / nj, 5 / nj, 20 / nj, "kind", "unkind"]
        for ours in spiking
        for name, nj in spent.items()
        if name.startswith("ann-cnn")
        for design, way, stated in (
            ("same", "dense", 10.0),
            ("same", "zero_skipping", 10.0),
            ("best", "any", np.nan),
        )
    ]
    head = ["model", "against", "execution", "profile", "design", "stated", "lowest", "highest"]
    accounts = ["best_account", "worst_account"]
    return {
        "shares": pd.DataFrame(shares, columns=[*head, "lowest_account", "highest_account"]),
        "parts": pd.DataFrame(parts, columns=["part", "profile", "model", "execution", "total_nj"]),
        "bounds": pd.DataFrame(
            bounds, columns=["model", "profile", "best_nj", "worst_nj", *accounts]
        ),
    }


def break_even_table(models: Sequence[str]) -> pd.DataFrame:
    rows = [
        [model, against, profile, dataflow, accounting, steps, rate if rate > 0 else np.nan]
        for model in models
        for against in ("ann-cnn", "ann-cnn-int8")
        for profile in PROFILES
        for dataflow in DATAFLOWS
        for accounting, start in (("operations", 0.9), ("memory", 0.35))
        for steps in (1, 2, 4, 8, 16)
        for rate in [start / steps - (0.03 if accounting == "memory" else 0.0)]
    ]
    columns = ["model", "against", "profile", "dataflow", "accounting", "steps", "break_even_rate"]
    return pd.DataFrame(rows, columns=columns)


def robustness_table(summary: Mapping[str, Metrics]) -> pd.DataFrame:
    rows: list[list[Any]] = []
    for model, figures in summary.items():
        if model == "dataset":
            continue
        clean = float(figures["accuracy"])
        rows.append(_robust(model, "clean", 0.0, "", clean))
        for condition, (unit, levels) in LEVELS.items():
            for place, level in enumerate(levels, start=1):
                rows.append(_robust(model, condition, level, unit, clean * 0.82**place))
    columns = ["model", "condition", "level", "unit", "clips", "accuracy", "accuracy_low"]
    return pd.DataFrame(rows, columns=[*columns, "accuracy_high"])


def _robust(model: str, condition: str, level: float, unit: str, accuracy: float) -> list[Any]:
    return [model, condition, level, unit, 30, accuracy, accuracy - 0.04, min(1.0, accuracy + 0.04)]


def anytime_table(summary: Mapping[str, Metrics]) -> pd.DataFrame:
    rows = []
    for model, figures in summary.items():
        if model == "dataset":
            continue
        accuracy = float(figures["accuracy"])
        steps = range(1, int(figures.get("steps", 1)) + 1)
        for axis, places in (("steps", steps), ("seconds", (0.5, 1.0, 2.0, 5.0))):
            for at in places:
                reached = accuracy * at / (at + 0.4)
                rows.append([model, axis, at, reached, reached - 0.04, reached + 0.04])
    columns = ["model", "axis", "at", "accuracy", "accuracy_low", "accuracy_high"]
    return pd.DataFrame(rows, columns=columns)


def times(model: str, slow: float = 1.0) -> dict[str, Any]:
    return {
        "clip_ms": 4.0 * slow,
        "clip_ms_low": 3.8 * slow,
        "clip_ms_high": 4.3 * slow,
        "frame_ms": 0.2 if model in ("ann-lstm", "ann-gru", "ann-rnn") else None,
        "ratio_to_twin": slow,
        "peak_mb": 210.0,
        "cpu_energy_mj": "not available",
    }


def test_of(difference: float, p: float) -> dict[str, Any]:
    """Return a paired test of two models."""
    return {
        "accuracy_difference": difference,
        "accuracy_difference_low": difference - 0.03,
        "accuracy_difference_high": difference + 0.03,
        "accuracy_p": p / 2,
        "accuracy_p_corrected": p,
        "map_difference": difference / 2,
        "map_difference_low": difference / 2 - 0.02,
        "map_difference_high": difference / 2 + 0.02,
        "map_p": p / 2,
        "map_p_corrected": p,
        "verdict": "no difference shown" if p >= 0.05 else "a difference is shown",
    }


test_of.__test__ = False  # type: ignore[attr-defined]  # a maker of inputs, not a test


def comparisons(spiking: Sequence[str], others: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {f"{a} vs {b}": test_of(0.005, 0.8) for a in spiking for b in others}


def class_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": list(NAMES.values()),
            "label": list(NAMES),
            "clips": [12, 10, 8],
            "average_precision": [0.9, 0.812, np.nan],
            "auc": [0.95, 0.9, np.nan],
        }
    )


def study_rows() -> pd.DataFrame:
    rows = []
    kinds = [("ann", "ann", None, 0.86, 700.0), ("ann int8", "ann", None, 0.855, 40.0)]
    kinds += [(f"snn T={t}", "snn", t, 0.80 + 0.015 * t, 300.0 * t) for t in (1, 2, 4)]
    for setting, kind, steps, accuracy, energy in kinds:
        for seed in (1, 2, 3):
            rows.append(
                {
                    "setting": setting,
                    "family": kind,
                    "seed": seed,
                    "steps": steps,
                    "target_rate": None,
                    "accuracy": accuracy + 0.01 * (seed - 2),
                    "accuracy_low": accuracy - 0.03,
                    "accuracy_high": accuracy + 0.03,
                    "validation_accuracy": accuracy,
                    "spike_rate": 0.1 if kind == "snn" else None,
                    "energy_nj": energy,
                    "energy_operations_nj": energy / (8 if kind == "snn" else 4),
                }
            )
    return pd.DataFrame(rows)


def layers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "layer": ["block 1", "block 2", "output"],
            "dense_macs": [995328, 7962624, 1280],
            "macs": [995328, 0, 0],
            "acs": [0, 1123456, 800],
            "neuron_updates": [110592, 55296, 40],
        }
    )


def clip(clip_id: str, **changes: Any) -> Clip:
    """Return one clip of noise, with spikes in four steps."""
    generator = np.random.default_rng(0)
    content: dict[str, Any] = {
        "clip_id": clip_id,
        "samples": generator.uniform(-0.5, 0.5, 44100),
        "rate_hz": 22050,
        "features": generator.uniform(-80, 0, (20, 8)),
        "frame_rate_hz": 10.0,
        "feature_unit": "dB",
        "bin_names": [f"mel {100 * i} Hz" for i in range(8)],
        "spikes": generator.random((4, 10, 4)),
        "spikes_of": "the first layer",
        "credit": "Recorded by A & B, CC BY",
    }
    return Clip(**(content | changes))
