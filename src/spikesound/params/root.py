"""The whole of params.yaml: reading it, and saying in one line what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.params.base import Distinct, Section
from spikesound.params.costs import CostParams
from spikesound.params.data import DownloadParams, FeatureParams, FilterParams, Sources
from spikesound.params.detection import DetectionParams
from spikesound.params.encodings import Encodings
from spikesound.params.neurons import Neurons
from spikesound.params.robustness import RobustnessParams
from spikesound.params.training import (
    EvaluateParams,
    Methods,
    Models,
    Networks,
    TimingParams,
    TrainParams,
    TrainSNNParams,
    VariantParams,
)

Scheduler = Annotated[str, Field(pattern=r"^(tcp|tls|ucx|ws|wss)://")]


Task = Literal["classification", "detection"]


class Params(Section):
    """The whole of params.yaml."""

    task: Task
    source: str
    encoding: str
    folds: Annotated[list[str], Field(min_length=1), Distinct]  # each held out in turn
    seed: Annotated[int, Field(ge=0)]
    store: str  # where clips and features are kept between runs: a path or an fsspec address
    scheduler: Scheduler | None  # tcp://host:port of a Dask cluster; null: this machine
    models: Models
    sources: Sources
    filter: FilterParams
    download: DownloadParams
    features: FeatureParams
    encodings: Encodings
    neurons: Neurons
    networks: Networks
    methods: Methods
    variants: dict[str, VariantParams]  # by names of your own
    train_ann: TrainParams
    train_snn: TrainSNNParams
    evaluate: EvaluateParams
    latency: TimingParams
    robustness: RobustnessParams
    costs: CostParams
    detection: DetectionParams

    @classmethod
    def load(cls, path: Path) -> Params:
        """Read and check the whole file.

        Raises
        ------
        SpikesoundError
            One line naming the file, the key, what is wrong with it and the valid choices.
        """
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise SpikesoundError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
        if not isinstance(content, dict):
            raise SpikesoundError(f"{path}: not a mapping of sections")
        try:
            params = cls.model_validate(content)
        except ValidationError as error:
            raise SpikesoundError(f"{path}: {_explain(error)}") from error
        for key, names, valid in params._choices():
            for name in names:
                if name not in valid:
                    raise SpikesoundError(f"{path}: {unknown(key, name, valid)}")
        return params

    def _choices(self) -> Iterable[tuple[str, list[str], Collection[str]]]:
        spiking = [
            name
            for name, field in Networks.model_fields.items()
            if getattr(field.annotation, "spiking", False)
        ]
        yield "source", [self.source], Sources.model_fields
        yield "detection.source", [self.detection.source], Sources.model_fields
        yield "encoding", [self.encoding], Encodings.model_fields
        yield "network in models.ann", self.models.ann, Networks.model_fields
        yield "spiking network in models.snn", self.models.snn, spiking
        yield "method in models.methods", self.models.methods, Methods.model_fields
        yield "variant in models.variants", self.models.variants, self.variants
        if self.models.variants:  # they start from the trained twin
            yield (
                "twin, for models.variants, of models.snn in models.ann:",
                self.models.snn,
                (self.models.ann),
            )
        yield "costs.profile", [self.costs.profile], self.costs.profiles
        yield "variant in costs.zero_skipping", self.costs.zero_skipping, self.variants
        yield "train_snn.neuron", [self.train_snn.neuron], Neurons.model_fields

    def of_task(self, task: Task) -> Params:
        """Return what the stages that both tasks share work by: source and folds are the task's.

        Sound for detection is kept at the rate of its features.

        Raises
        ------
        SpikesoundError
            If a parameter of a shared section is none that detection can do with.
        """
        if task == "classification":
            return self
        chosen, cleaning = self.detection, self.features.cleaning
        if cleaning.remove_dc or cleaning.trim_db is not None or cleaning.loudness_lufs is not None:
            raise SpikesoundError(
                "features.cleaning: detection hears sound as it comes, with its times: remove_dc, "
                "trim_db and loudness_lufs must be off"
            )
        if self.filter.expand:
            raise SpikesoundError("filter.expand: ancestors have no events; detection needs false")
        return self.model_copy(
            update={
                "source": chosen.source,
                "folds": [chosen.test_fold],
                "download": self.download.model_copy(update={"rate_hz": self.features.rate_hz}),
            }
        )

    @property
    def source_params(self) -> Section:
        section: Section = getattr(self.sources, self.source)
        return section


def _keys(path: Sequence[int | str]) -> list[str]:
    """Return the keys of the section that a path of keys leads to, as far as it has such."""
    section: Any = Params
    for part in path:
        field = section.model_fields.get(str(part)) if hasattr(section, "model_fields") else None
        section = section if field is None else field.annotation
    return list(section.model_fields) if hasattr(section, "model_fields") else ["url", "hash"]


def _explain(error: ValidationError) -> str:
    """Turn pydantic's report into one line: the key, the complaint, the valid keys if unknown."""
    # An unknown key comes first: where one is misspelt, the right one is missing as well.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *parents, name = first["loc"]
        where = f"key of {'.'.join(map(str, parents))}" if parents else "section"
        line = str(unknown(where, name, _keys(parents)))
    elif first["type"] == "missing":
        line = f"{key}: missing"
    else:
        line = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
        if first["type"] == "value_error":
            line = f"{key}: {first['msg'].removeprefix('Value error, ')}"
    more = len(problems) - 1
    return line + (f" (and {more} more)" if more else "")
