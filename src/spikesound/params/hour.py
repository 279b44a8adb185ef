"""The streaming hour: how often sounds occur, gates before detectors, and their battery cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from spikesound.core.errors import SpikesoundError
from spikesound.params.base import Count, Positive, Section, Share, parsed, read_sections

Levels = Annotated[list[Positive], Field(min_length=1)]


class EnergyGateParams(Section):
    """Gate by the level of each frame above a floor that follows the quietest frames."""

    thresholds_db: Levels = Field(
        description="Candidates: dB above the floor at which a frame's level opens the gate."
    )
    rise_db_per_s: Positive = Field(
        description="How fast the floor rises while no frame is below it, dB/s."
    )


class NetworkGateParams(Section):
    """Gate by a small network that runs all the time and wakes a larger one."""

    model: str = Field(description="Detector that runs all the time, of the table of models.")
    wakes: str = Field(description="Detector that it wakes.")
    thresholds: Annotated[list[Share], Field(min_length=1)] = Field(
        description="Candidates: the gate opens where the probability of any class reaches this."
    )


class CellParams(Section):
    """A primary cell, and what it supplies beside the detector."""

    name: str = Field(description="Size of the cell.")
    capacity_mah: Positive = Field(description="Nominal capacity, mAh.")
    volts: Positive = Field(description="Nominal voltage, V.")
    self_discharge: Share = Field(description="Share of the capacity that is lost in a year.")
    efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Share of the cell's energy that reaches the circuit (voltage converter)."
    )
    other_uw: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)] = Field(
        description="Power of all else in the device (microphone, converter, radio), uW: a column "
        "of days for each."
    )
    source: str = Field(description="Publication that the cell's figures are taken from.")


class HourParams(Section):
    """Hours of sound with a given share of events, and the detectors that run on them."""

    shares: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = Field(
        description="Shares of the time in which a sound event sounds."
    )
    hours: Annotated[list[Count], Field(min_length=1)] = Field(
        description="Number of hours of each share: rare events need more of them."
    )
    validation_share: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Share of events in the hours of the validation fold, on which gates are tuned."
    )
    validation_hours: Count = Field(description="Number of those hours.")
    minute_s: Positive = Field(
        description="Length of a stretch with one background, s; the detectors begin at rest in "
        "each, and no event goes beyond it."
    )
    conventional: str = Field(description="Conventional detector, of the table of models.")
    spiking: str = Field(description="Spiking detector, its twin.")
    weight_bits: Count = Field(description="Of the quantised networks' weights.")
    activation_bits: Count = Field(description="Of the quantised conventional network's outputs.")
    hold_s: Levels = Field(
        description="Candidates: how long a gate stays open after the last frame that opens it, s."
    )
    before_s: Annotated[float, Field(ge=0)] = Field(
        description="Sound before the opening that is kept for the detector to start on, s."
    )
    largest_loss: Annotated[float, Field(ge=0)] = Field(
        description="Of the gates that lose no more of PSDS 1 on validation, the one that is open "
        "least is taken."
    )
    energy_gate: EnergyGateParams = Field(description="Gate by level.")
    network_gate: NetworkGateParams = Field(description="Gate by a spiking network.")
    resamples: Count = Field(description="Of the bootstrap over minutes.")
    cell: CellParams = Field(description="Supply.")

    @model_validator(mode="after")
    def _match(self) -> Self:
        if len(self.shares) != len(self.hours):
            raise ValueError(f"{len(self.hours)} values of hours for {len(self.shares)} shares")
        return self


def load_hour(path: Path) -> HourParams:
    """Read the parameters of the hour.

    Raises
    ------
    SpikesoundError
        If there is no such file, or one of its keys is wrong; names the file.
    """
    content = read_sections(path)
    try:
        return parsed(HourParams, content, ())
    except SpikesoundError as error:
        raise SpikesoundError(f"{path}: {error}") from error
