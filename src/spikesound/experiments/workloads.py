"""Guidance on when a spiking network is worth it (Deng et al. 2020), and what results say of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from spikesound.evaluation.measures import CLASSIFICATION, DETECTION, Measure
from spikesound.experiments.claims import MARGIN, Gap, apart

HOLDS, DOES_NOT_HOLD, NOT_DECIDED = "holds", "does not hold", "not decided"

PAPER, GENERAL = "Deng et al. 2020", "commonly stated"

Content = Mapping[str, Any]


@dataclass(frozen=True)
class Workload:
    """Results of a task on data of one kind.

    Attributes
    ----------
    name : as in the table
    measure : of the task that is compared
    difference : column of the paired difference of that measure in ``comparisons``
    costs : columns of the summary that are costs of a network, by what they are
    summary : figures of each model
    comparisons : rows of comparisons.csv
    twins : each spiking model with its conventional opponents
    """

    name: str
    measure: Measure
    difference: str
    costs: Mapping[str, str]
    summary: Content
    comparisons: Sequence[Content]
    twins: Sequence[tuple[str, str]]


def clips(summary: Content, rows: Sequence[Content], twins: Sequence[tuple[str, str]]) -> Workload:
    """Return the workload of classified clips."""
    costs = {
        "compute, MAC and AC alone": "energy_operations_nj",
        "energy with memory traffic": "energy_own_nj",
        "memory": "memory_own_kb",
    }
    measure = CLASSIFICATION[0]
    difference = f"{measure.key}_difference"
    return Workload("clips", measure, difference, costs, summary, rows, twins)


def streams(
    summary: Content, rows: Sequence[Content], twins: Sequence[tuple[str, str]]
) -> Workload:
    """Return the workload of sound events detected in streams."""
    costs = {
        "energy with memory traffic, in sound": "events_uw",
        "energy with memory traffic, in silence": "silence_uw",
    }
    measure = DETECTION[0]
    return Workload("streams", measure, measure.key, costs, summary, rows, twins)


@dataclass(frozen=True)
class Guidance:
    """A statement on spiking networks, and what the results of a workload say of it.

    Attributes
    ----------
    statement, source : what is said, and by whom
    workload : that it is checked on
    figure : what it is checked by
    verdict : :data:`HOLDS`, :data:`DOES_NOT_HOLD` or :data:`NOT_DECIDED`
    """

    statement: str
    source: str
    workload: str
    figure: str
    verdict: str


def guidance(
    workloads: Sequence[Workload], study: Sequence[Content], tones: Content
) -> list[Guidance]:
    """Return each statement with its verdict; results that are missing leave it undecided.

    Parameters
    ----------
    study : rows of the experiment `study`
    tones : content of the experiment `tones`
    """
    return [
        *(each for workload in workloads for each in no_better_on_frames(workload)),
        better_on_spikes(tones),
        bought(
            "More accurate and costlier with a longer time window",
            PAPER, study, ("snn T=1", "snn T=2", "snn T=4"), lambda row: f"T = {row['steps']}",
        ),
        bought(
            "More accurate and costlier with more spikes",
            GENERAL, study, ("snn T=2 rate 0.05", "snn T=2 rate 0.1", "snn T=2"),
            lambda row: f"{100 * row['spike_rate']:.1f} % firing rate",
        ),
        *(each for workload in workloads for each in cheaper(workload)),
    ]  # fmt: skip


def no_better_on_frames(workload: Workload) -> list[Guidance]:
    """Return whether spiking networks fail to beat their twins where the data are frames.

    It holds if the interval of the paired difference ends below 0.02, and does not if it starts
    above zero.
    """
    statement, measure = "No better than the twin on data made of frames", workload.measure
    rows = {row["pair"]: row for row in workload.comparisons}
    found = []
    for pair in (f"{spiking} vs {twin}" for spiking, twin in workload.twins):
        if pair in rows:
            ends = ("", "_low", "_high")
            gap, low, high = (float(rows[pair][f"{workload.difference}{end}"]) for end in ends)
            figure = f"{measure.title} {measure.signed(gap)}"
            figure += f" [{measure.signed(low)} to {measure.signed(high)}]"
            verdict = HOLDS if high < MARGIN else DOES_NOT_HOLD if low > 0 else NOT_DECIDED
            found.append(Guidance(statement, PAPER, f"{workload.name}: {pair}", figure, verdict))
    return found or [Guidance(statement, PAPER, workload.name, "–", NOT_DECIDED)]


def better_on_spikes(tones: Content) -> Guidance:
    """Return whether a spiking network is more accurate where a sensor gives the spikes.

    It holds if the interval of the difference from the nearest histogram starts above zero, and
    does not if it ends below 0.02.
    """
    statement, workload = "Better on spikes of event-driven sensors", "tones through a cochlea"
    settings = tones.get("settings", {})
    if not {"centred", "nearest histogram"} <= settings.keys():
        return Guidance(statement, PAPER, workload, "–", NOT_DECIDED)
    ours, theirs = (settings[name]["all"] for name in ("centred", "nearest histogram"))
    errors = [math.sqrt(share * (1 - share) / tones["recordings"]) for share in (ours, theirs)]
    gap = Gap(ours - theirs, math.hypot(*errors))
    figure = f"accuracy against the nearest histogram {gap}, {tones['recordings']} recordings"
    return Guidance(statement, PAPER, workload, figure, gained(gap))


def bought(
    statement: str,
    source: str,
    study: Sequence[Content],
    settings: Sequence[str],
    name: Callable[[Content], str],
) -> Guidance:
    """Return whether what makes a network costlier makes it more accurate.

    It holds if the energy rises from setting to setting and the interval of the gain in accuracy,
    from the first to the last, starts above zero; it does not if the energy does not rise, or the
    interval ends below 0.02.

    Parameters
    ----------
    settings : of the study, by rising cost as the statement has it
    name : of a row, in the figure
    """
    by_name = {row["setting"]: row for row in study if row["seed"] == 1}
    rows = [by_name[each] for each in settings if each in by_name]
    if len(rows) < len(settings):
        return Guidance(statement, source, "clips, `study`", "–", NOT_DECIDED)
    gap = apart(rows[-1], rows[0])
    rises = all(one["energy_nj"] < other["energy_nj"] for one, other in pairwise(rows))
    parts = (
        f"{name(row)}: {100 * row['accuracy']:.1f} %, {row['energy_nj'] / 1000:.3g} µJ"
        for row in rows
    )
    verdict = gained(gap) if rises else DOES_NOT_HOLD
    return Guidance(statement, source, "clips, `study`", f"{'; '.join(parts)}; {gap}", verdict)


def gained(gap: Gap) -> str:
    """Return the verdict on a gain: its interval starts above zero, or ends below 0.02."""
    return HOLDS if gap.low > 0 else DOES_NOT_HOLD if gap.high < MARGIN else NOT_DECIDED


def cheaper(workload: Workload) -> list[Guidance]:
    """Return whether spiking networks need less than their twins of each cost.

    It holds if every spiking network needs less than each of its twins, does not if none does, and
    is undecided, "it depends", else.
    """
    found = []
    for what, key in workload.costs.items():
        ratios = [
            (pair, workload.summary[pair[0]][key] / workload.summary[pair[1]][key])
            for pair in workload.twins
            if all(workload.summary.get(each, {}).get(key) for each in pair)
        ]
        less = [ratio < 1 for _, ratio in ratios]
        verdict = HOLDS if all(less) else DOES_NOT_HOLD if not any(less) else "it depends"
        parts = (f"{ratio:.2f} of {twin}" for (_, twin), ratio in ratios)
        found.append(
            Guidance(
                f"Cheaper than the twin: {what}", GENERAL, workload.name,
                "; ".join(parts) or "–", verdict if ratios else NOT_DECIDED,
            )
        )  # fmt: skip
    return found
