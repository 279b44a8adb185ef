"""Section ``robustness``: noises, conditions of the sound, hardware faults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spikesound.params.base import Count, Positive, Section, Share

Levels = Field(max_length=20)


class NoiseParams(Section):
    """Folders of noise recordings; your own may be used."""

    babble: str = Field(description="Folder of speech recordings, one talker per file.")
    background: str = Field(description="Folder of recordings of background noise.")


class SoundParams(Section):
    """Levels of each condition of the sound; an empty list omits the condition."""

    snr_db: Annotated[list[float], Levels] = Field(
        description="Signal-to-noise ratios of white, pink, babble and background noise, dB."
    )
    talkers: Count = Field(description="Number of simultaneous talkers in babble noise.")
    reverberation_s: Annotated[list[Positive], Levels] = Field(
        description="Reverberation times RT60, s."
    )
    gain_db: Annotated[list[float], Levels] = Field(description="Gains, dB.")
    low_pass_hz: Annotated[list[Positive], Levels] = Field(
        description="Cut-off frequencies of the low-pass filter, Hz."
    )
    high_pass_hz: Annotated[list[Positive], Levels] = Field(
        description="Cut-off frequencies of the high-pass filter, Hz."
    )
    codec_kbit_s: Annotated[list[Annotated[float, Field(ge=6, le=256)]], Levels] = Field(
        description="Bit rates of the Opus codec, kbit/s."
    )
    dropped_frames: Annotated[list[Share], Levels] = Field(
        description="Shares of lost packets of 20 ms."
    )


class FaultParams(Section):
    """Levels of each hardware fault; an empty list omits the fault."""

    draws: Count = Field(description="Number of random draws over which a fault is averaged.")
    weight_noise: Annotated[list[Positive], Levels] = Field(
        description="Standard deviations of Gaussian weight noise, relative to that of the "
        "layer's weights."
    )
    stuck_silent: Annotated[list[Share], Levels] = Field(
        description="Shares of neurons stuck at silence."
    )
    stuck_firing: Annotated[list[Share], Levels] = Field(
        description="Shares of neurons stuck at firing in every time step."
    )
    dropped_spikes: Annotated[list[Share], Levels] = Field(
        description="Shares of spikes that are lost."
    )
    weight_bits: Annotated[list[Literal[4, 8]], Levels] = Field(
        description="Widths of weights quantised after training, bits."
    )


class RobustnessParams(Section):
    """Conditions under which trained models are tested."""

    noises: NoiseParams = Field(description="Folders of noise recordings.")
    sound: SoundParams = Field(description="Levels of the conditions of the sound.")
    faults: FaultParams = Field(description="Levels of the hardware faults.")
    detection_clips: Count = Field(
        description="Detection: clips of each held-out fold that are disturbed and tested, at "
        "most, evenly spaced."
    )
