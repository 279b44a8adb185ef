"""Filtering: what is selected, limited and expanded, and what the report says of it."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLIPS, EVENTS, REJECTED
from spikesound.data.filtering import choose as filtering
from spikesound.data.filtering.choose import Filtered, filter_clips
from spikesound.data.filtering.report import report_table
from spikesound.data.lists import label_sets
from spikesound.data.lists.label_sets import LabelSets
from spikesound.data.ontology import Ontology
from spikesound.data.sources.source import Listing
from spikesound.params import FilterParams

# Animal -> Dog -> Bark, Howl; Animal -> Cat; Rain and Zither stand alone.
ONTOLOGY = Ontology(
    {"1": "Animal", "2": "Dog", "3": "Bark", "4": "Howl", "5": "Cat", "6": "Rain", "7": "Zither"},
    {"1": ["2", "5"], "2": ["3", "4"]},
)
KEEP_ALL = FilterParams(
    labels=[], subtree=False, top=None, expand=False, max_per_label=None, balance=False, strict=True
)


def clips(*labels: list[str]) -> pa.Table:
    names = [f"m{n:03d}" for n in range(len(labels))]
    rows = [(f"{m}_0", m, m, 0.0, 1.0, labels[n], str(n % 2)) for n, m in enumerate(names)]
    return pa.Table.from_pylist(
        [dict(zip(CLIPS.names, row, strict=True)) for row in rows], schema=CLIPS
    )


def listing(
    table: pa.Table, rejected: pa.Table | None = None, events: pa.Table | None = None
) -> Listing:
    return Listing(
        table,
        REJECTED.empty_table() if rejected is None else rejected,
        EVENTS.empty_table() if events is None else events,
    )


def run(
    table: pa.Table, *, seed: int = 1, events: pa.Table | None = None, **changes: object
) -> Filtered:
    params = KEEP_ALL.model_copy(update=changes)
    return filter_clips(listing(table, events=events), ONTOLOGY, params, seed)


def labels_of(result: Filtered) -> list[list[str]]:
    return result.clips["labels"].to_pylist()


def counts_of(result: Filtered) -> Counter[str]:
    return Counter(label for row in labels_of(result) for label in row)


def test_no_selection_keeps_everything() -> None:
    frame = clips(["3"], ["5", "6"], ["6"])
    result = run(frame)
    assert result.clips.equals(frame)
    assert result.clips.schema == CLIPS


def test_the_classes_are_those_in_use_by_display_name() -> None:
    result = run(clips(["7"], ["5", "6"], ["3"]))
    assert list(result.labels.items()) == [
        ("3", "Bark"),
        ("5", "Cat"),
        ("6", "Rain"),
        ("7", "Zither"),
    ]


@pytest.mark.parametrize("wanted", [["Rain", "bark"], ["6", "3"]])
def test_selection_by_name_or_id_keeps_only_the_selected_labels(wanted: list[str]) -> None:
    result = run(clips(["3", "5"], ["5"], ["6"], ["3", "6"]), labels=wanted)
    assert labels_of(result) == [["3"], ["6"], ["3", "6"]]
    assert result.clips["clip_id"].to_pylist() == ["m000_0", "m002_0", "m003_0"]


def test_a_subtree_selects_all_below() -> None:
    frame = clips(["3"], ["4", "6"], ["6"], ["2"], ["5"])
    assert labels_of(run(frame, labels=["Dog"], subtree=True)) == [["3"], ["4"], ["2"]]
    assert labels_of(run(frame, labels=["Dog"])) == [["2"]]


def test_expanding_adds_all_ancestors() -> None:
    result = run(clips(["3", "6"], ["5"]), expand=True)
    assert labels_of(result) == [["1", "2", "3", "6"], ["1", "5"]]
    assert list(result.labels.values()) == ["Animal", "Bark", "Cat", "Dog", "Rain"]


def test_max_per_label_is_never_exceeded_and_reached_where_it_can_be() -> None:
    result = run(clips(*[["3"]] * 10, *[["5"]] * 4, *[["6"]] * 2), max_per_label=4)
    assert counts_of(result) == {"3": 4, "5": 4, "6": 2}


def test_balance_cuts_every_label_to_the_rarest() -> None:
    frame = clips(*[["3"]] * 10, *[["5"]] * 4, *[["6"]] * 3)
    assert counts_of(run(frame, balance=True)) == {"3": 3, "5": 3, "6": 3}
    assert counts_of(run(frame, balance=True, max_per_label=2)) == {"3": 2, "5": 2, "6": 2}


def test_limits_do_not_count_ancestors() -> None:
    result = run(clips(["3"], ["3"], ["4"], ["4"]), max_per_label=2, expand=True)
    assert counts_of(result) == {"1": 4, "2": 4, "3": 2, "4": 2}


def test_the_choice_hangs_on_the_seed() -> None:
    frame = clips(*[["3"]] * 40)
    chosen = [
        set(run(frame, max_per_label=10, seed=seed).clips["clip_id"].to_pylist())
        for seed in (1, 1, 2)
    ]
    assert chosen[0] == chosen[1] != chosen[2]


label_lists = st.sets(st.sampled_from("34567"), min_size=1).map(sorted)


@pytest.mark.slow
@given(st.lists(label_lists, min_size=1, max_size=12), st.integers(1, 4), st.booleans(), st.data())
def test_the_choice_does_not_hang_on_the_order_of_rows(
    rows: list[list[str]], limit: int, balance: bool, data: st.DataObject
) -> None:
    frame = clips(*rows)
    order = data.draw(st.permutations(range(len(rows))))
    ordered = run(frame, max_per_label=limit, balance=balance)
    shuffled = run(frame.take(list(order)), max_per_label=limit, balance=balance)
    assert ordered.clips.equals(shuffled.clips)
    assert max(counts_of(ordered).values()) <= limit


def test_an_unknown_label_is_named_with_the_nearest() -> None:
    with pytest.raises(SpikesoundError, match=r"filter\.labels: unknown label 'Barc'.*'Bark'"):
        run(clips(["3"]), labels=["Barc"])


def test_a_label_without_clips_is_an_error_that_tells_of_those_below_it() -> None:
    frame = clips(["3"], ["6"])
    with pytest.raises(SpikesoundError, match=r"labelled 'Dog'; below it there are Bark"):
        run(frame, labels=["Dog"])
    with pytest.raises(SpikesoundError, match=r"labelled 'Zither'$"):
        run(frame, labels=["Rain", "Zither"])


def rejected_rows() -> pa.Table:
    rows = [
        ("a.csv", 3, "#NAME?,0,1,x", "id lost in a spreadsheet: '#NAME?'"),
        ("a.csv", 7, "v,0,1,y", "unknown label: y"),
        ("a.csv", 9, "v,0,1,z", "unknown label: z"),
    ]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=REJECTED)


def test_strict_stops_at_a_rejected_row_and_lenient_counts_them() -> None:
    with pytest.raises(SpikesoundError, match=r"a\.csv, line 3: .*3 damaged rows"):
        filter_clips(listing(clips(["3"]), rejected_rows()), ONTOLOGY, KEEP_ALL, 1)
    lenient = KEEP_ALL.model_copy(update={"strict": False})
    result = filter_clips(listing(clips(["3"]), rejected_rows()), ONTOLOGY, lenient, 1)
    assert result.report["rejected"] == {"id lost in a spreadsheet": 1, "unknown label": 2}
    assert result.report["clips"] == {"asked": 4, "kept": 1, "dropped": 0, "rejected": 3}


def test_what_is_rejected_without_a_line_is_no_damage() -> None:
    rows = rejected_rows()
    at = rows.schema.get_field_index("line")
    files = rows.set_column(at, rows.field(at), pa.array([0] * len(rows), pa.int64()))
    result = filter_clips(listing(clips(["3"]), files), ONTOLOGY, KEEP_ALL, 1)
    assert result.report["clips"]["rejected"] == 3


def test_the_report_counts_before_and_after() -> None:
    frame = clips(["3", "6"], ["3"], ["3"], ["6"], ["5"])
    report = run(frame, labels=["Bark", "Rain"], max_per_label=2).report
    assert report["clips"] == {"asked": 5, "kept": 3, "dropped": 2, "rejected": 0}
    assert report["dropped"] == {
        "no label of filter.labels": 1,
        "above a limit of clips per label": 1,
    }
    assert report["labels"] == {
        "3": {"name": "Bark", "before": 3, "after": 2},
        "5": {"name": "Cat", "before": 1, "after": 0},
        "6": {"name": "Rain", "before": 2, "after": 2},
    }
    assert report["folds"]["0"]["before"] == 3
    assert sum(fold["after"] for fold in report["folds"].values()) == 3
    assert report["multi_label"] == {
        "labels_per_clip": {"1": 2, "2": 1},
        "mean": 4 / 3,
        "commonest_pairs": [{"labels": ["Bark", "Rain"], "clips": 1}],
    }
    assert report["labels_lost"] == []
    assert json.loads(json.dumps(report)) == report


def test_a_label_that_the_limit_leaves_no_clip_is_reported_as_lost() -> None:
    # Cat is filled by the two rarer labels, and Rain stands beside Cat only.
    frame = clips(["3", "5"], ["4", "5"], *[["5", "6"]] * 3)
    result = run(frame, max_per_label=2)
    assert result.report["labels_lost"] == ["Rain"]
    assert "6" not in result.labels


def test_no_clips_or_one_that_stands_twice_is_an_error() -> None:
    with pytest.raises(SpikesoundError, match="no clips to choose from"):
        run(clips())
    with pytest.raises(SpikesoundError, match="duplicate clip 'm000_0'"):
        run(pa.concat_tables([clips(["3"]), clips(["3"])]))


def test_top_keeps_the_labels_with_most_clips_among_the_selected() -> None:
    frame = clips(*[["3"]] * 3, *[["5"]] * 2, *[["6"]] * 4, ["7"], ["4", "7"])
    assert counts_of(run(frame, top=2)) == {"6": 4, "3": 3}
    # Of as common ones, the first id.
    assert counts_of(run(frame, top=3)) == {"6": 4, "3": 3, "5": 2}
    assert counts_of(run(frame, top=9)) == {"3": 3, "4": 1, "5": 2, "6": 4, "7": 2}
    animals = run(frame, labels=["Animal", "Zither"], subtree=True, top=2, balance=True)
    assert counts_of(animals) == {"3": 2, "5": 2}
    assert animals.report["dropped"] == {
        "no label of filter.labels": 4,
        "no label of filter.top": 2,
        "above a limit of clips per label": 1,
    }


def test_events_follow_their_clips_and_labels() -> None:
    rows = [
        {"clip_id": clip_id, "label": label, "onset_s": 0.0, "offset_s": 0.5}
        for clip_id, label in [("m000_0", "3"), ("m000_0", "6"), ("m001_0", "6"), ("m002_0", "3")]
    ]
    events = pa.Table.from_pylist(rows, schema=EVENTS)
    result = run(clips(["3", "6"], ["6"], ["3"]), events=events, labels=["Bark"], expand=True)
    assert result.events.to_pylist() == [rows[0], rows[3]]
    assert labels_of(result) == [["1", "2", "3"]] * 2


@pytest.mark.slow
@given(
    st.lists(label_lists, min_size=1, max_size=12),
    st.sampled_from([[], ["3", "6"], ["Animal"]]),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)
def test_kept_dropped_and_rejected_are_all_that_was_asked(
    rows: list[list[str]],
    labels: list[str],
    top: int | None,
    limit: int | None,
    balance: bool,
    expand: bool,
) -> None:
    changes = {"labels": labels, "top": top, "max_per_label": limit, "balance": balance}
    params = KEEP_ALL.model_copy(
        update={**changes, "subtree": True, "expand": expand, "strict": False}
    )
    try:
        result = filter_clips(listing(clips(*rows), rejected_rows()), ONTOLOGY, params, 1)
    except SpikesoundError as error:
        assert "no clip is labelled" in str(error)  # noqa: PT017
        return
    report = result.report
    counts = report["clips"]
    assert counts["asked"] == len(rows) + 3 == sum(counts.values()) - counts["asked"]
    assert counts["dropped"] == sum(report["dropped"].values())
    assert counts["rejected"] == sum(report["rejected"].values())
    assert counts["kept"] == len(result.clips) == sum(f["after"] for f in report["folds"].values())
    after = {label: row["after"] for label, row in report["labels"].items() if row["after"]}
    assert after == counts_of(result)
    before = {label: row["before"] for label, row in report["labels"].items() if row["before"]}
    assert before == Counter(label for row in rows for label in row)


def greedy(rows: list[list[str]], limit: int, seed: int) -> list[int]:
    """Choose clip by clip, as the filter says that it does."""
    counts = Counter(label for row in rows for label in row)
    ids = pa.chunked_array([[f"m{n:03d}_0" for n in range(len(rows))]])
    drawn = filtering._drawn(ids, seed)
    taken: Counter[str] = Counter()
    chosen = []
    for n in sorted(range(len(rows)), key=lambda n: (min(counts[x] for x in rows[n]), drawn[n])):
        if all(taken[label] < limit for label in rows[n]):
            taken.update(rows[n])
            chosen.append(n)
    return sorted(chosen)


@pytest.mark.slow
@given(st.lists(label_lists, min_size=1, max_size=40), st.integers(1, 6), st.integers(1, 4))
def test_the_choice_in_blocks_is_that_of_a_plain_loop(
    rows: list[list[str]], limit: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "_BLOCK_CLIPS", block)
        result = run(clips(*rows), max_per_label=limit)
    expected = [f"m{n:03d}_0" for n in greedy(rows, limit, 1)]
    assert result.clips["clip_id"].to_pylist() == expected


wider_lists = st.sets(st.sampled_from("abcdef")).map(sorted)


@pytest.mark.slow
@given(st.lists(wider_lists, max_size=12), st.integers(1, 5), st.data())
def test_sets_of_labels_do_what_python_sets_do(
    rows: list[list[str]], block: int, data: st.DataObject
) -> None:
    wider = {x: sorted({x, *data.draw(st.sets(st.sampled_from("xyz")))}) for x in "abcdef"}
    wanted = data.draw(st.sets(st.sampled_from("abcdef")))
    clips_ = data.draw(st.lists(st.integers(0, max(len(rows) - 1, 0)), max_size=6)) if rows else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_sets, "_BLOCK_CLIPS", block)
        sets = LabelSets.of(pa.chunked_array([rows[:5], rows[5:]], pa.list_(pa.string())))
        assert sets.column().to_pylist() == rows
        assert sets.take(np.array(clips_, np.int64)).column().to_pylist() == [
            rows[clip] for clip in clips_
        ]
        only = sets.only(sets.mask(wanted))
        assert only.column().to_pylist() == [[x for x in row if x in wanted] for row in rows]
        assert sets.widened({name: wider[name] for name in sets.names}).column().to_pylist() == [
            sorted({y for x in row for y in wider[x]}) for row in rows
        ]
        pairs = Counter((x, y) for row in rows for x in row for y in row if x < y)
        assert sets.pairs().tolist() == [[pairs[x, y] for y in sets.names] for x in sets.names]


def test_the_report_in_short_has_the_causes_and_the_commonest_labels() -> None:
    frame = clips(*[["3"]] * 4, ["6"])
    text = report_table(run(frame, labels=["Bark"], max_per_label=3).report)
    assert [line.split() for line in text.splitlines()] == [
        ["5", "clips", "listed"],
        ["1", "dropped:", "no", "label", "of", "filter.labels"],
        ["1", "dropped:", "above", "a", "limit", "of", "clips", "per", "label"],
        ["3", "kept"],
        [],
        ["before", "after", "label"],
        ["4", "3", "Bark"],
        ["1", "0", "Rain"],
    ]
