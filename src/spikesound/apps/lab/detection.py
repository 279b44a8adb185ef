"""Training of detectors of params.yaml on a table of files and one of their sound events."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spikesound.apps.lab.changes import changed
from spikesound.apps.lab.clips import read_features, write_features
from spikesound.core import schema
from spikesound.core.errors import SpikesoundError, choose, unknown
from spikesound.costs.power import Sound, count_sounds, power_table, silence
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Model, Params
from spikesound.training.dataset import Dataset, load_features, with_events
from spikesound.training.request import FoldRequest
from spikesound.training.run import train_fold
from spikesound.training.scores import frame_scores
from spikesound.training.trainings import HISTORY

CLIPS = ("file", "fold")
EVENTS = ("file", "label", "onset_s", "offset_s")
"""Columns of the tables of clips and of events; a clip without events has no row in the second."""


class DetectionLab:
    """Clips with their events and features, and the detectors that are trained on them.

    Parameters
    ----------
    clips, events : tables of columns :data:`CLIPS` and :data:`EVENTS`; times are in seconds
    params : all parameters (:meth:`spikesound.params.Params.load`)
    test_fold : held out: no network is trained on its clips, and none is tuned on them; with
        ``tasks.detection.validation_fold`` previous, thresholds are tuned on the fold before it
    clip_s : length to which clips are cut or padded, in seconds
    folder : where features and models go; None: a temporary one

    Raises
    ------
    SpikesoundError
        If a table is not such, or a file cannot be read.
    """

    def __init__(
        self,
        clips: pd.DataFrame,
        events: pd.DataFrame,
        params: Params,
        *,
        test_fold: str,
        clip_s: float = 10.0,
        folder: Path | None = None,
    ) -> None:
        self.clips, self.events = checked(clips, events, test_fold, clip_s)
        self.fold, self.labels = test_fold, sorted(set(self.events["label"]))
        features = params.features.model_copy(update={"clip_s": clip_s})
        self.params = params.model_copy(update={"features": features})
        self.folder = folder or Path(tempfile.mkdtemp(prefix="spikesound-lab-"))
        labels = self.events.groupby("file")["label"].agg(set)
        rows = self.clips.assign(
            recording=self.clips["file"],
            label=[labels.get(file, set()) for file in self.clips["file"]],
        )
        write_features(rows, features, test_fold, self.folder / "features")
        strong = self.events.rename(columns={"file": "clip_id"})
        schema.write_table(strong, schema.EVENTS, self.folder / "events.parquet")

    def features(self, file: str) -> npt.NDArray[np.float32]:
        """Return the features of a clip as networks get them, (frame, bin) in [0, 1].

        Raises
        ------
        SpikesoundError
            If no clip is of this file.
        """
        return read_features(self.folder / "features", self.fold, file)

    def train(
        self,
        model: str,
        *,
        name: str | None = None,
        report: Callable[[], None] = lambda: None,
        **changes: Mapping[str, Any],
    ) -> LabDetector:
        """Return a detector of the table of models; thresholds are tuned on validation clips.

        Parameters
        ----------
        model : row of the table of models
        name : of the result; another training under the same name takes its place
        report : called after each epoch
        changes : other values of the row's ``network``, ``neuron``, ``method``, ``recipe``, by key

        Raises
        ------
        SpikesoundError
            If there is no such model or parameter, or the model is no detector.
        """
        row = changed(self.params.model(model), changes)
        if row.task != "detection":
            raise SpikesoundError(f"{model}: expected a model of task detection")
        features, out = self.folder / "features", self.folder / "models" / (name or model)
        request = FoldRequest(
            row,
            self.params.tasks.detection,
            self.params.device,
            self.fold,
            self.params.seed,
            dict(zip(self.labels, self.labels, strict=True)),
            inputs=features,
            features=features,
            events=self.folder / "events.parquet",
            base=None,
            out=out,
            store=self.folder / "store",
        )
        train_fold(request, report)
        trained = load(out)
        test = load_features(features, self.labels, self.fold).only(self.fold)
        strong = schema.read_table(self.folder / "events.parquet", schema.EVENTS)
        test = with_events(test, strong, self.labels, trained.front_end.hop_s)
        return LabDetector(row, self.params, out, trained, test)


@dataclass(frozen=True)
class LabDetector:
    """A trained detector with the clips of the test fold.

    Attributes
    ----------
    row : of the table of models, with the values that were changed
    folder : with its file, which ``spikesound.load`` takes, and ``history.csv``
    model : the network and its spec, thresholds and median filters among it
    test : clips that it was not trained on
    """

    row: Model
    params: Params
    folder: Path
    model: TrainedModel
    test: Dataset

    @property
    def history(self) -> pd.DataFrame:
        """Figures of each epoch."""
        return pd.read_csv(self.folder / HISTORY)

    @property
    def decision(self) -> pd.DataFrame:
        """What was tuned: by label the threshold and the median filter, in frames and seconds."""
        columns = ["threshold", "median_frames", "median_s"]
        return pd.read_csv(self.folder / "decision.csv").set_index("label")[columns]

    def scores(self, file: str) -> npt.NDArray[Any]:
        """Return the probabilities (frame, class) of a test clip, before the median filter.

        Raises
        ------
        SpikesoundError
            If it is no test clip.
        """
        rows = {clip: number for number, clip in enumerate(self.test.ids)}
        row = choose(rows, file, "test clip")
        decision = self.model.spec.decision
        late = 0 if decision is None else decision.lookahead
        return frame_scores(self.model.network, self.test.inputs[[row]], 1, late)[0][0]

    def power(self) -> pd.DataFrame:
        """Return power at the technology of params, by sound: :mod:`spikesound.costs.power`.

        The sounds are the test clips' frames with events, those without, and digital silence. A
        conventional network carries out all operations, a spiking one those for which spikes come.
        """
        assert self.test.active is not None
        inputs, active = self.test.inputs[:, 0], np.asarray(self.test.active.any(-1))
        spec = self.model.spec
        sounds = {
            "events": Sound(inputs, active),
            "background": Sound(inputs, ~active),
            "silence": silence(spec.bins, spec.sound.hop_s),
        }
        counts = count_sounds(self.model.network, spec, sounds)
        costs = self.params.costs
        table = power_table(self.row.name, counts, costs, spiking=self.row.spiking)
        shown = (table["profile"] == costs.profile) & (table["dataflow"] == costs.dataflow)
        shown &= table["execution"] == ("events" if self.row.spiking else "dense")
        columns = ["spike_rate", "macs_per_s", "acs_per_s", "operations_uw", "total_uw"]
        return table[shown].set_index("input")[columns]


def checked(
    clips: pd.DataFrame, events: pd.DataFrame, test_fold: str, clip_s: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both tables with their columns alone: files, folds and labels as text.

    Raises
    ------
    SpikesoundError
        If a column is missing, a file stands twice in the clips or not at all, an event is not
        within its clip, or no clip is of the test fold, or none of another.
    """
    for what, table, columns in (("clips", clips, CLIPS), ("events", events, EVENTS)):
        missing = [column for column in columns if column not in table]
        if missing:
            raise SpikesoundError(
                f"{what}: no column {missing[0]!r}; expected {', '.join(columns)}"
            )
    rows = clips[list(CLIPS)].astype(str).reset_index(drop=True)
    strong = events[list(EVENTS)].astype({"file": str, "label": str}).reset_index(drop=True)
    twice = rows.loc[rows["file"].duplicated(), "file"]
    if len(twice):
        raise SpikesoundError(f"clips: {twice.iloc[0]} stands there twice")
    lone = strong.loc[~strong["file"].isin(rows["file"]), "file"]
    if len(lone):
        raise SpikesoundError(f"events: {lone.iloc[0]} is not among the clips")
    inside = (strong["onset_s"] >= 0) & (strong["onset_s"] < strong["offset_s"])
    outside = strong[~(inside & (strong["offset_s"] <= clip_s))]
    if len(outside):
        first = outside.iloc[0]
        raise SpikesoundError(
            f"events: {first['label']} from {first['onset_s']} to {first['offset_s']} s is not "
            f"within the {clip_s:g} s of {first['file']}"
        )
    folds = set(rows["fold"])
    if test_fold not in folds:
        raise unknown("test_fold", test_fold, folds)
    if len(folds) == 1:
        raise SpikesoundError("clips: all are of the test fold; none is left to train on")
    return rows, strong
