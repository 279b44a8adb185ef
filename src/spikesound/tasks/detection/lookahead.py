"""Look-ahead of a causal network: its targets are delayed by d frames.

Its output :math:`y_t` depends on frames up to t, and is trained on, and taken for, the classes of
frame :math:`t - d`. So it is causal, needs no more operations, and has d frames of context after
the one that it classifies; the decision comes d frames later. At the end of a sound the last frame
is repeated d times.

Source: Graves & Schmidhuber 2005, "Framewise phoneme classification with bidirectional LSTM and
other neural network architectures" (target delay).
"""

from __future__ import annotations

import torch

from spikesound.models.networks.detector import Frames


def lookahead_frames(seconds: float, hop_s: float) -> int:
    """Return the number of frames nearest to a look-ahead in seconds."""
    return round(seconds / hop_s)


def extended(frames: torch.Tensor, lookahead: int) -> torch.Tensor:
    """Return frames (frame, ...) with the last one repeated, so that each gets its output."""
    if not lookahead:
        return frames
    return torch.cat([frames, frames[-1:].expand(lookahead, *frames.shape[1:])])


def of_frames(output: Frames, lookahead: int) -> Frames:
    """Return a network's output by the frames that it is of: without the first ones."""
    if not lookahead:
        return output
    attention = None if output.attention is None else output.attention[lookahead:]
    return Frames(output.logits[lookahead:], attention)
