"""Experiments: tables of settings, each a model of the table with other values of parameters."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from spikesound.core.errors import SpikesoundError, choose, unknown
from spikesound.params.base import (
    Count,
    Distinct,
    Positive,
    Section,
    Share,
    parsed,
    read_sections,
)
from spikesound.params.root import Params
from spikesound.params.table import Model

Changes = dict[str, Any]
"""Values by dotted keys of params.yaml; a mapping changes the keys that it has."""


class TrainingNoise(Section):
    """Noise that a model is trained in: each clip as it is, and once more in one of the noises."""

    noises: Annotated[
        list[Literal["white", "pink", "babble", "background"]], Field(min_length=1), Distinct
    ] = Field(description="Kinds of noise.")
    snr_db: Annotated[list[float], Field(min_length=1)] = Field(
        description="Signal-to-noise ratios, dB."
    )


class TimesParams(Section):
    """Probe of temporal coding: spikes at other times, as many of each neuron."""

    jitter: list[Count] = Field(description="Time steps by which spikes move at most.")
    draws: Count = Field(description="Draws of other times, averaged.")


class NewSoundParams(Section):
    """Probe of learning after training: classes that the networks were not trained on."""

    rules: Annotated[
        list[Literal["delta", "prototypes", "fine_tuned", "rehearsed"]],
        Field(min_length=1),
        Distinct,
    ] = Field(description="Rules by which a new class is learnt.")
    recordings: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Numbers of recordings that it is learnt from."
    )
    draws: Count = Field(description="Draws of recordings, averaged.")
    steps: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Steps of fine-tuning, chosen among on validation clips."
    )
    learning_rates: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="Learning rates of fine-tuning, chosen among likewise."
    )


class BestTestEpochParams(Section):
    """Probe of a convention of papers, which overstates: the best epoch by the test fold."""

    crops: Count = Field(
        description="Windows of each clip, padded by half its length on both sides, whose "
        "probabilities are averaged."
    )
    epochs: Count = Field(description="Last epochs of the training that are scored.")


ConditionName = Literal[
    "white",
    "pink",
    "babble",
    "background",
    "reverberation",
    "gain",
    "low_pass",
    "high_pass",
    "codec",
    "dropped_frames",
    "weight_noise",
    "stuck_silent",
    "stuck_firing",
    "dropped_spikes",
    "weight_bits",
]
"""Conditions of the sound and faults of the hardware, as in robustness.csv."""


class RobustnessProbeParams(Section):
    """Probe of robustness: accuracy on disturbed sound and with faults of the hardware."""

    levels: Annotated[
        dict[ConditionName, Annotated[list[float], Field(min_length=1)]], Field(min_length=1)
    ] = Field(
        description="Levels of each condition or fault; of the sound those that the stage "
        "`disturb` prepares."
    )
    draws: Count = Field(description="Draws of each fault that is drawn, averaged.")


LATER = ("ties", "robustness")
"""Probes that are left out of the text of :class:`ProbeParams` where they are not chosen: rows
that were computed before there were such keep their digests."""


class ProbeParams(Section):
    """What is measured of a setting's networks besides accuracy and energy."""

    times: TimesParams | None = Field(None, description="Temporal coding; null: not measured.")
    exits: list[Share] = Field(
        [], description="Confidences at which a network stops before its last time step."
    )
    new_sounds: NewSoundParams | None = Field(
        None, description="Learning of new classes; null: not measured."
    )
    validation: bool = Field(
        False, description="Accuracy and loss on the validation clips, by which is chosen."
    )

    best_test_epoch: BestTestEpochParams | None = Field(
        None,
        description="Accuracy at the best epoch by the test fold, of one more training: it "
        "overstates, and serves to compare with papers that count so; null: not measured.",
    )
    ties: bool = Field(
        False,
        description="Accuracy where a clip is right if its class is among several with the highest "
        "score: it overstates, and serves to compare with papers that count so.",
    )
    robustness: RobustnessProbeParams | None = Field(
        None, description="Noise and hardware faults; null: not measured."
    )

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        return {name: each for name, each in content.items() if each or name not in LATER}

    def chosen(self) -> list[str]:
        """Return the names of the probes that are to be measured."""
        return [name for name in type(self).model_fields if getattr(self, name)]


