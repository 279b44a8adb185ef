"""Filtering: what is selected, limited and expanded, and what the report says of it."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.data.filtering import Filtered, filter_clips
from spikesound.data.ontology import Ontology
from spikesound.errors import SpikesoundError
from spikesound.params import FilterParams
from spikesound.schema import CLIPS, REJECTED

# Animal -> Dog -> Bark, Howl; Animal -> Cat; Rain and Zither stand alone.
ONTOLOGY = Ontology(
    {"1": "Animal", "2": "Dog", "3": "Bark", "4": "Howl", "5": "Cat", "6": "Rain", "7": "Zither"},
    {"1": ["2", "5"], "2": ["3", "4"]},
)
NONE_REJECTED = pd.DataFrame(columns=REJECTED.names)
KEEP_ALL = FilterParams(
    labels=[], subtree=False, expand=False, max_per_label=None, balance=False, strict=True
)


def clips(*labels: list[str]) -> pd.DataFrame:
    names = [f"m{n:03d}" for n in range(len(labels))]
    rows = [(f"{m}_0", m, m, 0.0, 1.0, labels[n], str(n % 2)) for n, m in enumerate(names)]
    return pd.DataFrame(rows, columns=CLIPS.names)


def run(frame: pd.DataFrame, *, seed: int = 1, **changes: object) -> Filtered:
    params = KEEP_ALL.model_copy(update=changes)
    return filter_clips(frame, ONTOLOGY, params, seed, rejected=NONE_REJECTED)


def labels_of(result: Filtered) -> list[list[str]]:
    return result.clips["labels"].tolist()


def counts_of(result: Filtered) -> Counter[str]:
    return Counter(label for row in labels_of(result) for label in row)


def test_no_selection_keeps_everything() -> None:
    frame = clips(["3"], ["5", "6"], ["6"])
    result = run(frame)
    pd.testing.assert_frame_equal(result.clips, frame)


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
    assert result.clips["clip_id"].tolist() == ["m000_0", "m002_0", "m003_0"]


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
    chosen = [set(run(frame, max_per_label=10, seed=seed).clips["clip_id"]) for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]


label_lists = st.sets(st.sampled_from("34567"), min_size=1).map(sorted)


@given(st.lists(label_lists, min_size=1, max_size=12), st.integers(1, 4), st.booleans(), st.data())
def test_the_choice_does_not_hang_on_the_order_of_rows(
    rows: list[list[str]], limit: int, balance: bool, data: st.DataObject
) -> None:
    frame = clips(*rows)
    order = data.draw(st.permutations(range(len(rows))))
    ordered = run(frame, max_per_label=limit, balance=balance)
    shuffled = run(frame.iloc[list(order)], max_per_label=limit, balance=balance)
    pd.testing.assert_frame_equal(ordered.clips, shuffled.clips)
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


def rejected_rows() -> pd.DataFrame:
    rows = [
        ("a.csv", 3, "#NAME?,0,1,x", "id lost in a spreadsheet: '#NAME?'"),
        ("a.csv", 7, "v,0,1,y", "unknown label: y"),
        ("a.csv", 9, "v,0,1,z", "unknown label: z"),
    ]
    return pd.DataFrame(rows, columns=REJECTED.names)


def test_strict_stops_at_a_rejected_row_and_lenient_counts_them() -> None:
    with pytest.raises(SpikesoundError, match=r"a\.csv, line 3: .*3 damaged rows"):
        filter_clips(clips(["3"]), ONTOLOGY, KEEP_ALL, 1, rejected=rejected_rows())
    lenient = KEEP_ALL.model_copy(update={"strict": False})
    result = filter_clips(clips(["3"]), ONTOLOGY, lenient, 1, rejected=rejected_rows())
    assert result.report["rejected"] == {"id lost in a spreadsheet": 1, "unknown label": 2}
    assert result.report["clips"] == {"before": 1, "after": 1, "rejected": 3}


def test_the_report_counts_before_and_after() -> None:
    frame = clips(["3", "6"], ["3"], ["3"], ["6"], ["5"])
    report = run(frame, labels=["Bark", "Rain"], max_per_label=2).report
    assert report["clips"] == {"before": 5, "after": 3, "rejected": 0}
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
    with pytest.raises(SpikesoundError, match="'m000_0' stands twice"):
        run(pd.concat([clips(["3"]), clips(["3"])]))
