"""Sound of made lists: what a mirror serves holds both recordings where the list says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from project import ROOT

sys.path.append(str(ROOT / "benchmarks/scale"))
from made_list import CLIP_S, Mix, Original, Part
from mixed_sounds import AFTER_S, RATE_HZ, span_of, write_mix

from spikesound.core.errors import SpikesoundError


def tone(folder: Path, name: str, hz: float, first_s: float, last_s: float) -> Original:
    """Write five seconds that sound from one time to another."""
    times = np.arange(5 * RATE_HZ) / RATE_HZ
    sounding = (times >= first_s) & (times < last_s)
    samples = 0.1 * np.sin(2 * np.pi * hz * times) * sounding
    soundfile.write(folder / f"{name}.ogg", samples, RATE_HZ)
    return Original(name, f"/m/{name}", "1")


def level(samples: np.ndarray, at_s: float, hz: float) -> float:
    """Return the amplitude of a frequency in half a second of sound."""
    cut = samples[round(at_s * RATE_HZ) : round((at_s + 0.5) * RATE_HZ)]
    wave = np.exp(-2j * np.pi * hz * np.arange(len(cut)) / RATE_HZ)
    return float(2 * abs((cut * wave).mean()))


def test_a_mix_has_both_recordings_at_their_times_and_levels(tmp_path: Path) -> None:
    low = tone(tmp_path, "low", 500.0, 1.0, 3.0)
    high = tone(tmp_path, "high", 2000.0, 0.0, 5.0)
    mix = Mix("abcdefghijk", "train", 5.0, (Part(low, 0.0, 0.0), Part(high, 4.0, -6.0)))
    out = tmp_path / "out"
    out.mkdir()
    write_mix(mix, tmp_path, out)
    samples, rate_hz = soundfile.read(out / "abcdefghijk.ogg")
    assert len(samples) / rate_hz == pytest.approx(5.0 + CLIP_S + AFTER_S)
    found = [[level(samples, 5.0 + at_s, hz) for hz in (500.0, 2000.0)] for at_s in (0.2, 1.5, 6.0)]
    assert found == [
        pytest.approx([0.0, 0.0], abs=0.02),
        pytest.approx([0.5, 0.0], abs=0.02),
        pytest.approx([0.0, 0.25], abs=0.02),
    ], "each is scaled to the same peak before its gain"
    assert span_of(tmp_path / "low.ogg") == pytest.approx((1.0, 3.0), abs=0.05)


def test_a_silent_recording_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.ogg", np.zeros(RATE_HZ), RATE_HZ)
    with pytest.raises(SpikesoundError, match=r"none\.ogg: expected sound of one channel"):
        span_of(tmp_path / "none.ogg")
