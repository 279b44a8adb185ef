"""Augmentation of waves: exact levels, draws by the generator that is passed alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from spikesound.audio.augmentation import (
    add_noise,
    random_gain,
    random_noise,
    random_shift,
    set_gain,
    sounding,
)

Random = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

RANDOM: dict[str, Random] = {
    "gain": lambda samples, generator: random_gain(samples, -20.0, -10.0, generator),
    "shift": lambda samples, generator: random_shift(samples, 300, generator),
    "noise": lambda samples, generator: random_noise(samples, 5.0, 25.0, generator),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(clips: int = 6, samples: int = 2000) -> torch.Tensor:
    return 0.1 * torch.randn(clips, samples, generator=seeded(9))


def snr_db(signal: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    """Return the ratio within the stretch that sounds, of each clip."""
    ratios = []
    for clip, noisy in zip(signal, mixed, strict=True):
        first, length = sounding(clip)
        stretch = slice(int(first), int(first + length))
        rest = noisy[stretch].double() - clip[stretch].double()
        ratios.append(10 * torch.log10(clip[stretch].double().square().sum() / rest.square().sum()))
    return torch.stack(ratios)


@pytest.mark.parametrize("name", RANDOM)
def test_draws_come_from_the_given_generator_alone(name: str) -> None:
    samples, change = waves(), RANDOM[name]
    before = samples.clone()
    state = torch.random.get_rng_state()
    once, again, other = (change(samples, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(samples, before), "what comes in is left alone"
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert once.shape == samples.shape
    assert once.dtype == samples.dtype
    assert change(samples[0], seeded()).shape == samples[0].shape, "one clip"


def test_gains_are_exact_until_full_scale_and_within_their_range() -> None:
    samples = torch.tensor([[0.01, -0.05, 0.5, -0.5]] * 2)
    for level in (20.0, torch.tensor([20.0, 20.0])):
        torch.testing.assert_close(set_gain(samples, level)[1], torch.tensor([0.1, -0.5, 1, -1]))
    drawn = random_gain(waves(500), -20.0, -10.0, seeded())
    gains = 20 * torch.log10(drawn.norm(dim=1) / waves(500).norm(dim=1))
    assert gains.min() == pytest.approx(-20, abs=0.1)
    assert gains.max() == pytest.approx(-10, abs=0.1)


def test_a_shift_moves_all_samples_and_fills_with_zeros() -> None:
    samples = torch.arange(1.0, 101.0).repeat(200, 1)
    shifted = random_shift(samples, 7, seeded())
    by = set()
    for clip in shifted:
        there = clip.nonzero()[:, 0]
        offset = int(there[0] - (clip[there[0]] - 1))
        by.add(offset)
        expected = torch.zeros(100)
        lo, hi = max(0, offset), min(100, 100 + offset)
        expected[lo:hi] = samples[0, lo - offset : hi - offset]
        assert torch.equal(clip, expected)
    assert by == set(range(-7, 8))


def test_the_ratio_of_each_clip_is_that_asked_for_where_it_sounds() -> None:
    signal = torch.nn.functional.pad(waves(), (500, 1500))
    signal[2, 1000:1500] = 0  # a pause
    noise = torch.randn(signal.shape, generator=seeded(4))
    wanted = torch.tensor([-10.0, 0.0, 5.0, 10.0, 20.0, 40.0])
    mixed = add_noise(signal, noise, wanted)
    torch.testing.assert_close(snr_db(signal, mixed), wanted.double(), atol=1e-3, rtol=0)
    assert mixed[:, :500].any(dim=1).all(), "the noise goes on over the whole clip"
    assert mixed[:, -1500:].any(dim=1).all()
    for row, level in enumerate(wanted):
        alone = add_noise(signal[row], noise[row], float(level))
        torch.testing.assert_close(alone, mixed[row], atol=1e-6, rtol=0)
    drawn = snr_db(signal, random_noise(signal, 5.0, 25.0, seeded()))
    assert ((drawn > 4.99) & (drawn < 25.01)).all()


def test_without_a_signal_or_a_noise_there_is_no_ratio() -> None:
    signal = waves(3)
    signal[0] = 0
    noise = torch.randn(signal.shape, generator=seeded(4))
    noise[1] = 0
    mixed = add_noise(signal, noise, 0.0)
    assert torch.equal(mixed[:2], signal[:2])
    assert not torch.equal(mixed[2], signal[2])


def test_a_stretch_begins_and_ends_at_what_is_not_quiet() -> None:
    samples = torch.zeros(3, 1000)
    samples[0, 200], samples[0, 700], samples[0, 900] = 1.0, -0.5, 1e-4
    samples[1] = 1.0
    first, length = sounding(samples)
    assert first.tolist()[:2] == [200, 0]
    assert length.tolist() == [501, 1000, 0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", RANDOM)
def test_draws_on_the_processor_serve_another_device(name: str) -> None:
    samples = waves()
    there = RANDOM[name](samples.cuda(), seeded())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), RANDOM[name](samples, seeded()), atol=1e-5, rtol=0)
