"""Class scores of a trained network on clips."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spikesound.tasks.detection.lookahead import extended, of_frames
from spikesound.tasks.detection.pooling import pooled
from spikesound.tasks.task import batched
from spikesound.training.dataset import Dataset


def clip_scores(network: nn.Module, clips: Dataset, batch_clips: int) -> npt.NDArray[np.float32]:
    """Return a classifier's class scores (clip, class), before the softmax or sigmoid."""
    network.eval()
    device = next(network.parameters()).device
    scores = []
    with torch.inference_mode():
        for start in range(0, len(clips), batch_clips):
            rows = np.arange(start, min(start + batch_clips, len(clips)))
            x = batched(clips.batch(rows), frames=False)
            scores.append(network(x.to(device)).float().cpu().numpy())
    return np.concatenate(scores)


def frame_scores(
    network: nn.Module, inputs: npt.NDArray[np.float16], batch_clips: int, lookahead: int = 0
) -> tuple[list[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """Return a detector's frame probabilities (frame, class) of each clip, and all clips' pooled.

    Parameters
    ----------
    inputs : (clip, 1, frame, bin) in [0, 1]
    lookahead : frames by which outputs come later (:mod:`spikesound.tasks.detection.lookahead`)
    """
    network.eval()
    device = next(network.parameters()).device
    framewise, clipwise = [], []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch_clips):
            x = batched(inputs[start : start + batch_clips].astype(np.float32), frames=True)
            frames = of_frames(network(extended(x, lookahead).to(device)).cpu(), lookahead)
            framewise += list(torch.sigmoid(frames.logits).transpose(0, 1).numpy())
            clipwise.append(pooled(frames).numpy())
    return framewise, np.concatenate(clipwise)
