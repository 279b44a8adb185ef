"""Denoising of spectrograms: noises, networks, and the candidates of the classical methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from spikesound.core.errors import SpikesoundError
from spikesound.params.base import Count, Distinct, Positive, Share, parsed, read_sections
from spikesound.params.experiments import ExperimentParams, TrainingNoise

Shares = Annotated[list[Share], Field(min_length=1)]


class DenoisingParams(ExperimentParams, TrainingNoise):
    """Settings of networks as in an experiment, noises to remove, and candidates to choose among.

    Of a setting `model`, `set` and `seeds` count.
    """

    folds: Annotated[list[str], Field(min_length=1), Distinct] = Field(
        description="Folds of classification that are held out in turn."
    )
    resamples: Count = Field(description="Of the bootstrap over recordings.")
    quantiles: Shares = Field(
        description="Candidates: quantile of a band's power over the clip that its noise is."
    )
    factors: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="Candidates of spectral subtraction: how many times the noise is subtracted."
    )
    smoothing: Shares = Field(
        description="Candidates of the Wiener filter: share of the frame before in the SNR."
    )
    floors_db: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="Candidates: attenuation at most, dB."
    )

    @model_validator(mode="after")
    def _plain(self) -> DenoisingParams:
        for name, each in self.settings.items():
            if each.noise or each.teachers or each.probes.chosen():
                raise ValueError(f"settings.{name}: expected model, set and seeds alone")
        if self.compare is not None:
            raise ValueError("compare: expected null")
        return self


def load_denoising(path: Path) -> DenoisingParams:
    """Read the parameters of denoising.

    Raises
    ------
    SpikesoundError
        If there is no such file, or one of its keys is wrong; names the file.
    """
    try:
        return parsed(DenoisingParams, read_sections(path), ())
    except SpikesoundError as error:
        raise SpikesoundError(f"{path}: {error}") from error
