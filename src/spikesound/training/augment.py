"""Augmentation of inputs, values and spikes alike, one clip at a time from the clip's own seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesound.params import AugmentParams

Floats = npt.NDArray[np.float32]


def augment(
    x: Floats,
    params: AugmentParams,
    *,
    spikes: bool,
    generator: np.random.Generator,
    neurons_per_bin: int = 1,
) -> Floats:
    """Return a changed copy of one clip's input.

    In this order: a circular shift in time; a shift along the feature axis (what enters is zero);
    one mask in time and one along the feature axis (SpecAugment without warping); noise, of a
    strength drawn for each clip: Gaussian, clipped to the range of values, for values; flipped bits
    for spikes. All time steps of a clip are moved and masked alike.

    Parameters
    ----------
    x : (step, frame, bin), in [0, 1]
    spikes : whether x holds spikes, which stay 0 or 1
    neurons_per_bin : how many neighbours on the last axis belong to one bin and stay together

    References
    ----------
    Park et al. 2019, "SpecAugment: a simple data augmentation method for automatic speech
    recognition".
    """
    _, frames, bins = x.shape
    x = np.roll(x, generator.integers(frames), axis=1) if params.roll else x.copy()
    if params.shift_bins:
        shift = int(generator.integers(-params.shift_bins, params.shift_bins + 1))
        x = _shift(x, shift * neurons_per_bin)
    x[:, _span(frames, params.time_mask, generator)] = 0
    masked = _span(bins // neurons_per_bin, params.bin_mask, generator)
    x[:, :, masked.start * neurons_per_bin : masked.stop * neurons_per_bin] = 0
    if params.noise:
        strength = generator.uniform(0, params.noise)
        if spikes:
            return np.abs(x - (generator.random(x.shape, np.float32) < strength))
        noise = generator.standard_normal(x.shape, np.float32) * np.float32(strength)
        # Decoded values of rate coding with a low gain may lie above 1.
        return np.clip(x + noise, 0, max(1.0, float(x.max())))
    return x


def mixup(
    x: Floats,
    targets: Floats,
    alpha: float,
    generator: np.random.Generator,
    *others: Floats,
    shares: bool = True,
) -> tuple[Floats, ...]:
    """Blend each clip of a batch with another, and their targets by the same weight.

    .. math:: \\tilde x_i = \\lambda x_i + (1 - \\lambda) x_{\\pi(i)}, \\quad
              \\lambda \\sim \\mathrm{Beta}(\\alpha, \\alpha)

    A blend of spikes is a graded input current, in training only; alpha 0 changes nothing.

    Parameters
    ----------
    x : (clip, step, frame, bin)
    targets : (clip, class)
    others : tables of the same clips, blended likewise
    shares : whether the targets of a clip are scaled to shares of one first

    References
    ----------
    Zhang et al. 2018, "mixup: beyond empirical risk minimization", equation 1.
    """
    if alpha == 0:
        return x, targets, *others
    if shares:
        targets = targets / targets.sum(1, keepdims=True)
    weight = np.float32(generator.beta(alpha, alpha))
    other = generator.permutation(len(x))
    return tuple(weight * each + (1 - weight) * each[other] for each in (x, targets, *others))


def _shift(x: Floats, bins: int) -> Floats:
    shifted = np.zeros_like(x)
    if abs(bins) >= x.shape[-1]:  # all of it would leave: a narrow feature stays where it is
        return x
    if bins >= 0:
        shifted[..., bins:] = x[..., : x.shape[-1] - bins]
    else:
        shifted[..., :bins] = x[..., -bins:]
    return shifted


def _span(size: int, share: float, generator: np.random.Generator) -> slice:
    width = int(generator.integers(0, int(size * share) + 1))
    start = int(generator.integers(0, size - width + 1))
    return slice(start, start + width)
