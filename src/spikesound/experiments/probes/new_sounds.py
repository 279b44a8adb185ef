"""Probe of learning after training: a new class from few recordings, by several rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.seeds import derive, numpy_generator
from spikesound.evaluation.folds import Folds
from spikesound.evaluation.new_class import RULES, TUNED, Clips, Tuning
from spikesound.experiments.row import Row
from spikesound.features import feature_shape, normalisation
from spikesound.features.shards import Shards
from spikesound.inference.learnt.activity import HiddenLayer
from spikesound.models.loading import TrainedModel
from spikesound.params.experiments import NewSoundParams
from spikesound.training.split import previous_fold

Trial = tuple[str, int, Tuning]
"""Rule, number of recordings, settings of fine-tuning."""


def new_sounds(row: Row, folds: Folds) -> list[dict[str, Any]]:
    """Return how well a row's networks learn each class that they were not trained on.

    The row's labels are those of its own data; all others of the pipeline's data are new, one at a
    time. A new class is taught by recordings of the folds that are trained on, settings of
    fine-tuning are chosen on the fold before the held-out one, figures are of the held-out fold.

    Returns
    -------
    list
        for each rule and number of recordings: ``found``, the share of the new class's clips that
        are given it; ``before`` and ``after``, the accuracy on the known classes; ``balanced``, the
        mean of found and after; ``by_class``, found, before and after for each new class, means
        over folds and draws; and the settings chosen.
    """
    wanted = row.probes.new_sounds
    assert wanted is not None
    validated: dict[Trial, list[float]] = defaultdict(list)
    tested: dict[Trial, dict[str, list[tuple[float, float, float]]]] = defaultdict(dict)
    for fold, spec, network, _ in folds:
        material = Material(row, fold, TrainedModel(spec, network))
        for label, trial, chosen in _trials(material, wanted, row.params.seed):
            validated[trial].append((chosen[0][0] + chosen[0][2]) / 2)
            tested[trial].setdefault(label, []).append(chosen[1])
    found = []
    for rule in wanted.rules:
        for count in wanted.recordings:
            trials = [trial for trial in tested if trial[:2] == (rule, count)]
            best = max(trials, key=lambda trial: float(np.mean(validated[trial])))
            figures = _figures(tested[best], best[2], rule)
            found.append({"rule": rule, "recordings": count} | figures)
    return found


def _figures(
    by_label: dict[str, list[tuple[float, float, float]]], tuning: Tuning, rule: str
) -> dict[str, Any]:
    means = {label: np.mean(each, 0) for label, each in by_label.items()}
    whole = np.mean(list(means.values()), 0)
    chosen = {"steps": tuning.steps, "learning_rate": tuning.learning_rate}
    names = ("found", "before", "after")
    return {
        **dict(zip(names, (round(float(value), 4) for value in whole), strict=True)),
        "balanced": round(float(whole[0] + whole[2]) / 2, 4),
        "by_class": {
            label: [round(float(value), 4) for value in each] for label, each in means.items()
        },
        **(chosen if rule in TUNED else {}),
    }


class Material:
    """A network, and the clips of known and new classes as it gets them."""

    def __init__(self, row: Row, fold: str, model: TrainedModel) -> None:
        self.model, self.fold = model, fold
        shards = Shards(row.folders.of_task(row.model.task).features)
        front_end = model.front_end
        values = shards.load()
        expected = feature_shape(front_end.features)
        if values.shape[1:] != expected:
            raise SpikesoundError(
                f"new_sounds: the clips of the project are {values.shape[1:]}, of the setting "
                f"{expected}"
            )
        scaled = normalisation.apply(values, front_end.low, front_end.high)
        layer = HiddenLayer(model)
        self.labels = [labels[0] for labels in shards.index["labels"]]
        self.new = sorted(set(self.labels) - set(model.ids))
        self.folds = np.array(shards.index["fold"])
        order = {label: number for number, label in enumerate(model.ids)}
        self.clips = Clips(
            torch.cat([model.inputs(each) for each in scaled], 1),
            [layer.of_features(each) for each in scaled],
            np.array([order.get(label, len(order)) for label in self.labels]),
        )

    def rows(self, part: str, label: str | None) -> npt.NDArray[np.intp]:
        """Return the rows of a part's clips with a label; None: with a known one."""
        before = previous_fold(self.fold, list(self.folds))
        of_part = {
            "test": self.folds == self.fold,
            "validation": self.folds == before,
            "teach": (self.folds != self.fold) & (self.folds != before),
        }[part]
        labels = np.array(self.labels)
        right = np.isin(labels, self.model.ids) if label is None else labels == label
        return np.flatnonzero(of_part & right)


Shares = tuple[float, float, float]
"""Share of the new class's clips that are found, accuracy on known classes before and after."""


def _trials(
    material: Material, wanted: NewSoundParams, seed: int
) -> Iterator[tuple[str, Trial, tuple[Shares, Shares]]]:
    """Yield the figures of each new class, rule, number of recordings, setting and draw."""
    clips, known = material.clips, material.clips.select(material.rows("teach", None))
    for label in material.new:
        pool = material.rows("teach", label)
        for count in wanted.recordings:
            for draw in range(wanted.draws):
                key = (seed, "new sound", material.fold, label, count, draw)
                taught = numpy_generator(*key).permutation(pool)[:count]
                for rule in wanted.rules:
                    for tuning in _tunings(rule, wanted):
                        generator = torch.Generator().manual_seed(derive(*key, rule))
                        decisions = RULES[rule](
                            material.model, known, clips.select(taught), tuning, generator
                        )
                        shares = [
                            _shares(material, part, label, *decisions)
                            for part in ("validation", "test")
                        ]
                        yield label, (rule, count, tuning), (shares[0], shares[1])


def _tunings(rule: str, wanted: NewSoundParams) -> list[Tuning]:
    if rule not in TUNED:
        return [Tuning(0, 0.0)]
    return [Tuning(steps, rate) for steps in wanted.steps for rate in wanted.learning_rates]


def _shares(material: Material, part: str, label: str, before: Any, after: Any) -> Shares:
    new = material.clips.select(material.rows(part, label))
    known = material.clips.select(material.rows(part, None))
    return (
        float((after(new) == new.classes).mean()),
        float((before(known) == known.classes).mean()),
        float((after(known) == known.classes).mean()),
    )
