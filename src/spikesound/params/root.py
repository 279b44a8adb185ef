"""The whole of params.yaml: reading it, and checking what no section can check alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.params.base import Entries, Positive, Section, parsed, read_sections
from spikesound.params.costs import CostParams
from spikesound.params.data import DownloadParams, FeatureParams, FilterParams
from spikesound.params.device import DeviceParams
from spikesound.params.encodings import ENCODING_PARAMS, EncodingParams
from spikesound.params.evaluation import EvaluateParams, TimingParams
from spikesound.params.method_kinds import METHOD_PARAMS
from spikesound.params.methods import MethodParams
from spikesound.params.models import ModelParams
from spikesound.params.networks import NETWORK_PARAMS, NetworkParams
from spikesound.params.neurons import NEURON_PARAMS, NeuronParams
from spikesound.params.recipes import RecipeParams
from spikesound.params.robustness import RobustnessParams
from spikesound.params.sources import SourceParams, Sources
from spikesound.params.table import Model, models_of
from spikesound.params.tasks import ClassificationParams, DetectionParams, TaskName, Tasks

Scheduler = Annotated[str, Field(pattern=r"^(tcp|tls|ucx|ws|wss)://")]

ENTRIES: dict[str, Any] = {
    "encodings": ENCODING_PARAMS,
    "neurons": NEURON_PARAMS,
    "networks": NETWORK_PARAMS,
    "methods": METHOD_PARAMS,
}
"""Sections whose entries are named by the user, with the parameter class of each kind."""

NOT_STREAMED = {
    "cochlea": "a cochlea's neurons go on through the clip",
    "mel_windows": "frames of mel_windows are resized over the clip",
}
"""Kinds of features that are not of single frames, and why."""


class Params(Section):
    """The whole of params.yaml."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    task: TaskName = Field(description="Task whose result `dvc repro` makes.")
    source: str = Field(description="Source of the clips of classification: one of `sources`.")
    encoding: str = Field(description="Encoding of spiking classifiers' input: of `encodings`.")
    seed: Annotated[int, Field(ge=0)] = Field(description="Every random draw derives from it.")
    store: str = Field(
        description="Where downloads, features and finished trainings are kept between runs: a "
        "path or an fsspec address."
    )
    scheduler: Scheduler | None = Field(
        description="tcp://host:port of a Dask cluster; null: this machine."
    )
    device: DeviceParams
    tasks: Tasks
    models: dict[str, ModelParams]
    sources: Sources
    filter: FilterParams
    download: DownloadParams
    features: FeatureParams
    encodings: Entries[EncodingParams]
    neurons: Entries[NeuronParams]
    networks: Entries[NetworkParams]
    methods: Entries[MethodParams]
    recipes: dict[str, RecipeParams]
    evaluate: EvaluateParams
    latency: TimingParams
    robustness: RobustnessParams
    costs: CostParams

    @classmethod
    def load(cls, path: Path) -> Params:
        """Read and check the whole file.

        Raises
        ------
        SpikesoundError
            One line naming the file, the key, what is wrong with it and the valid choices.
        """
        content = read_sections(path)
        try:
            return cls.of(content)
        except SpikesoundError as error:
            raise SpikesoundError(f"{path}: {error}") from error

    @classmethod
    def of(cls, content: dict[str, Any]) -> Params:
        """Check the content of a file; raises as :meth:`load`, without its name."""
        entries = {
            name: Entries(name, registry, content[name])
            for name, registry in ENTRIES.items()
            if name in content
        }
        params = parsed(cls, {**content, **entries}, ())
        for key, names, valid in params._choices():
            for name in names:
                if name not in valid:
                    raise unknown(key, name, valid)
        params.table()
        return params

    def _choices(self) -> Iterable[tuple[str, list[str], Collection[str]]]:
        yield "source", [self.source], Sources.model_fields
        strong = [name for name, source in self.sources if source.strong_labels]
        yield (
            "source of strong labels in tasks.detection.source",
            [self.tasks.detection.source],
            strong,
        )
        yield "encoding", [self.encoding], self.encodings
        yield "costs.profile", [self.costs.profile], self.costs.profiles
        yield "costs.front_end", [self.costs.front_end], self.costs.profiles
        yield "model in costs.zero_skipping", self.costs.zero_skipping, self.models

    def table(self) -> dict[str, Model]:
        """Return the models by name, each with the parameters that its row names.

        Raises
        ------
        SpikesoundError
            If a row names what is not there, or parts that do not go together.
        """
        return models_of(self)

    def model(self, name: str) -> Model:
        """Return one model of the table.

        Raises
        ------
        SpikesoundError
            If there is no such row; the message lists the rows.
        """
        table = self.table()
        if name not in table:
            raise unknown("model", name, table)
        return table[name]

    def of_task(self, task: str) -> Params:
        """Return the parameters of the data stages for a task: its source is `source`.

        Sound for detection is kept at the rate of its features.

        Raises
        ------
        SpikesoundError
            If a parameter of a shared section does not go with the task.
        """
        if task == "classification":
            return self
        chosen, cleaning = self.tasks.detection, self.features.cleaning
        if cleaning.remove_dc or cleaning.trim_db is not None or cleaning.loudness_lufs is not None:
            raise SpikesoundError(
                "features.cleaning: detection takes sound as it is, with its times: remove_dc, "
                "trim_db and loudness_lufs must be off"
            )
        if "yamnet_mel" in self.features.kinds:
            raise SpikesoundError(
                "features.kinds: frames of yamnet_mel are not centred; detection needs kinds whose "
                "frames are"
            )
        for kind, reason in NOT_STREAMED.items():
            if kind in self.features.kinds:
                raise SpikesoundError(
                    f"features.kinds: {reason}; detection runs on streams, and needs kinds of "
                    "single frames"
                )
        if self.filter.expand:
            raise SpikesoundError("filter.expand: ancestors have no events; detection needs false")
        return self.model_copy(
            update={
                "source": chosen.source,
                "download": self.download.model_copy(update={"rate_hz": self.features.rate_hz}),
            }
        )

    def task_params(self, task: str) -> ClassificationParams | DetectionParams:
        """Return a task's own section."""
        if task not in Tasks.model_fields:
            raise unknown("task", task, Tasks.model_fields)
        section: ClassificationParams | DetectionParams = getattr(self.tasks, task)
        return section

    @property
    def source_params(self) -> SourceParams:
        """Parameters of the source."""
        section: SourceParams = getattr(self.sources, self.source)
        return section


__all__ = ["Params", "Positive", "Scheduler"]
