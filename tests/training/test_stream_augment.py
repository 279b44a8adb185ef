"""Augmentation of streamed clips: the same in any batch, and what each kind does."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from toy_clips import ALL_AUGMENT, NO_AUGMENT

from spikesound.params import WarpParams
from spikesound.training.stream.augment import augment, warped
from spikesound.training.stream.draws import Draws


def draws(count: int, epoch: int = 1) -> Draws:
    return Draws(1, epoch, np.arange(count, dtype=np.int64) * 31 + 7)


def values(count: int, *, spikes: bool = False) -> torch.Tensor:
    x = torch.rand(count, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    return (x < 0.4).float() if spikes else x


def digest(x: torch.Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("spikes", [False, True])
def test_a_clip_is_augmented_alike_in_any_batch(spikes: bool) -> None:
    x, every = values(64, spikes=spikes), draws(64)
    whole = augment(x, ALL_AUGMENT, every, spikes=spikes, neurons_per_bin=2)
    assert whole.shape == x.shape
    assert ((whole >= 0) & (whole <= 1)).all()
    if spikes:
        assert set(whole.unique().tolist()) == {0.0, 1.0}
    assert len({digest(each) for each in whole}) == 64
    for size in (1, 7, 16):
        for start in range(0, 64 - size, size):
            rows = slice(start, start + size)
            part = Draws(1, 1, np.arange(64, dtype=np.int64)[rows] * 31 + 7)
            alone = augment(x[rows], ALL_AUGMENT, part, spikes=spikes, neurons_per_bin=2)
            assert digest(alone) == digest(whole[rows])


def test_no_augmentation_changes_nothing() -> None:
    x = values(5)
    assert torch.equal(augment(x, NO_AUGMENT, draws(5), spikes=False), x)


def test_roll_is_circular_and_shift_is_not() -> None:
    x = values(40)
    rolled = augment(x, NO_AUGMENT.model_copy(update={"roll": True}), draws(40), spikes=False)
    shifts = [
        next(k for k in range(9) if torch.equal(torch.roll(before, k, 1), after))
        for before, after in zip(x, rolled, strict=True)
    ]
    assert set(shifts) == set(range(9))
    ones = torch.ones(200, 1, 4, 3)
    changed = NO_AUGMENT.model_copy(update={"shift_bins": 2})
    moved = augment(ones, changed, draws(200), spikes=False)
    assert set(moved.flatten(1).sum(1).tolist()) == {12.0, 8.0, 4.0}, "by 0, 1 or 2 bins"
    narrow = NO_AUGMENT.model_copy(update={"shift_bins": 9})
    assert augment(ones, narrow, draws(200), spikes=False).flatten(1).sum(1).min() >= 4


def test_masks_are_spans_of_at_most_their_share() -> None:
    ones = torch.ones(300, 1, 20, 10)
    changed = NO_AUGMENT.model_copy(update={"time_mask": 0.25, "bin_mask": 0.3})
    masked = augment(ones, changed, draws(300), spikes=False)[:, 0]
    frames = (masked.amax(2) == 0).sum(1)
    bins = (masked.amax(1) == 0).sum(1)
    assert set(frames.tolist()) == set(range(6))
    assert set(bins.tolist()) == set(range(4))
    rows = (masked.amax(2) == 0).int()
    assert (rows.diff(dim=1).abs().sum(1) <= 2).all(), "one span"


def test_noise_has_the_strength_drawn_for_the_clip() -> None:
    half = torch.full((200, 1, 50, 20), 0.5)
    changed = NO_AUGMENT.model_copy(update={"noise": 0.05})
    noisy = augment(half, changed, draws(200), spikes=False) - 0.5
    deviations = noisy.flatten(1).std(1)
    wanted = 0.05 * draws(200).uniform(6)[:, 0]
    assert torch.allclose(deviations, wanted, rtol=0.1)
    assert noisy.mean().abs() < 1e-3
    flipped = augment(torch.zeros_like(half), changed, draws(200), spikes=True)
    assert torch.allclose(flipped.flatten(1).mean(1), wanted, atol=0.02)


def test_a_warp_stretches_axes_and_moves_levels() -> None:
    line = (torch.arange(20.0) / 40 + 0.1).expand(1, 1, 30, 20).clone()
    only = WarpParams(frames=0.0, bins=0.2, gain=0.0, tilt=0.0)
    out = warped(line, only, draws(1))[0, 0, 3]
    factor = 1 + 0.2 * (2 * draws(1).uniform(17)[0, 0] - 1)
    inside = torch.arange(20) * factor <= 19
    expected = torch.arange(20) * factor / 40 + 0.1
    assert torch.allclose(out[inside], expected[inside], atol=1e-5)
    level = WarpParams(frames=0.0, bins=0.0, gain=0.1, tilt=0.0)
    quiet = line.clone()
    quiet[..., :5] = 0
    moved = warped(quiet, level, draws(1))
    assert (moved[..., :5] == 0).all(), "silence stays silent"
    assert (moved - quiet)[..., 5:].std() < 1e-6
    assert (moved - quiet)[..., 5:].abs().max() <= 0.1
    same = WarpParams(frames=0.0, bins=0.0, gain=0.0, tilt=0.0)
    assert torch.equal(warped(line, same, draws(1)), line)
