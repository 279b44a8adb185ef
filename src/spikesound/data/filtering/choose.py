"""Selection of clips and labels: chosen by label, limited and balanced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.core.seeds import derive
from spikesound.data.filtering.report import make_report
from spikesound.data.lists.audioset import refuse
from spikesound.data.lists.label_sets import LabelSets
from spikesound.data.ontology import Ontology
from spikesound.data.sources.source import Listing
from spikesound.params import FilterParams

_BLOCK_CLIPS = 20_000


@dataclass(frozen=True)
class Filtered:
    """Result of the filter.

    Attributes
    ----------
    clips
        Table CLIPS in the order of ``clip_id``, labels sorted.
    events
        Table EVENTS: those of the clips, with labels that were selected. An ancestor that
        ``expand`` adds has no events of its own.
    mixtures
        Table MIXTURES of the clips.
    labels
        {label id: display name} of the classes in use, by name: the order of the classes.
    report
        Counts for people, as :func:`~spikesound.data.filtering.report.make_report` makes them.
    """

    clips: pa.Table
    events: pa.Table
    mixtures: pa.Table
    labels: dict[str, str]
    report: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write clips, events, labels, and mixtures if there are any, as the stages read them."""
        schema.write_table(self.clips, schema.CLIPS, folder / "clips.parquet")
        schema.write_table(self.events, schema.EVENTS, folder / "events.parquet")
        if len(self.mixtures):
            schema.write_table(self.mixtures, schema.MIXTURES, folder / "mixtures.parquet")
        write_json(folder / "labels.json", self.labels)


def filter_clips(listing: Listing, ontology: Ontology, params: FilterParams, seed: int) -> Filtered:
    """Choose the clips and labels that take part.

    In this order: labels are selected (by name, id, or with all below them; then only the ``top``
    ones with most clips), and a clip keeps those of its labels that are; clips are dropped at
    random until no label has more than its limit (``max_per_label``; with ``balance``, the count
    of the rarest); ancestors are added. A clip that has no label in the source, since nothing
    sounds in it, is always kept.

    Parameters
    ----------
    listing
        What the source has. The order of its clips has no influence.
    ontology
        Names and order of all labels.
    params
        The section ``filter`` of params.yaml; with ``strict`` no row may be rejected.
    seed
        Of the random choice.

    Raises
    ------
    SpikesoundError
        At the first rejected row if ``strict``; if a label is unknown or no clip has it; if a clip
        stands twice; if there are no clips.
    """
    if params.strict:
        refuse(listing.rejected)
    if not len(listing.clips):
        raise SpikesoundError(
            f"filter: no clips to choose from ({len(listing.rejected)} rows were rejected)"
        )
    clips = _in_order(listing.clips)
    before = LabelSets.of(clips["labels"])
    named = before.mask(_selected(before, ontology, params))
    sets = before.only(named)
    unlabelled = before.sizes == 0  # the source says that nothing sounds: of no label, and kept
    with_named = int(np.count_nonzero((sets.sizes > 0) | unlabelled))
    selected = named & _top(sets.counts(), params.top)
    sets = sets.only(selected)
    left = np.flatnonzero((sets.sizes > 0) | unlabelled)
    sets = sets.take(left)
    under = _limit(sets, clips["clip_id"].take(pa.array(left)), params, seed)
    sets, kept = sets.take(under), left[under]
    dropped = {
        "no label of filter.labels": len(before) - with_named,
        "no label of filter.top": with_named - len(left),
        "above a limit of clips per label": len(left) - len(kept),
    }
    events = _events(listing.events, clips["clip_id"].take(pa.array(kept)), before, selected)
    if params.expand:
        sets = sets.widened({label: {label} | ontology.ancestors(label) for label in sets.names})
    report = make_report(listing, clips["fold"], before, sets, kept, ontology, dropped)
    used = {name for name, count in zip(sets.names, sets.counts(), strict=True) if count}
    lost = {name for name, mine in zip(before.names, selected, strict=True) if mine} - used
    report["labels_lost"] = sorted(map(ontology.name, lost))
    labels = {label: ontology.name(label) for label in sorted(used, key=ontology.name)}
    chosen = _relabelled(clips, kept, sets)
    is_chosen = pc.is_in(listing.mixtures["clip_id"], chosen["clip_id"].combine_chunks())
    return Filtered(chosen, events, listing.mixtures.filter(is_chosen), labels, report)


