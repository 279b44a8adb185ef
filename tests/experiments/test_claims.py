"""Fronts and claims, from rows of results that are made up."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from project import ROOT, module_of

from spikesound.experiments.claims import (
    NOT_DECIDED,
    NOT_SUPPORTED,
    SUPPORTED,
    Gap,
    apart,
    better,
    claims,
    no_worse,
    paired,
)
from spikesound.experiments.fronts import candidates, front, reached


def row(name: str, side: str, validation: float, nj: float, **more: Any) -> dict[str, Any]:
    own = {f"{account}_nj": nj for account in ("plain", "full")}
    own |= {f"{account}_design": "dense" for account in ("plain", "full")}  # type: ignore[dict-item]
    return {
        "setting": name, "side": side, "seed": 1, "family": "snn" if side == "spiking" else "ann",
        "validation_accuracy": validation, "accuracy": validation - 0.02,
        "accuracy_low": validation - 0.06, "accuracy_high": validation + 0.02,
        "spike_rate": 0.05 if side == "spiking" else None, "accounts": {"own": own},
        "parameters": 9,
    } | more  # fmt: skip


ROWS = [
    row("ann int8", "conventional", 0.90, 100.0),
    row("ann wasteful", "conventional", 0.85, 120.0),
    row("ann small", "conventional", 0.80, 20.0),
    row("snn", "spiking", 0.88, 60.0, spike_rate=0.15),
    row("snn sparse", "spiking", 0.86, 10.0),
]


def test_a_front_is_chosen_by_validation_and_energy() -> None:
    known = candidates(ROWS)
    assert [each.name for each in front(known, "conventional", "plain")] == [
        "ann small",
        "ann int8",
    ]
    assert [each.name for each in front(known, "spiking", "plain")] == ["snn sparse", "snn"]


def test_the_cheapest_of_each_side_at_each_accuracy() -> None:
    found = reached(candidates(ROWS), "plain")
    names = [
        (each.validation, *(one.name if one else None for one in each.chosen.values()))
        for each in found
    ]
    assert names == [
        (0.90, None, "ann int8"), (0.88, "snn", "ann int8"), (0.86, "snn sparse", "ann int8"),
        (0.80, "snn sparse", "ann small"),
    ]  # fmt: skip
    assert [each.ratio("plain") for each in found] == [None, 0.6, 0.1, 0.5]


def test_an_exit_is_a_candidate_of_its_own() -> None:
    early = row("x", "spiking", 0.87, 30.0) | {"confidence": 0.8, "steps": 1.5}
    known = candidates([row("snn, exits", "spiking", 0.88, 60.0, exits=[early])])
    assert [each.name for each in known] == ["snn", "snn, exit at 0.8"]
    assert [each.of("plain") for each in known] == [60.0, 30.0]


def test_seeds_are_averaged() -> None:
    known = candidates([row("a", "spiking", 0.9, 1.0), row("a", "spiking", 0.8, 3.0, seed=2)])
    (found,) = known
    assert (found.seeds, found.validation, found.of("plain")) == (2, pytest.approx(0.85), 2.0)


@pytest.mark.parametrize(
    ("value", "error", "is_better", "is_no_worse"),
    [
        (0.05, 0.01, SUPPORTED, SUPPORTED),
        (0.0, 0.005, NOT_SUPPORTED, SUPPORTED),
        (0.0, 0.05, NOT_DECIDED, NOT_DECIDED),
        (-0.10, 0.01, NOT_SUPPORTED, NOT_SUPPORTED),
    ],
)
def test_verdicts(value: float, error: float, is_better: str, is_no_worse: str) -> None:
    assert better(Gap(value, error)) == is_better
    assert no_worse(Gap(value, error)) == is_no_worse


def test_differences() -> None:
    gap = apart(ROWS[0], ROWS[4])
    assert gap.value == pytest.approx(0.04)
    assert gap.error == pytest.approx(2**0.5 * 0.08 / (2 * 1.959964), rel=1e-5)
    of_pairs = paired([0.1, 0.3])
    assert (of_pairs.value, of_pairs.error) == (pytest.approx(0.2), pytest.approx(0.1))
    assert of_pairs.high == pytest.approx(0.2 + 12.7062 * 0.1, rel=1e-4)


def test_without_results_nothing_is_decided() -> None:
    found = claims({})
    assert {each.verdict for each in found} == {NOT_DECIDED}
    assert len({each.experiment for each in found}) == 5


def times(change: float, p: float) -> list[dict[str, Any]]:
    ends = {"change": change, "change_low": change - 0.01, "change_high": change + 0.01, "p": p}
    return [{"condition": "both shuffled", "where": "both", "jitter": None} | ends]


def test_claims_of_rows() -> None:
    latency = row("latency", "spiking", 0.9, 1.0, times=times(-0.2, 0.001))
    shuffled = row("latency, shuffled", "spiking", 0.5, 1.0)
    rate = row("rate", "spiking", 0.9, 1.0, times=times(0.0, 0.9))
    by_class = {f"/m/{number}": [1.0, 0.9, 0.9 - 0.01 * number] for number in range(4)}
    worse = {label: [0.2, 0.9, 0.5] for label in by_class}
    learnt = [
        row("snn, first half", "spiking", 0.9, 1.0, new_sounds=[
            {"rule": "delta", "recordings": 5, "by_class": by_class}]),
        row("ann, first half", "conventional", 0.9, 1.0, new_sounds=[
            {"rule": "prototypes", "recordings": 5, "by_class": worse}]),
    ]  # fmt: skip
    found = claims(
        {
            "sweep": {"planned": 9, "rows": ROWS},
            "temporal": {"planned": 3, "rows": [latency, shuffled, rate]},
            "new_sounds": {"planned": 2, "rows": learnt},
            "sizes": {"planned": 2, "rows": [
                row("snn 1k", "spiking", 0.9, 1.0), row("ann 1k", "conventional", 0.9, 1.0)]},
        }
    )  # fmt: skip
    verdicts = {each.claim: each for each in found}
    energy = verdicts[
        "Less energy at equal accuracy, each side at its best (operations and memory)"
    ]
    assert energy.verdict == SUPPORTED
    assert energy.figure == "energy ratio 0.60 at 88.0 %; 0.10 at 86.0 %; 0.50 at 80.0 %"
    assert energy.experiment == "`sweep`, 5 of 9 rows"
    assert verdicts["A trained network relies on spike times (latency)"].verdict == SUPPORTED
    assert verdicts["A trained network relies on spike times (rate)"].verdict == NOT_SUPPORTED
    assert verdicts["Spike times carry what counts do not (latency)"].verdict == SUPPORTED
    sound = "A new sound is learnt from 5 recordings without loss of the others, local rule"
    assert verdicts[sound].verdict == SUPPORTED
    assert verdicts["As accurate as its twin with 9 parameters"].verdict == NOT_DECIDED


def test_the_picture_has_a_point_for_each_setting_and_the_fronts_names() -> None:
    picture = module_of(ROOT / "benchmarks/front_picture.py").picture(candidates(ROWS))
    root = ElementTree.fromstring(picture)
    titles = [each.text for each in root.iter() if each.tag.endswith("title")]
    assert titles == [
        "snn: 86.0 %, 0.06 µJ", "snn sparse: 84.0 %, 0.01 µJ", "ann int8: 88.0 %, 0.1 µJ",
        "ann wasteful: 83.0 %, 0.12 µJ", "ann small: 78.0 %, 0.02 µJ",
    ]  # fmt: skip
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert {"snn", "snn sparse", "ann int8", "ann small"} <= set(texts)
    assert "ann wasteful" not in texts, "it is on no front"
    words = root.attrib["aria-label"]
    assert "spiking: snn sparse 84.0 % at 0.01 µJ; snn 86.0 % at 0.06 µJ" in words
