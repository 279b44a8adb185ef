"""The answer at the top of the page: what it says in each case, and its three figures."""

from __future__ import annotations

import pytest

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, WORSE, Difference
from spikesound.evaluation.measures import CLASSIFICATION
from spikesound.report.answer import bars, conditions, headline, lifetime, of_a_hundred

PAIR = ("snn", "ann")
ACCURACY = CLASSIFICATION[0]


@pytest.mark.parametrize(
    ("needs", "other", "outcome", "begins"),
    [
        (None, None, NOT_SHOWN, "Not to be said: the energy"),
        (1.0, ("ann-sparse", 2.0), BETTER, "No: snn needs 1.00 times"),
        (
            0.4,
            ("ann-sparse", 1.1),
            BETTER,
            "Not against every conventional network: snn needs 0.40",
        ),
        (0.4, ("ann-int8", 0.9), WORSE, "Only if some quality may be given up: snn needs 0.40"),
        (0.4, None, NOT_SHOWN, "Perhaps: snn needs 0.40"),
        (0.4, None, None, "Perhaps: snn needs 0.40"),
        (0.4, ("ann-int8", 0.9), BETTER, "Yes, by these figures: snn needs 0.40"),
    ],
)
def test_the_answer_follows_from_energy_and_the_comparison(
    needs: float | None, other: tuple[str, float] | None, outcome: str | None, begins: str
) -> None:
    assert headline(PAIR, needs, other, outcome, "energy").startswith(begins)


def test_the_conditions_name_equivalence_and_what_the_clips_can_show() -> None:
    near = Difference(0.0, -0.01, 0.01, 1.0, 1.0, 0.005, 1e-4, 1e-3, 0.014, 0.02)
    found = conditions(near, ACCURACY, 0.95, 0.02)
    assert "It is shown that the two are equal within 2 points of accuracy." in found
    assert "a difference of 1.4 points of accuracy or more with a power of 80 %" in found[-1]
    unsure = near._replace(equivalence_p_corrected=0.4)
    found = conditions(unsure, ACCURACY, 0.95, 0.02)
    assert "It is not shown either that the two are equal within 2 points of accuracy." in found
    apart = unsure._replace(p_corrected=0.001)
    assert not any("equal" in each for each in conditions(apart, ACCURACY, 0.95, 0.02))
    assert "not compared" in conditions(None, ACCURACY, 0.95, None)[-1]


def test_the_life_of_a_coin_cell_by_hand() -> None:
    watts = 0.225 * 3 / (24 * 100)  # 225 mAh at 3 V, in a hundred days
    assert lifetime(watts) == "100 days"
    assert lifetime(watts / 36.5) == "10.0 years"


def test_shares_are_told_as_things_of_a_hundred() -> None:
    values = [of_a_hundred("Right", ours, 0.875, "").value for ours in (0.855, 0.875, 0.9)]
    assert values == ["2 fewer", "as many", "2.5 more"]


def test_bars_are_as_long_as_costs_and_the_cheapest_comes_first() -> None:
    found = bars(
        {"ann": 644.0, "snn": 254.0, "rnn": 70.9},
        {"ann": "87.5 %", "snn": "85.5 %", "rnn": "71.0 %"},
        "µJ",
        {"ann": "ann", "snn": "snn", "rnn": "ann"},
        PAIR,
    )
    assert [(bar.name, bar.width, bar.cost, bar.of_pair) for bar in found] == [
        ("rnn", 11.0, "70.9 µJ", False),
        ("snn", 39.4, "254 µJ", True),
        ("ann", 100.0, "644 µJ", True),
    ]