def _in_order(clips: pa.Table) -> pa.Table:
    """Return the clips sorted by ``clip_id``; duplicates are an error."""
    ids = clips["clip_id"]
    if not pc.all(pc.less_equal(ids[:-1], ids[1:])).as_py():
        clips = clips.sort_by("clip_id")
        ids = clips["clip_id"]
    twice = ids[1:].filter(pc.equal(ids[:-1], ids[1:]))
    if len(twice):
        raise SpikesoundError(f"filter: duplicate clip {twice[0].as_py()!r} in the source")
    return clips


def _selected(sets: LabelSets, ontology: Ontology, params: FilterParams) -> set[str]:
    """Return the ids of present labels that the parameters name; each name must match one."""
    present = set(sets.names)
    if not params.labels:
        return present
    chosen: set[str] = set()
    for name in params.labels:
        try:
            label = ontology.find(name)
        except SpikesoundError as error:
            raise SpikesoundError(f"filter.labels: {error}") from error
        meant = ontology.subtree(label) if params.subtree else {label}
        if meant.isdisjoint(present):
            below = sorted(map(ontology.name, ontology.subtree(label) & present))
            hint = (
                f"; below it there are {', '.join(below)} (filter.subtree: true)" if below else ""
            )
            raise SpikesoundError(f"filter.labels: no clip is labelled {name!r}{hint}")
        chosen |= meant & present
    return chosen


def _top(counts: NDArray[np.int64], top: int | None) -> NDArray[np.bool_]:
    """Return which labels have the most clips; of equal ones, the first ids."""
    most = np.zeros(len(counts), bool)
    most[np.argsort(-counts, kind="stable")[:top]] = True
    return most


def _limit(
    sets: LabelSets, clip_ids: pa.ChunkedArray, params: FilterParams, seed: int
) -> NDArray[np.int64]:
    """Return the clips that stay when no label may have more than its limit.

    Clips are taken in a random order, those with the rarest labels first, and a clip is taken if
    none of its labels is full yet. So the rarest label keeps its clips, and no label has more than
    the limit; where clips have several labels, one may end up with fewer. Clips without any stay.
    """
    labelled = np.flatnonzero(sets.sizes)
    if len(labelled) < len(sets):
        those = sets.take(labelled), clip_ids.take(pa.array(labelled))
        under = _limit(*those, params, seed) if len(labelled) else labelled
        return np.sort(np.concatenate([np.flatnonzero(sets.sizes == 0), labelled[under]]))
    counts = sets.counts()
    limits = [limit for limit in (params.max_per_label,) if limit is not None]
    if params.balance:
        limits.append(int(counts[counts > 0].min()))
    if not limits or min(limits) >= counts.max():
        return np.arange(len(sets))
    limit = min(limits)
    order = np.lexsort((_drawn(clip_ids, seed), sets.lowest(counts)))
    taken = [0] * len(counts)
    chosen = []
    for start in range(0, len(order), _BLOCK_CLIPS):
        some = order[start : start + _BLOCK_CLIPS]
        # What is full stays full: most clips are passed over here, all at once.
        some = some[sets.take(some).only(np.array(taken) >= limit).sizes == 0]
        part = sets.take(some)
        codes, ends = part.codes.tolist(), part.offsets.tolist()
        for clip, first, last in zip(some.tolist(), ends, ends[1:], strict=False):
            labels = codes[first:last]
            if all(taken[label] < limit for label in labels):
                chosen.append(clip)
                for label in labels:
                    taken[label] += 1
    return np.sort(np.array(chosen, np.int64))


def _drawn(clip_ids: pa.ChunkedArray, seed: int) -> NDArray[np.uint64]:
    """Draw a number for each clip: SipHash of its id under the seed, whatever the clips' order."""
    key = f"{derive(seed, 'filter'):016x}"
    parts = [
        pd.util.hash_array(
            np.array(clip_ids[start : start + _BLOCK_CLIPS].to_pylist(), object),
            hash_key=key,
            categorize=False,
        )
        for start in range(0, len(clip_ids), _BLOCK_CLIPS)
    ]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _events(
    events: pa.Table, kept: pa.ChunkedArray, sets: LabelSets, selected: NDArray[np.bool_]
) -> pa.Table:
    if not len(events):
        return events
    labels = pa.array(sets.names, pa.string()).filter(pa.array(selected))
    stays = pc.and_(
        pc.is_in(events["clip_id"], kept.combine_chunks()), pc.is_in(events["label"], labels)
    )
    return events.filter(stays)


def _relabelled(clips: pa.Table, kept: NDArray[np.int64], sets: LabelSets) -> pa.Table:
    column = clips.schema.get_field_index("labels")
    chosen = clips.drop_columns("labels")
    if len(kept) < len(clips):
        chosen = chosen.take(pa.array(kept))
    return chosen.add_column(column, "labels", sets.column())
