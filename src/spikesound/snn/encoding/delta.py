"""Delta coding, or send on delta: spikes say how the value changes from frame to frame."""

from __future__ import annotations

import torch

from spikesound.params import DeltaParams


def delta(x: torch.Tensor, params: DeltaParams, generator: torch.Generator) -> torch.Tensor:
    """Send the change since the last message, in units of the threshold, up by ON, down by OFF.

    .. math::
        n_f = \\mathrm{clip}\\left(\\left\\lfloor \\frac{|x_f - r_{f-1}|}{\\theta} \\right\\rfloor,
              0, T\\right) \\mathrm{sgn}(x_f - r_{f-1}), \\qquad
        r_f = r_{f-1} + \\theta \\, n_f, \\qquad r_{-1} = 0

    Frames are the time of this code. Within a frame the first \\|n\\| of the T steps spike: with
    one step a neuron spikes once a frame at most, with more a large change is sent at once. What
    is above T theta is sent in the frames that follow. A value that is not a number (NaN) sends
    nothing and leaves the reference. The generator is not used.

    Parameters
    ----------
    x : float tensor (..., frame, bin), in [0, 1]
    params : steps T and threshold theta

    Returns
    -------
    bool tensor of shape (T, ..., frame, 2 bin): ON of a bin, then OFF of the same

    References
    ----------
    Miskowicz 2006, "Send-on-delta concept: an event-based data reporting strategy";
    Lichtsteiner, Posch & Delbruck 2008, "A 128 x 128 120 dB 15 us latency asynchronous temporal
    contrast vision sensor" (ON and OFF).
    """
    # The reference is counted in whole thresholds: no rounding adds up over the frames.
    level = x.double() / params.threshold
    reference = torch.zeros_like(level[..., 0, :])
    sent = []
    for frame in level.unbind(-2):
        change = (frame - reference).trunc().clamp(-params.steps, params.steps).nan_to_num(0.0)
        reference = reference + change
        sent.append(change)
    changes = torch.stack(sent, dim=-2)
    signed = torch.stack([changes, -changes], dim=-1).flatten(-2)
    steps = torch.arange(params.steps, dtype=torch.float64)
    return signed > steps.reshape(-1, *([1] * x.dim()))


def delta_values(params: DeltaParams) -> torch.Tensor:
    """Return the decoding weight of a spike at any step: a change by theta [shape=(T,)]."""
    return torch.full((params.steps,), params.threshold)


def decode_delta(spikes: torch.Tensor, params: DeltaParams) -> torch.Tensor:
    """Add up what was sent: the reference r after each frame.

    .. math:: \\hat x_f = \\theta \\sum_{g \\le f} n_g

    The error is at most theta wherever the T steps sufficed for the change, that is where
    :math:`|x_f - r_{f-1}| \\le (T + 1) \\theta`; everywhere, then, if (T + 1) theta >= 1. Elsewhere
    it is what is still to be sent, :math:`|x_f - r_{f-1}| - T \\theta`.

    Parameters
    ----------
    spikes : bool tensor of shape (T, ..., frame, 2 bin)
    params : threshold theta

    Returns
    -------
    float tensor of shape (..., frame, bin)
    """
    counts = spikes.sum(0)
    changes = counts[..., 0::2] - counts[..., 1::2]
    return changes.cumsum(-2).float().mul(params.threshold)
