"""Section on robustness: noises, what is done to the sound, what fails in the hardware."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spikesound.params.base import Count, Positive, Section, Share

Levels = Field(max_length=20)


class NoiseParams(Section):
    """Folders of recordings."""

    babble: str  # one talker a file
    background: str


class SoundParams(Section):
    """Levels of what is done to the sound; an empty list leaves a condition out."""

    snr_db: Annotated[list[float], Levels]  # of each of the four noises
    talkers: Count  # at once, in babble
    reverberation_s: Annotated[list[Positive], Levels]  # RT60
    gain_db: Annotated[list[float], Levels]
    low_pass_hz: Annotated[list[Positive], Levels]
    high_pass_hz: Annotated[list[Positive], Levels]
    codec_kbit_s: Annotated[list[Annotated[float, Field(ge=6, le=256)]], Levels]  # of Opus
    dropped_frames: Annotated[list[Share], Levels]  # share of packets of 20 ms


class FaultParams(Section):
    """Levels of hardware faults; an empty list leaves a fault out."""

    draws: Count  # over which each fault is averaged
    weight_noise: Annotated[list[Positive], Levels]  # share of a layer's deviation
    stuck_silent: Annotated[list[Share], Levels]
    stuck_firing: Annotated[list[Share], Levels]
    dropped_spikes: Annotated[list[Share], Levels]
    weight_bits: Annotated[list[Literal[4, 8]], Levels]


class RobustnessParams(Section):
    noises: NoiseParams
    sound: SoundParams
    faults: FaultParams
