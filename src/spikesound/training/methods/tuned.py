"""Fine-tuning of a pretrained network on parts of clips, which are mixed as sounds are."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from spikesound.models.build import build
from spikesound.params import TunedParams
from spikesound.tasks.task import Targets
from spikesound.training.job import Job, Trained
from spikesound.training.loop import train
from spikesound.training.methods.linear_head import fit_head, readout_of, silent
from spikesound.training.methods.transfer import transferred
from spikesound.training.objective import Objective


def train_tuned(job: Job) -> Trained:
    """Return a pretrained network with a new read-out, all layers fine-tuned.

    The read-out is fitted first (:func:`.linear_head.fit_head`), so that it does not pull the other
    layers away from what they have learnt. The last weights are kept.

    Raises
    ------
    SpikesoundError
        If there is no network to start from, it is another one, or its read-out is not linear.

    References
    ----------
    Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform
    out-of-distribution", section 3.4 (linear probing, then fine-tuning).
    """
    network = fit_head(transferred(job, build(job.spec)), silent(job)).network
    return train(network, job, Tuning(job), keep_last=True)


class Tuning(Objective):
    """The task's loss on a part of each clip, mixed with a part of another."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.method: TunedParams = job.method
        self.model = job.spec.model

    def groups(self, network: nn.Module, rate: float) -> list[dict[str, Any]]:
        """Return the read-out, at its own learning rate, and all else."""
        head = list(readout_of(network, self.model).parameters())
        own = {id(parameter) for parameter in head}
        others = [parameter for parameter in network.parameters() if id(parameter) not in own]
        return [
            {"params": others, "lr": rate},
            {"params": head, "lr": rate * self.method.head_rate},
        ]

    def loss(self, network: nn.Module, x: torch.Tensor, targets: Targets) -> torch.Tensor:
        """Return the loss of a batch (time, batch, frame, bin)."""
        x, targets = self.drawn(x, targets)
        return self.task.loss(self.output(network, x), targets)

    def drawn(self, x: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Return a part of each clip, mixed with another's, and the targets."""
        method = self.method
        if method.crop_frames is not None:
            x = cropped(x, method.crop_frames)
        if method.mixup == 0:
            return x, targets
        shares = torch.distributions.Beta(method.mixup, method.mixup).sample((x.shape[1],))
        shares, other = shares.to(x), torch.randperm(x.shape[1]).to(x.device)
        x = mixed(x, x[:, other], shares.view(1, -1, 1, 1), method.mixup_span)
        share = shares.view(-1, 1)
        return x, tuple(share * each + (1 - share) * each[other] for each in targets)


def cropped(x: torch.Tensor, frames: int) -> torch.Tensor:
    """Return as many frames of each clip (time, batch, frame, bin), from a random place each.

    Draws are from torch's global generator, which the loop sets at each epoch.
    """
    if x.shape[2] <= frames:
        return x
    starts = torch.randint(x.shape[2] - frames + 1, (x.shape[1],)).tolist()
    return torch.stack([x[:, i, start : start + frames] for i, start in enumerate(starts)], 1)


def mixed(
    x: torch.Tensor, y: torch.Tensor, share: torch.Tensor, span: float | None
) -> torch.Tensor:
    r"""Return two inputs mixed: their values, or the magnitudes that these are logarithms of.

    .. math:: \frac1s \ln \big(\lambda e^{s x} + (1 - \lambda) e^{s y}\big)

    Parameters
    ----------
    share : lambda, broadcast to the inputs' shape
    span : s, natural logarithms from 0 to 1; None: the inputs are values
    """
    if span is None:
        return share * x + (1 - share) * y
    least = math.exp(-2 * span)  # a share of nothing
    first, second = share.clamp(min=least).log(), (1 - share).clamp(min=least).log()
    return torch.logaddexp(span * x + first, span * y + second) / span
