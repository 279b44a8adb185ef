"""Which clips and labels take part: chosen by label, limited and balanced, and reported on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from spikesound.data.audioset import refuse
from spikesound.data.ontology import Ontology
from spikesound.errors import SpikesoundError
from spikesound.params import FilterParams
from spikesound.seeds import derive


@dataclass(frozen=True)
class Filtered:
    """What the filter leaves.

    Attributes
    ----------
    clips
        Table CLIPS in the order of ``clip_id``, labels sorted.
    labels
        {label id: display name} of the classes in use, by name: the order of the classes.
    report
        Counts for people: clips, labels and folds before and after, rejected rows by reason, how
        many labels clips have, and selected labels that the limits left no clip. It can be written
        as JSON.
    """

    clips: pd.DataFrame
    labels: dict[str, str]
    report: dict[str, Any]


def filter_clips(
    clips: pd.DataFrame,
    ontology: Ontology,
    params: FilterParams,
    seed: int,
    *,
    rejected: pd.DataFrame,
) -> Filtered:
    """Choose the clips and labels that take part.

    In this order: labels are selected (by name, id, or with all below them), and a clip keeps those
    of its labels that are; clips are dropped at random until no label has more than its limit
    (``max_per_label``; with ``balance``, the count of the rarest); ancestors are added.

    Parameters
    ----------
    clips
        Table CLIPS, as a source gives it; its order has no influence.
    ontology
        Names and order of all labels.
    params
        The section ``filter`` of params.yaml.
    seed
        Of the random choice.
    rejected
        Table REJECTED of the source; with ``strict`` it must be empty.

    Raises
    ------
    SpikesoundError
        At the first rejected row if ``strict``; if a label is unknown or no clip has it; if a clip
        stands twice; if there are no clips.
    """
    if params.strict:
        refuse(rejected)
    if clips.empty:
        raise SpikesoundError(
            f"filter: no clips to choose from ({len(rejected)} rows were rejected)"
        )
    before = clips.sort_values("clip_id", ignore_index=True)
    twice = before["clip_id"][before["clip_id"].duplicated()]
    if len(twice):
        raise SpikesoundError(f"filter: the clip {twice.iloc[0]!r} stands twice in the source")
    selected = _selected(_counts(before["labels"]), ontology, params)
    kept = _relabel(before, [sorted(selected.intersection(row)) for row in before["labels"]])
    kept = kept[kept["labels"].map(len) > 0]
    kept = _limit(kept, params, seed)
    if params.expand:
        kept = _relabel(kept, [_expand(row, ontology) for row in kept["labels"]])
    kept = kept.reset_index(drop=True)
    used = {label for row in kept["labels"] for label in row}
    labels = {label: ontology.name(label) for label in sorted(used, key=ontology.name)}
    report = _report(before, kept, ontology, rejected)
    report["labels_lost"] = [ontology.name(label) for label in sorted(selected - used)]
    return Filtered(kept, labels, report)


def _selected(counts: Counter[str], ontology: Ontology, params: FilterParams) -> set[str]:
    """Return the ids of labels there are that the parameters name; none may be named in vain."""
    if not params.labels:
        return set(counts)
    chosen: set[str] = set()
    for name in params.labels:
        try:
            label = ontology.find(name)
        except SpikesoundError as error:
            raise SpikesoundError(f"filter.labels: {error}") from error
        meant = ontology.subtree(label) if params.subtree else {label}
        if meant.isdisjoint(counts):
            below = sorted(map(ontology.name, ontology.subtree(label) & counts.keys()))
            hint = (
                f"; below it there are {', '.join(below)} (filter.subtree: true)" if below else ""
            )
            raise SpikesoundError(f"filter.labels: no clip is labelled {name!r}{hint}")
        chosen |= meant & counts.keys()
    return chosen


def _limit(clips: pd.DataFrame, params: FilterParams, seed: int) -> pd.DataFrame:
    """Drop clips until no label has more than its limit.

    Clips are taken in a random order, those with the rarest labels first, and a clip is taken if
    none of its labels is full yet. So the rarest label keeps its clips, and no label has more than
    the limit; where clips have several labels, one may end up with fewer.
    """
    counts = _counts(clips["labels"])
    limits = [limit for limit in (params.max_per_label,) if limit is not None]
    if params.balance:
        limits.append(min(counts.values()))
    if not limits:
        return clips
    limit = min(limits)

    def rank(position: int) -> tuple[int, int]:
        # A number drawn for the clip itself does not depend on the order of the clips.
        rarest = min(counts[label] for label in labels[position])
        return rarest, derive(seed, "filter", clip_ids[position])

    labels, clip_ids = clips["labels"].tolist(), clips["clip_id"].tolist()
    taken: Counter[str] = Counter()
    chosen = []
    for position in sorted(range(len(clips)), key=rank):
        if all(taken[label] < limit for label in labels[position]):
            taken.update(labels[position])
            chosen.append(position)
    return clips.iloc[sorted(chosen)]


def _relabel(clips: pd.DataFrame, labels: list[list[str]]) -> pd.DataFrame:
    return clips.assign(labels=pd.Series(labels, index=clips.index, dtype=object))


def _expand(labels: Iterable[str], ontology: Ontology) -> list[str]:
    return sorted(set(labels).union(*(ontology.ancestors(label) for label in labels)))


def _report(
    before: pd.DataFrame, after: pd.DataFrame, ontology: Ontology, rejected: pd.DataFrame
) -> dict[str, Any]:
    had, has = _counts(before["labels"]), _counts(after["labels"])
    per_clip = Counter(map(len, after["labels"]))
    pairs = Counter(pair for row in after["labels"] for pair in combinations(row, 2))
    return {
        "clips": {"before": len(before), "after": len(after), "rejected": len(rejected)},
        "labels": {
            label: {"name": ontology.name(label), "before": had[label], "after": has[label]}
            for label in sorted({*had, *has}, key=ontology.name)
        },
        "folds": {
            fold: {"before": count, "after": int((after["fold"] == fold).sum())}
            for fold, count in sorted(Counter(before["fold"]).items())
        },
        "rejected": dict(
            sorted(Counter(reason.partition(":")[0] for reason in rejected["reason"]).items())
        ),
        "multi_label": {
            "labels_per_clip": {str(number): per_clip[number] for number in sorted(per_clip)},
            "mean": sum(has.values()) / max(len(after), 1),
            "commonest_pairs": [
                {"labels": [ontology.name(label) for label in pair], "clips": count}
                for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:10]
            ],
        },
    }


def _counts(labels: Iterable[list[str]]) -> Counter[str]:
    return Counter(label for row in labels for label in row)
