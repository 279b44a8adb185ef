"""Scores of a trained network on the clips it has not seen, and what they cost."""

from __future__ import annotations

import pandas as pd
import torch
from torch import nn

from spikesound.costs.counting import Counted, counting
from spikesound.evaluation.predictions import to_frame
from spikesound.models.classifier_spec import Spec
from spikesound.training.data import Clips
from spikesound.training.loop import predict


def run_fold(
    network: nn.Module,
    clips: Clips,
    classes: list[str],
    batch_clips: int,
    *,
    spec: Spec,
    counted: Counted,
) -> pd.DataFrame:
    """Run a network on clips, and count what each layer does while it runs.

    Parameters
    ----------
    clips : of the fold that the network was not trained on
    classes : label ids, in the order of the network's scores
    spec : of the network
    counted : takes up the counts

    Returns
    -------
    DataFrame
        Rows of the PREDICTIONS table.
    """
    with counting(network, spec, counted):
        scores = predict(network, clips, batch_clips)
    shares = torch.softmax(torch.from_numpy(scores).double(), dim=1).numpy()
    return to_frame(clips.ids, clips.folds, classes, shares, clips.targets > 0)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(value.numel() for value in network.parameters() if value.requires_grad)
