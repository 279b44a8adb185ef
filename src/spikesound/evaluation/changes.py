"""Each model's differences between two revisions, on the clips that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.comparisons import compare_pairs
from spikesound.evaluation.measures import CLASSIFICATION, MULTILABEL, Measure
from spikesound.evaluation.pairing import Pair, side_of
from spikesound.evaluation.revisions import Revision
from spikesound.evaluation.settings import Settings
from spikesound.evaluation.summary import Metrics
from spikesound.tasks.classification.metrics import metrics


@dataclass(frozen=True)
class Changes:
    """Two revisions, compared.

    Attributes
    ----------
    models
        For each model whose predictions differ the figures of
        :func:`spikesound.evaluation.comparisons.compare_pairs`, the later revision minus the
        earlier; besides, ``<metric>_before`` and ``<metric>_after``.
    notes
        Sentences on what was left out, and why.
    measures
        The metrics.
    """

    models: dict[str, Metrics]
    notes: list[str]
    measures: Sequence[Measure] = CLASSIFICATION


def changes(before: Revision, after: Revision, settings: Settings) -> Changes:
    """Compare the models that two revisions share, each with itself.

    Raises
    ------
    SpikesoundError
        If a model was scored on no common clip, or on other labels, or neither revision has its
        table of clips.
    """
    shared = [model for model in before.predictions if model in after.predictions]
    notes = [
        f"{model}: left out: its predictions at {revision.name} are neither in DVC's cache nor in"
        f" a remote; dvc metrics diff {before.name} compares its metrics, which Git has"
        for revision in (before, after)
        for model in revision.lost
    ]
    pairs: dict[str, Pair] = {}
    for model in shared:
        after_side, before_side = _sides(model, before, after, notes)
        if np.array_equal(after_side.matrix.scores, before_side.matrix.scores):
            notes.append(f"{model}: the same predictions in both, so not tested")
        else:
            pairs[model] = (after_side, before_side)
    recordings = {**before.recordings, **after.recordings}
    if not recordings:
        raise SpikesoundError(
            f"revision {before.name!r}: its table of clips is neither in DVC's cache nor in a"
            f" remote, and {after.name} has none; dvc fetch --all-commits"
        )
    content = compare_pairs(pairs, recordings, settings)
    for model, (after_side, before_side) in pairs.items():
        for end, side in (("before", before_side), ("after", after_side)):
            values = metrics(side.matrix)
            content[model] |= {f"{name}_{end}": round(value, 4) for name, value in values.items()}
    multilabel = before.multilabel and after.multilabel
    return Changes(content, notes, MULTILABEL if multilabel else CLASSIFICATION)


def shared_models(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the models of both lists, in the order of the first.

    Raises
    ------
    SpikesoundError
        If there is none.
    """
    shared = [model for model in before if model in after]
    if not shared:
        raise SpikesoundError(
            f"no model in common: {', '.join(before)} in the one, {', '.join(after)} in the other"
        )
    return shared


def _sides(model: str, before: Revision, after: Revision, notes: list[str]) -> Pair:
    """Return a model's scores after and before, on the common clips, and note what is left out."""
    old, new = before.predictions[model], after.predictions[model]
    old_clips, new_clips = set(old["clip_id"]), set(new["clip_id"])
    common = old_clips & new_clips
    if not common:
        raise SpikesoundError(f"{model}: no clip in common between {before.name} and {after.name}")
    if before.manifests[model] != after.manifests[model]:
        notes.append(
            f"{model}: the revisions had other training or test clips; "
            f"{len(common)} common clips are compared, {len(old_clips - common)} only in "
            f"{before.name} and {len(new_clips - common)} only in {after.name} are left out"
        )
    multilabel = before.multilabel and after.multilabel
    earlier = side_of(
        f"{model} at {before.name}",
        old[old["clip_id"].isin(common)],
        None,
        multilabel=multilabel,
    )
    later = side_of(
        f"{model} at {after.name}",
        new[new["clip_id"].isin(common)],
        earlier,
        multilabel=multilabel,
    )
    return later, earlier
