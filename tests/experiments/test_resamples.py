"""Differences of detectors over seeds, on the same resamples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.experiments.resamples import difference, read, written


def row(setting: str, psds1: float, resamples: list[float], clips: int = 7) -> dict[str, Any]:
    drawn = written(np.array(resamples))
    return {
        "setting": setting, "psds1": psds1, "psds1_resamples": drawn, "clips": clips, "events": 9,
    }  # fmt: skip


def test_what_is_written_is_read() -> None:
    values = np.array([0.25, 0.0, 0.12345, np.nan])
    np.testing.assert_allclose(read(written(values)), [0.25, 0.0, 0.1235, np.nan], atol=1e-4)


def test_a_difference_is_of_means_over_seeds_resample_by_resample() -> None:
    ours = [row("spiking", 0.5, [0.4, 0.6, 0.5]), row("spiking", 0.3, [0.2, 0.4, 0.3])]
    theirs = [row("conventional", 0.2, [0.1, 0.1, 0.4])]
    value, low, high = difference(ours, theirs, "psds1", 0.95)
    assert value == pytest.approx(0.2)
    # Of each resample .3 - .1, .5 - .1, .4 - .4: 2.5 and 97.5 % of these, interpolated.
    assert (low, high) == pytest.approx((0.01, 0.39))
    back = difference(theirs, ours, "psds1", 0.95)
    assert back == pytest.approx((-value, -high, -low))


def test_rows_of_other_clips_or_resamples_are_refused() -> None:
    one = row("spiking", 0.5, [0.4, 0.6])
    for other in (row("twin", 0.5, [0.4, 0.6, 0.5]), row("twin", 0.5, [0.4, 0.6], clips=8)):
        with pytest.raises(SpikesoundError, match="'spiking' and 'twin': expected the same clips"):
            difference([one], [other], "psds1", 0.95)
