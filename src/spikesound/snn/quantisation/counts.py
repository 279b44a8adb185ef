"""Activation as a number of spikes: whole steps of a learnt size, a size for each channel."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Floats = npt.NDArray[np.float32]

RATE = 5.0
"""Learning rate of the logarithm of a step, over that of weights."""

TRIED = torch.linspace(0.05, 1.0, 39)
"""Sizes of D steps that calibration tries, in shares of a channel's largest activation."""


class Counts(nn.Module):
    r"""ReLU rounded to 0 ... D steps, as a neuron's spikes in D time steps are counted.

    .. math:: a = s_c \, \mathrm{clip}\left(\left\lfloor \frac{x}{s_c} + \frac12 \right\rfloor,
              0, D\right)

    with a step :math:`s_c` for each channel. The gradient is 1 with respect to x where
    :math:`0 \le x \le s_c D`, and with respect to :math:`s_c`
    :math:`a / s_c - x / s_c` there, D above it and 0 below.

    Parameters
    ----------
    levels : D
    channels : of its input (time, batch, channel, frame, bin)

    References
    ----------
    Esser et al. 2020, "Learned step size quantization", equations 1 to 3.
    """

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.levels = levels
        self.scaled_log_step = nn.Parameter(torch.zeros(channels))
        self.calibrating = False

    @property
    def step(self) -> torch.Tensor:
        """The steps (channel,)."""
        return (RATE * self.scaled_log_step).exp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, channel, frame, bin) to whole steps."""
        if self.calibrating:
            self.calibrate(x)
        rounded: torch.Tensor = _Rounded.apply(x, self.step, self.levels)
        return rounded

    @torch.no_grad()
    def calibrate(self, x: torch.Tensor) -> None:
        r"""Set each channel's step to the one of :data:`TRIED` with the least squared error.

        The error is that of the rounded from the plain ReLU. A channel that is never active gets
        the largest of all channels' steps: nothing small makes it spike.
        """
        values = x.transpose(0, 2).flatten(1).clamp(min=0)  # (channel, value)
        largest = values.amax(1)
        best = torch.full_like(largest, torch.inf)
        steps = torch.ones_like(largest)
        for share in TRIED.to(values):
            tried = (share * largest / self.levels).clamp(min=1e-12)[:, None]
            rounded = (values / tried).round_().clamp_(max=self.levels).mul_(tried)
            error = (rounded - values).square_().sum(1)
            steps = torch.where(error < best, tried[:, 0], steps)
            best = torch.minimum(best, error)
        active = largest > 0
        steps = torch.where(active, steps, steps[active].max() if active.any() else steps)
        self.scaled_log_step.copy_(steps.log() / RATE)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, step: torch.Tensor, levels: int) -> torch.Tensor:
        ctx.save_for_backward(x, step)
        ctx.levels = levels
        if fused(x):
            flat = by_channel(x)
            out = torch.empty_like(flat)
            _round(flat.numpy(), step.detach().numpy(), levels, out.numpy())
            return as_clips(out, x)
        along = step.view(-1, 1, 1)
        rounded: torch.Tensor = (x / along).add_(0.5).floor_().clamp_(0, levels).mul_(along)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        (gradient,), (x, step), levels = gradients, ctx.saved_tensors, ctx.levels
        if fused(x):
            flat, given = by_channel(x), by_channel(gradient)
            by_x, by_step = torch.empty_like(flat), torch.zeros_like(step)
            _gradients(
                given.numpy(), flat.numpy(), step.detach().numpy(), levels, by_x.numpy(),
                by_step.numpy(),
            )  # fmt: skip
            return as_clips(by_x, x), by_step, None
        scaled = x / step.view(-1, 1, 1)
        inside = (scaled >= 0) & (scaled <= levels)
        count = (scaled + 0.5).floor_().clamp_(0, levels)
        of_step = gradient * torch.where(inside, count - scaled, count)
        axes = [axis for axis in range(x.dim()) if axis != x.dim() - 3]
        return gradient * inside, of_step.sum(axes), None


def fused(x: torch.Tensor) -> bool:
    """Return whether the compiled loops compute it: a third of the time of a training step."""
    return x.device.type == "cpu" and x.dtype == torch.float32


def by_channel(x: torch.Tensor) -> torch.Tensor:
    """Return clips (time, batch, channel, frame, bin) as (place, channel), in order of memory."""
    flat = x.detach().flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return flat.permute(0, 2, 3, 1).reshape(-1, x.shape[2])


def as_clips(flat: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return (place, channel) as clips of another tensor's shape; undoes :func:`by_channel`."""
    time, batch, channels, frames, bins = like.shape
    laid = flat.view(time, batch, frames, bins, channels)
    return laid.permute(0, 1, 4, 2, 3)


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _round(x: Floats, step: Floats, levels: int, out: Floats) -> None:
    most = np.float32(levels)
    for place in range(x.shape[0]):
        for channel in range(x.shape[1]):
            count = np.floor(x[place, channel] / step[channel] + np.float32(0.5))
            count = min(max(count, np.float32(0)), most)
            out[place, channel] = count * step[channel]


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gradients(
    given: Floats, x: Floats, step: Floats, levels: int, by_x: Floats, by_step: Floats
) -> None:
    most = np.float32(levels)
    for place in range(x.shape[0]):
        for channel in range(x.shape[1]):
            scaled = x[place, channel] / step[channel]
            count = min(max(np.floor(scaled + np.float32(0.5)), np.float32(0)), most)
            inside = np.float32((scaled >= 0) & (scaled <= most))
            gradient = given[place, channel]
            by_x[place, channel] = gradient * inside
            by_step[channel] += gradient * (count - scaled * inside)
