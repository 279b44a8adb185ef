"""Augmentation of a whole batch on its device, each clip by draws of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from spikesound.params import AugmentParams, WarpParams
from spikesound.training.stream.draws import Draws

ROLL, SHIFT, TIME_WIDTH, TIME_START, BIN_WIDTH, BIN_START, STRENGTH, NOISE, BLEND = range(9)
STRETCH, WARP, GAIN, TILT = range(16, 20)
BLOCK_FRAMES, BLOCK_FIRST, BLOCK_BINS, BLOCK_LOWEST = range(20, 24)
"""Purposes of draws; a number that stands here once is not given to another purpose."""

AGAIN = 1 << 8
"""What is added to a purpose for the second mask or block, twice for the third, and so on."""


def prepared(
    x: torch.Tensor,
    bins: int,
    ranges: tuple[torch.Tensor, torch.Tensor] | None,
) -> torch.Tensor:
    """Return inputs as values, float32 (clip, step, frame, bin), from what shards hold.

    Parameters
    ----------
    x : bit-packed spikes uint8 (clip, step, frame, byte), values (clip, step, frame, bin), or
        features in their own units (clip, frame, bin)
    bins : size of the last axis
    ranges : low end and inverse of the range of each bin, of features
    """
    if x.dtype == torch.uint8:
        places = torch.arange(7, -1, -1, device=x.device, dtype=torch.uint8)
        return ((x.unsqueeze(-1) >> places) & 1).flatten(-2)[..., :bins].float()
    if ranges is None:
        return x.float()
    low, scale = ranges
    # In half precision, as a dataset in memory holds them.
    return ((x.float() - low) * scale).clamp(0, 1).half().float().unsqueeze(1)


def inverse_ranges(
    low: npt.NDArray[np.float32], high: npt.NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the low ends, and one over each range; an empty range gives 0."""
    span = high - low
    scale = np.divide(1, span, out=np.zeros_like(span), where=span > 0)
    return torch.from_numpy(low), torch.from_numpy(scale)


def augment(
    x: torch.Tensor,
    params: AugmentParams,
    draws: Draws,
    *,
    spikes: bool,
    neurons_per_bin: int = 1,
) -> torch.Tensor:
    """Return a changed copy of a batch, (clip, step, frame, bin).

    In this order: a warp of values (:func:`warped`); then what
    :func:`spikesound.training.augment.augment` does to one clip: a circular shift in time, a shift
    along the feature axis, ``masks`` on each, ``blocks`` of both, noise. A clip's result depends
    on the clip and on its draws alone: not on the size of the batch, nor on what stands beside it.

    Parameters
    ----------
    x : in [0, 1]
    draws : of the clips
    spikes : whether x holds spikes, which stay 0 or 1
    neurons_per_bin : how many neighbours on the last axis belong to one bin and stay together
    """
    _, _, frames, bins = x.shape
    here = draws.to("cpu")  # a few numbers a clip
    if params.warp is not None and not spikes:
        x = warped(x, params.warp, here)
    if params.roll:
        x = _rolled(x, here.below(ROLL, frames).to(x.device))
    if params.shift_bins:
        shift = here.below(SHIFT, 2 * params.shift_bins + 1) - params.shift_bins
        x = _shifted(x, shift.to(x.device) * neurons_per_bin)
    groups = bins // neurons_per_bin
    time = _masks(frames, params.time_mask, here, (TIME_WIDTH, TIME_START), params.masks)
    band = _masks(groups, params.bin_mask, here, (BIN_WIDTH, BIN_START), params.masks)
    time, band = time.to(x.device), band.to(x.device)
    band = band.repeat_interleave(neurons_per_bin, 1)
    x = x.masked_fill(time[:, None, :, None], 0.0).masked_fill(band[:, None, None, :], 0.0)
    for number in range(params.blocks):
        x = x.masked_fill(_block(x, params.block, here, number, neurons_per_bin), 0.0)
    return _noisy(x, params.noise, draws, spikes=spikes) if params.noise else x


