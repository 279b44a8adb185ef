"""PNG pictures: what matplotlib's own reader makes of them, and the colours they have."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.image import imread

from spikesound.report.png import LEVELS, data_uri, magma, png, tint


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=st.floats(-0.5, 1.5)))
def test_another_reader_sees_the_palette_at_each_value(values: np.ndarray) -> None:
    palette = tint("#d9630f")
    seen = (imread(io.BytesIO(png(values, palette))) * 255).round().astype(np.uint8)
    levels = (np.clip(values, 0, 1) * 255).round().astype(int)
    np.testing.assert_array_equal(seen, palette[levels])


def test_a_tint_goes_from_nothing_to_its_colour() -> None:
    assert tint("#d9630f")[[0, 128, 255]].tolist() == [
        [217, 99, 15, 0],
        [217, 99, 15, 128],
        [217, 99, 15, 255],
    ]


def test_magma_is_matplotlibs_within_a_twentieth() -> None:
    theirs = mpl.colormaps["magma"](np.arange(LEVELS)) * 255
    assert np.abs(magma() - theirs).max() < 255 / 20
    assert np.all(np.diff(magma()[:, :3].astype(int).sum(axis=1)) >= 0), "from dark to light"


def test_the_same_picture_is_the_same_text() -> None:
    values = np.eye(3)
    assert data_uri(values, magma()) == data_uri(values, magma())
    assert data_uri(values, magma()).startswith("data:image/png;base64,iVBORw0KGgo")
