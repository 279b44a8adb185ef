"""Complete small inputs of a detection report: five models on a few scenes, and measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from report_inputs import DATAFLOWS, NAMES, PROFILES, clip, rows
from scored import status

from spikesound.evaluation.curves import curves_frame
from spikesound.evaluation.differences import Difference, write_differences
from spikesound.evaluation.measures import DETECTION
from spikesound.evaluation.summary import Metrics
from spikesound.params import Params
from spikesound.report.inputs import Clip, Detection, ReportInputs
from spikesound.report.results import Results
from spikesound.tasks.detection.decision import Event

MODELS = ("baseline-mel", "ann-tcn-strong", "snn-tcn-strong", "ann-gru-strong", "snn-alif-strong")
PAIR = ("snn-tcn-strong", "ann-tcn-strong")
SOUNDS = ("events", "background", "silence")
WAYS = {False: ("dense", "zero_skipping"), True: ("events", "events_lazy")}
LEVELS = {"white": ("dB", (20.0, 0.0)), "dropped_spikes": ("share", (0.1, 0.3))}


def detection_inputs(params: Params, models: Sequence[str] = MODELS) -> ReportInputs:
    """Return inputs in which every part of the page has something to show."""
    table = rows(params, "detection")
    networks = [name for name in models if name in table]
    spiking = [name for name in networks if table[name].spiking]
    power = power_table(networks, spiking)
    summary = {name: figures(0.2 + 0.05 * place) for place, name in enumerate(models)}
    for name in networks:
        summary[name] |= own_power(power, name)
    dataset = {"clips_asked": 32, "clips_present": 30, "clips_scored": 30, "confidence": 0.95}
    history = pd.DataFrame(
        {"epoch": [1, 2], "train_loss": [2.0, 1.0], "validation_loss": [2.1, 1.2]}
    )
    return ReportInputs(
        task="detection",
        table=table,
        summary=summary | {"dataset": dataset | {"manifest": "0123456789abcdef"}},
        names=NAMES,
        predictions={},
        curves={name: curves_frame({"5": history}) for name in networks},
        status=status(30, absent=2),
        clips=[scene("clip0001"), scene("clip0002", spikes=None, credit="")],
        parameters="seed: 1 # <first>\n",
        provenance={"Python": "3.x", "Machine": "a machine"},
        results=Results(
            power=power,
            robustness=robustness_table(networks),
            areas={name: {"white_area": 0.4, "noise_area": 0.4} for name in networks},
            latency={
                **{name: times() for name in networks},
                "machine": {"processor": "a processor"},
            },
            comparisons={
                f"{a} vs {b}": comparison()
                for a, b in (PAIR, ("snn-alif-strong", "ann-gru-strong"))
            },
            classes={name: class_rows() for name in models},
        ),
    )


def figures(value: float) -> Metrics:
    """Return a detector's metrics, all of about one value."""
    found: Metrics = {"clips": 30, "events": 41}
    for measure in DETECTION:
        found |= {measure.key: value, f"{measure.key}_low": value - 0.03}
        found[f"{measure.key}_high"] = value + 0.03
    found |= {"delay_median_s": 0.64, "delay_95_s": 1.5, "missed_share": 0.33}
    return found | {"false_alarms_per_hour": 117.0, "parameters": 1000}


def power_table(models: Sequence[str], spiking: Sequence[str]) -> pd.DataFrame:
    """Return made-up powers: a spiking model needs little in silence."""
    table = []
    for model in models:
        for place, sound in enumerate(SOUNDS):
            for profile in PROFILES:
                for flow in DATAFLOWS:
                    for way in WAYS[model in spiking]:
                        base = 10.0 / (1 + place) if model in spiking else 12.0
                        base *= 0.8 if way in ("zero_skipping", "events_lazy") else 1.0
                        operations = base / (1 + PROFILES.index(profile))
                        total = operations * (3 + DATAFLOWS.index(flow))
                        rate = 0.1 / (1 + place) if model in spiking else 0.0
                        head = [model, sound, profile, flow, way]
                        table.append([*head, operations, total, 1e6, 2e5, 1e4, rate])
    columns = ["model", "input", "profile", "dataflow", "execution", "operations_uw", "total_uw"]
    columns += ["macs_per_s", "acs_per_s", "updates_per_s", "spike_rate"]
    return pd.DataFrame(table, columns=columns)


def own_power(power: pd.DataFrame, model: str) -> Metrics:
    """Return the powers that the summary has, of the second dataflow."""
    shown = power[
        (power["model"] == model)
        & (power["profile"] == PROFILES[0])
        & (power["dataflow"] == DATAFLOWS[1])
        & power["execution"].isin(["dense", "events"])
    ]
    return {
        f"{sound}_uw": float(total)
        for sound, total in zip(shown["input"], shown["total_uw"], strict=True)
    }


def comparison() -> dict[str, float]:
    """Return a paired comparison: worse by PSDS 1, nothing shown in the others."""
    shown = {measure.key: Difference(0.001, -0.02, 0.02) for measure in DETECTION}
    return write_differences(shown | {"psds1": Difference(-0.059, -0.082, -0.038)})


def times() -> dict[str, Any]:
    found: dict[str, Any] = {"frame_ms": 0.31, "frame_ms_low": 0.29, "frame_ms_high": 0.35}
    found |= {"clip_ms": 60.0, "clip_ms_low": 58.0, "clip_ms_high": 65.0, "ratio_to_twin": 1.7}
    return found | {"real_time_factor": 0.0067, "peak_mb": 250.0, "cpu_energy_mj": "not available"}


def robustness_table(models: Sequence[str]) -> pd.DataFrame:
    table: list[dict[str, Any]] = []
    for model in models:
        conditions = [("clean", "", 0.0, 0.6)]
        conditions += [
            (name, unit, level, 0.6 * 0.8**place)
            for name, (unit, levels) in LEVELS.items()
            for place, level in enumerate(levels, start=1)
        ]
        for name, unit, level, value in conditions:
            row: dict[str, Any] = {"model": model, "condition": name, "level": level}
            row |= {"unit": unit, "clips": 30}
            for key in ("segment_f1", "event_f1"):
                row |= {key: value, f"{key}_low": value - 0.02, f"{key}_high": value + 0.02}
            table.append(row)
    return pd.DataFrame(table)


def class_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": list(NAMES.values()),
            "label": list(NAMES),
            "clips": [12, 10, 8],
            "events": [14, 12, 15],
            "true_s": [30.4, 20.0, 11.2],
            "predicted": [20, 9, 0],
            "event_f1": [0.31, 0.2, np.nan],
            "segment_f1": [0.6, 0.512, 0.0],
            "psds1": [0.3, 0.21, 0.11],
            "threshold": [0.05, 0.4, 0.5],
            "median_s": [0.98, 0.51, 0.05],
        }
    )


def scene(clip_id: str, **changes: Any) -> Clip:
    """Return a scene of two seconds with two true events, and what two models give."""
    generator = np.random.default_rng(3)
    labels = list(NAMES)
    content: dict[str, Any] = {
        "spikes": generator.random((1, 20, 4)),
        "events": [Event(labels[0], 0.2, 0.9), Event(labels[2], 1.0, 1.6)],
        "detections": {
            model: Detection(generator.random((20, 3)), [Event(labels[0], 0.25, 1.1, 0.8)])
            for model in PAIR
        },
    }
    return clip(clip_id, **(content | changes))
