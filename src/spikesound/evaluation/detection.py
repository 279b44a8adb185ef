"""A detector judged on clips it has not heard: how well, how soon, how falsely, at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.core.json_files import write_json
from spikesound.core.seeds import numpy_generator
from spikesound.costs.power import Sound, energy_per_second, silence
from spikesound.evaluation.bootstrap import resampled, with_intervals
from spikesound.evaluation.clusters import Groups, each_alone
from spikesound.models.detector_spec import DetectorSpec
from spikesound.models.networks.detector import Detector
from spikesound.params import Params
from spikesound.tasks.detection.delay import false_alarms
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.measure import measure, predict
from spikesound.training.detection import scores
from spikesound.training.detection_data import Scenes

COUNTED_CLIPS = 100
"""Clips of each kind in which operations are counted: the figures are means over frames."""


@dataclass(frozen=True)
class Judged:
    """What was found of one detector.

    Attributes
    ----------
    metrics : flat (:func:`spikesound.evaluation.bootstrap.with_intervals`), and
        ``false_alarms_per_hour`` with its interval, of all classes
    values : each metric of all clips, and then of every resample
    classes : a row per class, its false alarms among it
    framewise : float16 probabilities (clip, frame, class), before the median filter
    clip_ids : of them
    energy : see :func:`spikesound.costs.power.energy_per_second`; None: not counted
    """

    metrics: dict[str, float | int | None]
    values: dict[str, npt.NDArray[np.float64]]
    classes: pd.DataFrame
    framewise: npt.NDArray[np.float16]
    clip_ids: list[str]
    energy: pd.DataFrame | None

    def write(self, name: str, scores_folder: Path, metrics_folder: Path) -> None:
        """Write all of it under the detector's name."""
        folder = scores_folder / name
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "scores.npz", x=self.framewise, clips=np.array(self.clip_ids))
        np.savez_compressed(folder / "resamples.npz", allow_pickle=False, **self.values)
        if self.energy is not None:
            self.energy.to_csv(folder / "energy.csv", index=False)
        write_json(metrics_folder / "models" / f"{name}.json", self.metrics)
        path = metrics_folder / "classes" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.classes.round(6).to_csv(path, index=False)

    def line(self) -> str:
        """Return the main figures in words."""
        shown = {"PSDS 1": "psds1", "PSDS 2": "psds2", "event F1": "event_f1"}
        return ", ".join(f"{name} {self.metrics[key] or 0:.3f}" for name, key in shown.items())


def judge(
    spec: DetectorSpec,
    network: Detector,
    test: Scenes,
    events: pd.DataFrame,
    background: npt.NDArray[np.float16],
    params: Params,
    *,
    groups: Groups | None = None,
) -> Judged:
    """Judge a trained detector.

    Parameters
    ----------
    test : clips of the fold that had no part in training or choosing
    events : strong labels, of these clips and others
    background : features (clip, frame, bin) in [0, 1] of sound without events
    groups : what a resample draws as one, in the order of sorted clip ids
        (:func:`spikesound.evaluation.bootstrap.draw`); by default each clip
    """
    batch = params.detection.train_of(spec.model).batch_clips
    framewise, clipwise = scores(network, test.inputs, batch)
    clipwise = np.clip(clipwise, 0, 1)  # weights of attention sum to 1 but for rounding
    quiet, _ = scores(network, background, batch)
    energies = energy_per_second(network, spec, sounds(spec, test, background), params.costs)
    return judge_scores(
        spec, test, events, framewise, clipwise, quiet, params, energies, groups=groups
    )


def judge_scores(
    spec: DetectorSpec,
    test: Scenes,
    events: pd.DataFrame,
    framewise: list[npt.NDArray[Any]],
    clipwise: npt.NDArray[Any],
    quiet: list[npt.NDArray[Any]],
    params: Params,
    energies: pd.DataFrame | None,
    *,
    groups: Groups | None = None,
) -> Judged:
    """Judge by probabilities: of frames and of clips, and of frames of background."""
    features, decision = spec.front_end.features, spec.decision
    assert decision is not None
    assert features.clip_s is not None
    lengths = dict.fromkeys(test.ids, features.clip_s)
    section = params.detection.evaluate
    measured = measure(
        dict(zip(test.ids, framewise, strict=True)),
        events[events["clip_id"].isin(set(test.ids))],
        lengths,
        spec.classes,
        decision,
        clip_scores=dict(zip(test.ids, clipwise, strict=True)),
        hop_s=spec.front_end.hop_s,
        window_s=features.window / features.rate_hz,
    )
    values = resampled(
        measured.weighted_metrics,
        each_alone(len(measured.clip_ids)) if groups is None else groups,
        generator=numpy_generator(params.seed, "detection"),  # the same clips for every model
        resamples=section.resamples,
    )
    metrics = measured.sizes | with_intervals(values, section.confidence, nearest=True)
    names = [str(number) for number in range(len(quiet))]
    filtered = {
        name: median(frames, decision.medians) for name, frames in zip(names, quiet, strict=True)
    }
    quiet_s = dict.fromkeys(names, features.clip_s)
    alarms = false_alarms(
        predict(filtered, quiet_s, spec.classes, decision, spec.front_end.hop_s),
        quiet_s,
        spec.classes,
        confidence=section.confidence,
    )
    total = alarms[alarms["label"] == "all"].iloc[0]
    metrics |= {
        "false_alarms_per_hour": float(total["per_hour"]),
        "false_alarms_per_hour_low": float(total["low"]),
        "false_alarms_per_hour_high": float(total["high"]),
        "background_hours": float(total["hours"]),
    }
    each = alarms.rename(columns={"per_hour": "false_alarms_per_hour"})
    classes = measured.classes.merge(each[["label", "false_alarms_per_hour"]], on="label")
    classes.insert(0, "name", spec.names)
    frames = np.stack(framewise).astype(np.float16)
    return Judged(metrics, values, classes, frames, test.ids, energies)


def sounds(
    spec: DetectorSpec, test: Scenes, background: npt.NDArray[np.float16]
) -> dict[str, Sound]:
    """Return what power is counted in: frames with events, background alone, digital silence."""
    rows = np.linspace(0, len(test) - 1, min(COUNTED_CLIPS, len(test))).astype(int)
    return {
        "events": Sound(test.inputs[rows], test.active[rows].any(-1)),
        "background": Sound(background[:COUNTED_CLIPS]),
        "silence": silence(spec.bins, spec.front_end.hop_s),
    }
