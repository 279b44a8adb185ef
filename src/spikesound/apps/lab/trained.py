"""Training of models of params.yaml on a table of files, and their test, in a notebook."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from spikesound.apps.lab.changes import changed, updated
from spikesound.apps.lab.clips import checked, labels_of, read_features, write_features
from spikesound.apps.lab.traces import Trace, traces
from spikesound.core.errors import SpikesoundError, choose
from spikesound.costs.counting import Counted, counting
from spikesound.costs.layer import LayerCounts
from spikesound.costs.models import counts_of
from spikesound.costs.neuron_work import spikes
from spikesound.costs.tables import figures
from spikesound.features.spike_shards import encode_shards
from spikesound.models.loading import TrainedModel, load, probabilities_of
from spikesound.params import Model, Params
from spikesound.training import trainings
from spikesound.training.dataset import Dataset, load_features, load_spikes
from spikesound.training.methods import METHODS
from spikesound.training.request import FoldRequest
from spikesound.training.run import prepare, weight_seed
from spikesound.training.trainings import HISTORY


class Lab:
    """Clips with their features, and what is trained on them.

    Parameters
    ----------
    clips : columns file, label, fold, recording (:data:`.clips.COLUMNS`)
    params : all parameters (:meth:`spikesound.params.Params.load`)
    test_fold : held out: no network is trained on its clips
    clip_s : length to which clips are cut or padded, in seconds
    folder : where features and models go; None: a temporary one

    Raises
    ------
    SpikesoundError
        If the table is not such, or a file cannot be read.
    """

    def __init__(
        self,
        clips: pd.DataFrame,
        params: Params,
        *,
        test_fold: str,
        clip_s: float = 5.0,
        folder: Path | None = None,
    ) -> None:
        self.clips, self.fold = checked(clips, test_fold), test_fold
        features = params.features.model_copy(update={"clip_s": clip_s})
        self.params = params.model_copy(update={"features": features})
        self.folder = folder or Path(tempfile.mkdtemp(prefix="spikesound-lab-"))
        labels = labels_of(self.clips)
        self.labels = sorted(set().union(*labels))
        several = [
            file for file, own in zip(self.clips["file"], labels, strict=True) if len(own) != 1
        ]
        if several and params.tasks.classification.labels == "single":
            raise SpikesoundError(
                f"clips: {several[0]} has several labels or none; "
                "set tasks.classification.labels to multiple"
            )
        self._shards = write_features(self.clips, features, test_fold, self.folder / "features")

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
        encoding: str | None = None,
        report: Callable[[], None] = lambda: None,
        **changes: Mapping[str, Any],
    ) -> LabModel:
        """Return a classifier of the table of models, trained on all folds but the test fold.

        Parameters
        ----------
        model : row of the table of models
        name : of the result; another training under the same name takes its place
        encoding : of a spiking network's input: entry of ``encodings``; None: the one of params
        report : called after each epoch
        changes : other values of the row's ``network``, ``neuron``, ``method``, ``recipe``, or of
            the encoding (``coding``), by key

        Raises
        ------
        SpikesoundError
            If there is no such model, entry or parameter, or the model is no classifier.
        """
        coding = changes.pop("coding", {})
        row = changed(self.params.model(model), changes)
        if row.task != "classification":
            raise SpikesoundError(f"{model}: expected a model of task classification")
        if row.base is not None:
            raise SpikesoundError(f"{model}: starts from the trained {row.base}; use the pipeline")
        out = self.folder / "models" / (name or model)
        inputs = self.folder / "features"
        if row.spiking:
            inputs = self.folder / "spikes" / (name or model)
            self._encode(encoding or self.params.encoding, coding, inputs)
        request = FoldRequest(
            row,
            self.params.tasks.classification,
            self.params.device,
            self.fold,
            self.params.seed,
            dict(zip(self.labels, self.labels, strict=True)),
            inputs=inputs,
            features=self.folder / "features",
            events=None,
            base=None,
            out=out,
            store=self.folder / "store",
        )
        _train(request, report)
        loaded = load_spikes(inputs, self.labels)[0] if row.spiking else None
        clips = loaded or load_features(inputs, self.labels, self.fold)
        return LabModel(row, self.params, out, load(out), clips.only(self.fold))

    def _encode(self, encoding: str, changes: Mapping[str, Any], out: Path) -> None:
        section = updated(self.params.encodings[encoding], changes, f"encodings.{encoding}")
        encode_shards(
            self._shards,
            self.fold,
            encoding=self.params.encodings.kind(encoding),
            params=section,
            seed=self.params.seed,
            out=out,
        )


@dataclass(frozen=True)
class LabModel:
    """A trained classifier with the clips of the test fold.

    Attributes
    ----------
    row : of the table of models, with the values that were changed
    folder : with its file, which ``spikesound.load`` takes, and ``history.csv``
    model : the network and its spec
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
    def scores(self) -> pd.DataFrame:
        """Probability of each label (column) in each test clip (row, by its id)."""
        with torch.inference_mode():
            raw = self.model.network.eval()(self._inputs())
            values = probabilities_of(raw, self.model.spec.labels).numpy()
        return pd.DataFrame(values, index=self.test.ids, columns=self.model.labels)

    @property
    def predicted(self) -> pd.DataFrame:
        """The test clips, of one label each: clip_id, label, predicted.

        Raises
        ------
        SpikesoundError
            If clips may have several labels.
        """
        if self.model.spec.labels == "multiple":
            raise SpikesoundError(f"{self.row.name}: clips may have several labels; use scores")
        names = np.array(self.model.labels)
        truth = names[self.test.present.argmax(1)]
        best = names[self.scores.to_numpy().argmax(1)]
        return pd.DataFrame({"clip_id": self.test.ids, "label": truth, "predicted": best})

    @property
    def accuracy(self) -> float:
        """Share of the test clips whose label is the one predicted."""
        table = self.predicted
        return float((table["label"] == table["predicted"]).mean())

    @property
    def spike_rate(self) -> float | None:
        """Spikes per neuron and time step, over layers and test clips; None: it does not spike."""
        layers = [layer for layer in self.counts() if spikes(layer)]
        if not layers:
            return None
        fired = sum(layer.active_outputs for layer in layers)
        return fired / sum(layer.outputs * layer.steps for layer in layers)

    def counts(self) -> list[LayerCounts]:
        """Return the operations of each layer, means per test clip, as they were carried out."""
        counted, network = Counted(), self.model.network.eval()
        with torch.inference_mode(), counting(network, self.model.spec, counted):
            network(self._inputs())
        return counted.layers

    def figures(self) -> dict[str, float | str]:
        """Return energy and memory at the technology of params: :mod:`spikesound.costs`."""
        return figures(counts_of(self.row, self.counts(), self.params.costs), self.params.costs)

    def trace(self, clip_id: str) -> list[Trace]:
        """Return currents, membranes and spikes of the layers for a test clip, front to back.

        Raises
        ------
        SpikesoundError
            If it is no test clip, or the network does not spike.
        """
        rows = {clip: number for number, clip in enumerate(self.test.ids)}
        return traces(self.model.network, self._inputs([choose(rows, clip_id, "test clip")]))

    def _inputs(self, rows: list[int] | None = None) -> torch.Tensor:
        chosen = np.arange(len(self.test)) if rows is None else np.array(rows)
        return torch.from_numpy(self.test.batch(chosen)).transpose(0, 1)


def _train(request: FoldRequest, report: Callable[[], None]) -> None:
    """Train as :func:`spikesound.training.run.train_fold` does, without the store of trainings.

    The store needs the files of all code that is used; a neuron may be defined in a notebook.
    """
    job, front_end = prepare(request)
    job = replace(job, report=lambda epoch: report())
    trainings.discard_checkpoint(job.resume)
    torch.manual_seed(weight_seed(job))
    trained = METHODS[request.model.method](job)
    trainings.discard_checkpoint(job.resume)
    names = list(request.names.values())
    spec = trained.spec.model_copy(update={"names": names, "front_end": front_end})
    trainings.save(request.out, replace(trained, spec=spec))