class SettingParams(Section):
    """One row of an experiment: a model, trained and tested with other values of parameters."""

    model: str = Field(description="Row of the table of models.")
    set: Changes = Field({}, description="Values of parameters, by dotted keys of params.yaml.")
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(
        [1], description="Seeds of training; a row of results for each."
    )
    noise: TrainingNoise | None = Field(None, description="Noise to train in; null: none.")
    teachers: Annotated[list[str], Distinct] = Field(
        [],
        description="Settings whose networks, of all their seeds, teach this one as the `teacher` "
        "of its recipe says; they may have other features.",
    )
    probes: ProbeParams = Field(
        default_factory=lambda: ProbeParams.model_validate({}),
        description="What is measured besides.",
    )


class ComparisonParams(Section):
    """What is compared when all rows are there; names are those of settings."""

    against: str = Field(description="Conventional setting that each spiking one is tested with.")
    equal_energy: list[str] = Field(
        description="Conventional settings, of which each spiking one is tested with the cheapest "
        "that needs no less energy than it does."
    )
    noise: list[str] = Field(description="Settings that are tested in noise.")
    rate_of: str = Field(description="Spiking setting whose firing rates are varied for `share`.")
    share: Share = Field(
        description="Share of the energy of `against` for which the firing rate is looked for."
    )
    rate_steps: list[Count] = Field(description="Numbers of time steps of `rate_of`.")


class ExperimentParams(Section):
    """A table of settings, and what is compared between them."""

    set: Changes = Field({}, description="Values of parameters in all settings.")
    settings: Annotated[dict[str, SettingParams], Field(min_length=1)] = Field(
        description="Rows of the experiment."
    )
    compare: ComparisonParams | None = Field(None, description="Comparisons; null: none.")

    @model_validator(mode="after")
    def _known(self) -> ExperimentParams:
        untaught = [name for name, each in self.settings.items() if not each.teachers]
        for name, each in self.settings.items():
            for teacher in each.teachers:
                if teacher not in untaught:
                    what = f"setting without teachers, in teachers of {name!r},"
                    raise ValueError(str(unknown(what, teacher, untaught)))
        if self.compare is not None:
            named = [self.compare.against, self.compare.rate_of]
            for name in (*named, *self.compare.equal_energy, *self.compare.noise):
                if name not in self.settings:
                    raise ValueError(str(unknown("setting in compare", name, self.settings)))
        return self


def load_experiment(path: Path, name: str) -> ExperimentParams:
    """Read one experiment of a file of experiments.

    Raises
    ------
    SpikesoundError
        If there is no such file or experiment, or one of its keys is wrong; names the file.
    """
    content = read_sections(path)
    try:
        return parsed(ExperimentParams, choose(content, name, "experiment"), (name,))
    except SpikesoundError as error:
        raise SpikesoundError(f"{path}: {error}") from error


def params_of(
    content: dict[str, Any], name: str, experiment: ExperimentParams
) -> dict[str, Params]:
    """Return the parameters of each setting of an experiment.

    Parameters
    ----------
    content : of params.yaml
    name : of the experiment, for messages

    Raises
    ------
    SpikesoundError
        If a changed key or value is wrong, or a setting's model is not in the table; names the
        experiment and the setting.
    """
    found = {}
    for setting, row in experiment.settings.items():
        try:
            params = Params.of(changed(changed(content, experiment.set), row.set))
            _check_teachers(params.model(row.model), row)
        except SpikesoundError as error:
            raise SpikesoundError(f"experiment {name}, setting {setting!r}: {error}") from error
        found[setting] = params
    return found


def _check_teachers(model: Model, row: SettingParams) -> None:
    """Check that teachers are named where, and only where, the model's recipe has a teacher."""
    recipe = f"recipes.{model.row.recipe}.teacher"
    if model.recipe.teacher is None and row.teachers:
        raise SpikesoundError(f"teachers: {recipe} is null; set its temperature and weight")
    if model.recipe.teacher is not None and not (row.teachers or model.teachers):
        raise SpikesoundError(f"{recipe}: no teacher is named: set teachers, or {recipe}.models")


def changed(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of the content of params.yaml with other values at dotted keys.

    Raises
    ------
    SpikesoundError
        If a key leads through what is no section.
    """
    result = copy.deepcopy(content)
    for key, value in changes.items():
        section: Any = result
        *parents, last = key.split(".")
        for depth, part in enumerate(parents):
            where = ".".join(parents[:depth])
            section = choose(section, part, f"key of {where}" if where else "section")
            if not isinstance(section, dict):
                raise SpikesoundError(f"{'.'.join(parents[: depth + 1])}: not a section")
        _change(section, last, value)
    return result


def _change(section: dict[str, Any], key: str, value: Any) -> None:
    if isinstance(value, dict) and isinstance(section.get(key), dict):
        for name, inner in value.items():
            _change(section[key], name, inner)
    else:
        section[key] = copy.deepcopy(value)
