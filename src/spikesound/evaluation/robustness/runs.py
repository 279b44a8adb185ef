"""Runs of one fold's network under conditions, and the rows that they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS, read_table
from spikesound.core.seeds import derive
from spikesound.evaluation.robustness.conditions import SOUND, UNDISTURBED
from spikesound.evaluation.robustness.faults import WEIGHT_FAULTS, faults_of, faulty, firing
from spikesound.evaluation.robustness.inputs import Inputs
from spikesound.evaluation.robustness.plan import Clips, Piece
from spikesound.evaluation.robustness.scoring import EVENT, SEGMENT, Values
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.models import file
from spikesound.models.spec import Spec
from spikesound.tasks.detection.decision import events
from spikesound.tasks.detection.median_filter import median
from spikesound.tasks.detection.metrics.events import count_events, count_segments
from spikesound.tasks.detection.metrics.truth import true_events
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset
from spikesound.training.scores import frame_scores

Run = Any
"""Maps the inputs of a batch to what the network puts out: the network, or a backend of it."""


def scored_runs(piece: Piece, report: Callable[[], None]) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the number of each run of a piece with its rows, undefined faults left out.

    Parameters
    ----------
    report : called after each run
    """
    spec, network = _load(piece)
    plan, inputs = piece.plan, Inputs(piece.clips.features, piece.clips.disturbed, spec)
    clean = inputs.clips(UNDISTURBED)
    score = SCORERS[spec.task](spec, clean, piece.clips, plan.batch_clips)
    whole, defined = quick(network), faults_of(network)
    peaks: list[float] | None = None
    for number, (condition, draw) in enumerate(plan.runs()):
        if number % piece.parts != piece.part:
            continue
        if condition.name in SOUND:
            table = score(whole, clean if condition == UNDISTURBED else inputs.clips(condition))
        elif condition.name in defined:
            if peaks is None:
                peaks = firing(network, lambda traced: score.outputs(traced, clean))
            seed = derive(plan.seed, "fault", condition.name, piece.fold, draw)
            broken = faulty(network, condition.name, condition.level, seed, peaks)
            # A frozen network has no neurons to hold: only its weights can be at fault.
            table = score(quick(broken) if condition.name in WEIGHT_FAULTS else broken, clean)
        else:
            report()
            continue
        table.insert(1, "condition", condition.name)
        table.insert(2, "level", condition.level)
        yield number, table
        report()


def quick(network: nn.Module) -> Run:
    """Return the event-driven form of a spiking classifier, or the network where there is none."""
    try:
        return FrozenCNN(network)
    except SpikesoundError:
        return network


class Classified:
    """Scores a classifier: whether the label of the highest score is one of the clip's."""

    def __init__(self, spec: Spec, clips: Dataset, places: Clips, batch_clips: int) -> None:
        self._classes = np.asarray(spec.classes, dtype=object)
        self._batch = batch_clips

    def outputs(self, run: Run, clips: Dataset) -> Values:
        """Return the class scores (clip, class)."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(clips), self._batch):
                rows = np.arange(start, min(start + self._batch, len(clips)))
                x = batched(clips.batch(rows), frames=False)
                parts.append(run(x).double().numpy())
        return np.concatenate(parts)

    def __call__(self, run: Run, clips: Dataset) -> pd.DataFrame:
        """Return a row for each clip."""
        highest = self.outputs(run, clips).argmax(axis=1)
        return pd.DataFrame(
            {
                "clip_id": clips.ids,
                "predicted": self._classes[highest],
                "hit": clips.present[np.arange(len(highest)), highest] > 0,
            }
        )


class Detected:
    """Scores a detector with its decision rule: segments and sound events of each clip and class.

    Raises
    ------
    SpikesoundError
        If the model has no decision rule.
    """

    def __init__(self, spec: Spec, clips: Dataset, places: Clips, batch_clips: int) -> None:
        if spec.decision is None:
            raise SpikesoundError(f"{spec.model}: without a decision rule; run dvc repro")
        assert places.events is not None
        seconds = spec.sound.features.clip_s
        assert seconds is not None
        self._spec, self._decision, self._batch = spec, spec.decision, batch_clips
        self._seconds = dict.fromkeys(clips.ids, seconds)
        strong = read_table(places.events, EVENTS)
        strong = strong[strong["clip_id"].isin(self._seconds)]
        self._true = true_events(strong, self._seconds, spec.classes)

    def outputs(self, run: Run, clips: Dataset) -> list[Any]:
        """Return the probabilities (frame, class) of each clip."""
        return frame_scores(run, clips.inputs, self._batch, self._decision.lookahead)[0]

    def __call__(self, run: Run, clips: Dataset) -> pd.DataFrame:
        """Return a row for each clip and class."""
        ids, labels, rule = clips.ids, self._spec.classes, self._decision
        predicted = {
            clip: events(
                median(frames, rule.medians), rule.thresholds, labels=labels,
                hop_s=self._spec.sound.hop_s, seconds=self._seconds[clip],
            )
            for clip, frames in zip(ids, self.outputs(run, clips), strict=True)
        }  # fmt: skip
        lengths = [self._seconds[clip] for clip in ids]
        segments = count_segments(predicted, self._true, ids, labels, lengths)
        of_events = count_events(predicted, self._true, ids, labels)
        columns = dict(zip((*SEGMENT, *EVENT), (*segments, *of_events), strict=True))
        return pd.DataFrame(
            {"clip_id": np.repeat(np.asarray(ids, dtype=object), len(labels))}
            | {"label": labels * len(ids)}
            | {name: counts.ravel().astype(np.int32) for name, counts in columns.items()}
        )


SCORERS: Mapping[str, Callable[[Spec, Dataset, Clips, int], Classified | Detected]] = {
    "classification": Classified,
    "detection": Detected,
}
"""By task."""


def _load(piece: Piece) -> tuple[Spec, nn.Module]:
    spec, network = file.load(piece.folder)
    if spec.classes != piece.clips.classes:
        raise SpikesoundError(f"{piece.folder}: trained on other classes; run dvc repro")
    if spec.fold != piece.fold:
        raise SpikesoundError(
            f"{piece.folder}: expected held-out fold {piece.fold!r}, got {spec.fold!r}"
        )
    return spec, network