def warped(x: torch.Tensor, params: WarpParams, draws: Draws) -> torch.Tensor:
    """Return values with frames and bins stretched, and levels moved: another voice, another room.

    .. math:: y[t, v] = x[t \\tau, v \\alpha] + g + s (v / V - 1/2)

    with linear interpolation, and 0 beyond the ends and where x is 0. The stretch of bins moves
    formants and harmonics as another length of the vocal tract does (vocal tract length
    perturbation, on mel bins), that of frames the rate of speech; gain g and tilt s are those of a
    microphone.

    Parameters
    ----------
    x : (clip, step, frame, bin) in [0, 1]
    params : largest stretches, gain and tilt
    draws : of the clips, on the CPU

    References
    ----------
    Jaitly & Hinton 2013, "Vocal tract length perturbation (VTLP) improves speech recognition".
    """
    for axis, purpose, most in ((2, STRETCH, params.frames), (3, WARP, params.bins)):
        if most:
            factors = 1 + most * (2 * draws.uniform(purpose)[:, 0] - 1)
            x = _stretched(x, factors.to(x.device), axis)
    if not (params.gain or params.tilt):
        return x
    gain = params.gain * (2 * draws.uniform(GAIN)[:, 0] - 1)
    tilt = params.tilt * (2 * draws.uniform(TILT)[:, 0] - 1)
    places = torch.arange(x.shape[3], dtype=torch.float32) / x.shape[3] - 0.5
    moved = (gain[:, None] + tilt[:, None] * places).to(x.device)[:, None, None, :]
    return torch.where(x > 0, (x + moved).clamp(0, 1), x)


def blended(x: torch.Tensor, other: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return each clip blended with another by its own weight, (clip, ...): mixup.

    Parameters
    ----------
    weight : (clip,), of x; the other's is what is left to one
    """
    share = weight.view(-1, *[1] * (x.dim() - 1))
    return share * x + (1 - share) * other


def _rolled(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    frames = x.shape[2]
    source = (torch.arange(frames, device=x.device) - shift[:, None]) % frames
    return x.gather(2, source[:, None, :, None].expand(x.shape))


def _shifted(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    bins = x.shape[3]
    # All of it would leave: a narrow feature stays where it is.
    shift = torch.where(shift.abs() >= bins, 0, shift)
    source = torch.arange(bins, device=x.device) - shift[:, None]
    inside = ((source >= 0) & (source < bins))[:, None, None, :]
    moved = x.gather(3, source.clamp(0, bins - 1)[:, None, None, :].expand(x.shape))
    return moved.masked_fill(~inside, 0.0)


def _stretched(x: torch.Tensor, factors: torch.Tensor, axis: int) -> torch.Tensor:
    size = x.shape[axis]
    source = torch.arange(size, device=x.device) * factors[:, None]
    left = source.floor()
    share = source - left
    shape = (len(x), 1, size, 1) if axis == 2 else (len(x), 1, 1, size)

    def at(places: torch.Tensor) -> torch.Tensor:
        index = places.clamp(0, size - 1).long().view(shape).expand(x.shape)
        return x.gather(axis, index).masked_fill((places >= size).view(shape), 0.0)

    return (1 - share).view(shape) * at(left) + share.view(shape) * at(left + 1)


def _mask(size: int, share: float, draws: Draws, purposes: tuple[int, int]) -> torch.Tensor:
    """Return which places are masked, (clip, size): one span, at most a share of them."""
    width = draws.below(purposes[0], int(size * share) + 1)
    start = draws.below(purposes[1], size - width + 1)
    at = torch.arange(size)
    return (at >= start[:, None]) & (at < (start + width)[:, None])


def _masks(
    size: int, share: float, draws: Draws, purposes: tuple[int, int], count: int
) -> torch.Tensor:
    """Return which places are under one of several masks, (clip, size)."""
    masked = _mask(size, share, draws, purposes)
    for number in range(1, count):
        width, start = (purpose + number * AGAIN for purpose in purposes)
        masked = masked | _mask(size, share, draws, (width, start))
    return masked


def _block(
    x: torch.Tensor, share: float, draws: Draws, number: int, neurons_per_bin: int
) -> torch.Tensor:
    """Return which places a block of frames by bins masks, (clip, 1, frame, bin)."""
    more = number * AGAIN
    frames = _mask(x.shape[2], share, draws, (BLOCK_FRAMES + more, BLOCK_FIRST + more))
    groups = x.shape[3] // neurons_per_bin
    bins = _mask(groups, share, draws, (BLOCK_BINS + more, BLOCK_LOWEST + more))
    bins = bins.repeat_interleave(neurons_per_bin, 1)
    return (frames[:, None, :, None] & bins[:, None, None, :]).to(x.device)


def _noisy(x: torch.Tensor, most: float, draws: Draws, *, spikes: bool) -> torch.Tensor:
    strength = (most * draws.uniform(STRENGTH)).view(-1, 1, 1, 1)
    count = x[0].numel()
    if spikes:
        return (x - (draws.uniform(NOISE, count).view(x.shape) < strength).float()).abs()
    noise = draws.normal(NOISE, count).view(x.shape) * strength
    # Decoded values of rate coding with a low gain may lie above 1.
    most_of = x.flatten(1).amax(1).clamp(min=1.0).view(-1, 1, 1, 1)
    return torch.minimum((x + noise).clamp(min=0), most_of)
