"""Conditions under which models are tested: names, levels and units, in the order of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from spikesound.core.errors import SpikesoundError
from spikesound.params.robustness import FaultParams, SoundParams

CLEAN = "clean"
NOISY = ("white", "pink", "babble", "background")
CODEC = "codec"

# Names and not the registries, which would bring in all that networks need; a test compares them.
UNITS = {
    CLEAN: "",
    **dict.fromkeys(NOISY, "dB"),
    "reverberation": "s",
    "gain": "dB",
    "low_pass": "Hz",
    "high_pass": "Hz",
    CODEC: "kbit/s",
    "dropped_frames": "share",
    "weight_noise": "share",
    "stuck_silent": "share",
    "stuck_firing": "share",
    "dropped_spikes": "share",
    "weight_bits": "bits",
}
"""Of each condition's level."""

DRAWN = ("weight_noise", "stuck_silent", "stuck_firing", "dropped_spikes")
"""Faults that depend on random draws."""

FAULT_NAMES = (*DRAWN, "weight_bits")

SOUND = tuple(name for name in UNITS if name not in FAULT_NAMES)
"""Conditions of the sound, the undisturbed one among them."""


@dataclass(frozen=True)
class Condition:
    """One disturbance of the sound, or fault of the network, at one level."""

    name: str
    level: float

    @property
    def unit(self) -> str:
        return UNITS[self.name]

    @property
    def file(self) -> str:
        """Name of the file that holds its features."""
        return f"{self.name}_{self.level:g}.npy"


UNDISTURBED = Condition(CLEAN, 0.0)


def sound_conditions(params: SoundParams, rate_hz: int) -> list[Condition]:
    """Return the conditions of the sound.

    Raises
    ------
    SpikesoundError
        If a level comes twice, or a band's limit is not below half the sampling rate.
    """
    levels = dict.fromkeys(NOISY, params.snr_db) | {
        "reverberation": params.reverberation_s,
        "gain": params.gain_db,
        "low_pass": params.low_pass_hz,
        "high_pass": params.high_pass_hz,
        CODEC: params.codec_kbit_s,
        "dropped_frames": params.dropped_frames,
    }
    for name in ("low_pass", "high_pass"):
        for cutoff_hz in levels[name]:
            if cutoff_hz >= rate_hz / 2:
                raise SpikesoundError(
                    f"robustness.sound.{name}_hz: {cutoff_hz:g} is not below half of "
                    f"features.rate_hz, {rate_hz / 2:g}"
                )
    return _listed(levels)


def fault_conditions(params: FaultParams) -> list[Condition]:
    """Return the faults of the hardware.

    Raises
    ------
    SpikesoundError
        If a level comes twice.
    """
    names = [name for name in type(params).model_fields if name in UNITS]
    return _listed({name: [float(level) for level in getattr(params, name)] for name in names})


def _listed(levels: dict[str, list[float]]) -> list[Condition]:
    for name, values in levels.items():
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise SpikesoundError(f"robustness: duplicate level {twice[0]:g} of {name}")
    return [Condition(name, level) for name, values in levels.items() for level in values]
