"""What a setting is trained and tested on: the pipeline's data, or its own where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from spikesound.core import schema
from spikesound.core.json_files import write_json
from spikesound.core.labels import read_labels
from spikesound.core.source import code_digest
from spikesound.data.download import download
from spikesound.data.filtering.choose import filter_clips
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, SpikeTrains
from spikesound.data.spike_status import write_spike_status
from spikesound.data.store import Store, digest
from spikesound.experiments.digests import folder_digest
from spikesound.experiments.noise import noisy_features
from spikesound.features.background import write_backgrounds
from spikesound.features.extract import extract
from spikesound.features.shards import Shards
from spikesound.features.spike_counts import count_spikes
from spikesound.features.spike_shards import encode_shards
from spikesound.params import Model, Params
from spikesound.params.experiments import TrainingNoise
from spikesound.snn.encoding import ENCODINGS


@dataclass(frozen=True)
class Data:
    """Folders of a task's data: what the data stages make."""

    clips: Path
    audio: Path
    features: Path
    disturbed: Path

    @property
    def names(self) -> dict[str, str]:
        """Display names of the classes by label id."""
        return read_labels(self.clips / "labels.json")

    def digest(self) -> str:
        """Return the digest of the clips, their labels and their features."""
        return folder_digest(self.clips, self.features)


@dataclass(frozen=True)
class Folders:
    """Where experiments read and write.

    Attributes
    ----------
    of_task : returns the folders of the pipeline's data of a task
    spikes : of the pipeline's encoded features, with a folder for each held-out fold
    ontology : AudioSet's, a file
    trainings : of finished trainings
    work : gets what experiments make
    """

    of_task: Callable[[str], Data]
    spikes: Path
    ontology: Path
    trainings: Path
    work: Path

    @classmethod
    def of_project(
        cls, of_task: Callable[[str, str], Path], spikes: Path, ontology: Path, store: Path
    ) -> Folders:
        """Return the folders of a project, whose finished trainings are those of its store.

        Parameters
        ----------
        of_task : returns the folder of one kind of data of a task, given both names
        """

        def data(task: str) -> Data:
            kinds = ("clips", "audio", "features", "disturbed")
            return Data(*(of_task(kind, task) for kind in kinds))

        return cls(data, spikes, ontology, store / "trainings", store / "experiments")


def data_of(params: Params, default: Params, task: str, folders: Folders) -> Data:
    """Return the folders of a setting's data; where its data sections differ, make them first.

    Raises
    ------
    SpikesoundError
        As the data stages.
    """
    if _same_data(params, default, task):
        return folders.of_task(task)
    key = digest(
        "data",
        _data_sections(params, task),
        " ".join(params.task_params(task).folds),
        _code(params.of_task(task)),
    )
    root = folders.work / f"data-{key[:16]}"
    data = Data(*(root / kind for kind in ("clips", "audio", "features", "disturbed")))
    if not (root / "done.json").is_file():
        _make(params.of_task(task), task, folders, data)
        write_json(root / "done.json", {"key": key})
    return data


def inputs_of(
    model: Model,
    params: Params,
    default: Params,
    data: Data,
    fold: str,
    folders: Folders,
    noise: TrainingNoise | None = None,
) -> tuple[Path, Path]:
    """Return the folders of a model's inputs and of their features; encode and disturb as needed.

    Parameters
    ----------
    fold : held out for testing
    noise : to train in; None: the clips as they are
    """
    features = data.features if noise is None else noisy_features(
        noise, params, data.audio, data.features, folders.work
    )  # fmt: skip
    if model.row.reads != "spikes":
        return features, features
    section = params.encodings[params.encoding]
    kind = params.encodings.kind(params.encoding)
    plain = features == folders.of_task(model.task).features
    if plain and (kind, section, params.seed) == (
        default.encodings.kind(default.encoding),
        default.encodings[default.encoding],
        default.seed,
    ):
        return folders.spikes / f"fold-{fold}", features
    shards = Shards(features)
    key = digest(
        "spikes",
        folder_digest(features),
        kind,
        section.model_dump_json(),
        params.seed,
        code_digest([ENCODINGS[kind].encode, encode_shards]),
        torch.__version__,
    )
    out = folders.work / f"spikes-{key[:16]}" / f"fold-{fold}"
    if not (out / "spec.json").is_file():
        encode_shards(shards, fold, encoding=kind, params=section, seed=params.seed, out=out)
    return out, features


def _same_data(params: Params, default: Params, task: str) -> bool:
    folds, known = params.task_params(task).folds, default.task_params(task).folds
    same = _data_sections(params, task) == _data_sections(default, task)
    return same and set(folds) <= set(known)


def _data_sections(params: Params, task: str) -> str:
    """Return what the data of a task depend on, but for the held-out folds."""
    own = params.of_task(task)
    sections = (own.source_params, own.filter, own.download, own.features)
    background: tuple[str | int, ...] = ()
    if task == "detection":  # in which false alarms are counted
        clips, folder = own.tasks.detection.background_clips, own.robustness.noises.background
        background = (clips, folder, own.sources.scenes.model_dump_json())
    parts = (section.model_dump_json() for section in sections)
    return digest(own.source, own.seed, *parts, *background)


def _code(params: Params) -> str:
    made = (SOURCES[params.source], filter_clips, download, extract, count_spikes)
    return code_digest([*made, write_backgrounds])


def _make(params: Params, task: str, folders: Folders, data: Data) -> None:
    """Choose the clips, obtain their sound, and compute their features, as the data stages do."""
    store, section = Store(params.store), params.task_params(task)
    source = SOURCES[params.source](
        params.source_params, Ontology.load(folders.ontology), store.root / "sources"
    )
    chosen = filter_clips(source.listing(), source.ontology, params.filter, params.seed)
    chosen.write(data.clips)
    clips = schema.read_table(data.clips / "clips.parquet", schema.CLIPS)
    if isinstance(source, SpikeTrains):
        write_spike_status(clips, data.audio)
        count_spikes(source, clips, params.features, data.features, section.folds)
        return
    status = download(
        clips,
        source.locate,
        params.download,
        store,
        data.audio,
        scheduler=params.scheduler,
        seed=params.seed,
    )
    extract(
        data.audio,
        clips,
        status,
        params.features,
        store,
        data.features,
        section.folds,
        scheduler=params.scheduler,
    )
    if task == "detection":
        write_backgrounds(
            params.tasks.detection,
            params.sources.scenes,
            Path(params.robustness.noises.background),
            store,
            folders.ontology,
            data.features,
            params.seed,
        )
