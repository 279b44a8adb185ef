"""Gain and noise of waves: exact levels."""

from __future__ import annotations

import torch

from spikesound.audio.mixing import add_noise, set_gain, sounding


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


def test_gains_are_exact_until_full_scale() -> None:
    samples = torch.tensor([[0.01, -0.05, 0.5, -0.5]] * 2)
    for level in (20.0, torch.tensor([20.0, 20.0])):
        torch.testing.assert_close(set_gain(samples, level)[1], torch.tensor([0.1, -0.5, 1, -1]))


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
