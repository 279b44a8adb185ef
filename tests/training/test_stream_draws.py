"""Counter-based draws and orders: published words, distributions, permutations of any length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from spikesound.core.errors import SpikesoundError
from spikesound.training.stream.draws import LEVELS, Draws, threefry, words
from spikesound.training.stream.order import EpochOrder, Permutation

CLIPS = np.arange(1, 4001, dtype=np.int64) * 7919


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_words_are_those_that_random123_publishes(
    key: tuple[int, int], counter: tuple[int, int], expected: tuple[int, int]
) -> None:
    one, two = (tuple(torch.tensor(each) for each in pair) for pair in (key, counter))
    found = threefry((one[0], one[1]), (two[0], two[1]))
    assert tuple(int(word) for word in found) == expected


def test_a_number_is_its_two_words() -> None:
    high, low = words((5 << 32) + 7)
    assert (int(high), int(low)) == (5, 7)


def test_draws_depend_on_seed_epoch_clip_and_purpose_alone() -> None:
    whole = Draws(1, 2, CLIPS[:64])
    for start in range(0, 64, 16):
        part = Draws(1, 2, CLIPS[start : start + 16])
        assert torch.equal(part.normal(3, 50), whole.normal(3, 50)[start : start + 16])
        assert torch.equal(part.below(4, 10), whole.below(4, 10)[start : start + 16])
    shuffled = Draws(1, 2, CLIPS[:64][::-1].copy())
    assert torch.equal(shuffled.bits(0, 3).flip(0), whole.bits(0, 3))
    first = whole.bits(0, 4)
    others = [Draws(2, 2, CLIPS[:64]).bits(0, 4), Draws(1, 3, CLIPS[:64]).bits(0, 4)]
    others.append(whole.bits(1, 4))
    assert all(not (first == other).any() for other in others)
    assert torch.equal(whole.bits(0, 9)[:, :4], first)


def test_distributions() -> None:
    draws = Draws(0, 1, CLIPS)
    uniform = draws.uniform(0, 5).flatten().numpy()
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    assert stats.kstest(draws.normal(1, 5).flatten().numpy(), "norm").pvalue > 0.01
    assert stats.kstest(draws.beta(2, 0.3).numpy(), stats.beta(0.3, 0.3).cdf).pvalue > 0.01
    counts = np.bincount(draws.below(3, 7).numpy(), minlength=7)
    assert stats.chisquare(counts).pvalue > 0.01
    limits = torch.arange(1, 4001)
    assert (draws.below(4, limits) < limits).all()
    assert len(draws.normal(1, 5).unique()) <= LEVELS


def test_purposes_and_neighbouring_clips_are_not_correlated() -> None:
    draws = Draws(0, 1, np.arange(4000, dtype=np.int64))
    columns = torch.cat([draws.uniform(purpose, 3) for purpose in range(4)], 1).numpy()
    correlations = np.corrcoef(columns.T) - np.eye(12)
    assert np.abs(correlations).max() < 0.06
    assert abs(np.corrcoef(columns[:-1, 0], columns[1:, 0])[0, 1]) < 0.06


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 255, 256, 257, 1000, 65_537])
def test_a_permutation_has_each_number_once(size: int) -> None:
    found = Permutation(size, 3, "order", 1)(np.arange(size))
    assert np.array_equal(np.sort(found), np.arange(size))
    again = Permutation(size, 3, "order", 1)(np.arange(size)[::-1].copy())
    assert np.array_equal(again[::-1], found), "number by number"


@pytest.mark.slow
def test_permutations_of_seeds_and_epochs_are_random() -> None:
    size, times = 12, 3000
    tables = np.stack(
        [Permutation(size, seed, "order", 1)(np.arange(size)) for seed in range(times)]
    )
    counts = np.stack([np.bincount(column, minlength=size) for column in tables.T])
    assert stats.chisquare(counts.ravel()).pvalue > 0.001
    fixed = (tables == np.arange(size)).sum(1).mean()
    assert fixed == pytest.approx(1, abs=0.1), "a random permutation has one fixed point"
    steps = np.diff(Permutation(100_000, 0, "order", 1)(np.arange(5000)))
    assert (np.abs(steps) < 10).mean() < 0.005, "neighbours are far apart"


def test_an_order_of_a_billion_clips_takes_no_memory() -> None:
    order = EpochOrder(10**9, 64, 1, 1)
    rows = order.rows(12_345_678)
    assert len(rows) == 64
    assert len(set(rows.tolist())) == 64
    assert 0 <= rows.min() < rows.max() < 10**9


@pytest.mark.parametrize(("clips", "sizes"), [(9, [4, 5]), (11, [4, 4, 3]), (8, [4, 4]), (3, [3])])
def test_batches_have_each_clip_once_and_a_small_rest_joins_the_last(
    clips: int, sizes: list[int]
) -> None:
    order = EpochOrder(clips, 4, 1, 1)
    rows = [order.rows(number) for number in range(len(order))]
    assert [len(each) for each in rows] == sizes == [order.size(n) for n in range(len(order))]
    assert sorted(np.concatenate(rows).tolist()) == list(range(clips))
    other = EpochOrder(clips, 4, 1, 2)
    assert np.concatenate([other.rows(n) for n in range(len(other))]).tolist() != (
        np.concatenate(rows).tolist()
    )


def test_ranks_divide_each_batch() -> None:
    whole = EpochOrder(50, 8, 1, 3)
    for ranks in (1, 2, 4):
        parts = [EpochOrder(50, 8, 1, 3, None, rank, ranks) for rank in range(ranks)]
        for number in range(len(whole)):
            found = np.concatenate([part.rows(number) for part in parts])
            assert sorted(found.tolist()) == sorted(whole.rows(number).tolist())
            assert all(len(part.rows(number)) for part in parts)
    with pytest.raises(SpikesoundError, match="at least two clips for each of 5 ranks"):
        EpochOrder(50, 8, 1, 3, None, 0, 5)
    with pytest.raises(SpikesoundError, match="rank 2: expected one of 2 ranks"):
        EpochOrder(50, 8, 1, 3, None, 2, 2)


def test_weighted_draws_come_by_their_weights() -> None:
    weights = np.array([0.5, 0.25, 0.125, 0.125])
    order = EpochOrder(4, 4, 1, 1, np.cumsum(weights))
    drawn = [EpochOrder(4, 4, 1, epoch, np.cumsum(weights)).rows(0) for epoch in range(1000)]
    counts = np.bincount(np.concatenate(drawn), minlength=4)
    assert stats.chisquare(counts, 4000 * weights).pvalue > 0.01
    assert np.array_equal(order.rows(0), order.rows(0))


def test_a_partner_is_a_permutation_of_the_clips() -> None:
    order = EpochOrder(30, 4, 1, 1)
    partners = order.partners(np.arange(30))
    assert sorted(partners.tolist()) == list(range(30))
    assert np.array_equal(partners[3:5], order.partners(np.array([3, 4])))
