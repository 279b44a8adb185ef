"""Prototypes: the row by hand, its potentials at both prototypes, sounds that a plane divides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesound.inference.learnt.activity import Activity
from spikesound.inference.learnt.check import potential
from spikesound.inference.learnt.prototype import Prototypes, learn


def activity(values: object, active: list[bool] | None = None) -> Activity:
    """Activity of rows without the bias's synapse, which is put behind them."""
    x = np.array(values, np.float32)
    x = np.concatenate([x, np.ones((len(x), 1), np.float32)], 1)
    return Activity(x, np.zeros(len(x), np.float32), np.array(active or [True] * len(x)))


def test_a_row_by_hand() -> None:
    """Others at 0 and 1: mean 1/2, variance 1/4. The sound at 2 is 3/2 from there."""
    row = learn([activity([[2.0]])], [activity([[0.0]]), activity([[1.0]])], Prototypes(1.0, 30.0))
    # s (c - m) / v over (c - m)^2 / v = s / (c - m) = 20, and nothing half way, at 5/4
    assert row == pytest.approx([20.0, -25.0])


def test_what_varies_together_counts_once() -> None:
    """Inputs (x, x + y) with independent x and y: a plain deviation would count x twice."""
    others = [activity([[x, x + y]]) for x in (-1.0, 1.0) for y in (-0.5, 0.5)]
    row = learn([activity([[0.0, 1.0]])], others, Prototypes(0.0, 10.0))
    # the covariance is [[1, 1], [1, 5/4]]; its inverse times (0, 1) is (-4, 4)
    assert row == pytest.approx([-10.0, 10.0, -5.0], rel=1e-5)
    alone = learn([activity([[0.0, 1.0]])], others, Prototypes(1.0, 10.0))
    assert alone == pytest.approx([0.0, 10.0, -5.0], abs=1e-5)


def test_each_recording_counts_alike_and_only_its_active_rows() -> None:
    many = activity([[1.0], [1.0], [1.0], [9.0]], [True, True, True, False])
    one = activity([[3.0]])
    others = [activity([[0.0]] * 7), activity([[-1.0]])]
    row = learn([many, one], others, Prototypes(1.0, 10.0))
    same = learn([activity([[2.0]])], [activity([[0.0]]), activity([[-1.0]])], Prototypes(1.0, 10))
    assert row == pytest.approx(same)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 1.0]))
def test_the_potential_is_half_the_scale_at_the_prototypes(seed: int, shrinkage: float) -> None:
    generator = np.random.default_rng(seed)
    sound = [activity(generator.normal(1.0, 1, (2, 5))) for _ in range(3)]
    others = [activity(generator.normal(0.0, 1, (4, 5))) for _ in range(6)]
    row = learn(sound, others, Prototypes(shrinkage, 12.0))
    centre, mean = (np.mean([each.rows.mean(0) for each in side], 0) for side in (sound, others))
    assert centre @ row == pytest.approx(6.0, abs=1e-3)
    assert mean @ row == pytest.approx(-6.0, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_two_clouds_that_a_plane_divides_are_told_apart(seed: int) -> None:
    generator = np.random.default_rng(seed)
    middle = generator.normal(size=12)
    sound = [activity(generator.normal(4 * middle, 0.5, (3, 12))) for _ in range(3)]
    others = [activity(generator.normal(0.0, 0.5, (3, 12))) for _ in range(5)]
    row = learn(sound, others)
    assert min(potential(each, row, 0) for each in sound) > 0
    assert max(potential(each, row, 0) for each in others) < 0


def test_a_synapse_that_is_always_silent_gets_no_weight() -> None:
    row = learn([activity([[2.0, 0.0]])], [activity([[0.0, 0.0]]), activity([[1.0, 0.0]])])
    assert row[1] == 0
    assert np.isfinite(row).all()


def test_a_sound_like_all_others_gets_a_finite_row() -> None:
    same = activity([[1.0, 2.0]])
    assert np.isfinite(learn([same], [same])).all()
    assert np.isfinite(learn([same], [same, activity([[1.5, 2.0]])])).all()
