"""The answer on a detector and its twin, and the two sentences that give its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from spikesound.evaluation.measures import DETECTION
from spikesound.evaluation.summary import Metrics
from spikesound.report.answer import (
    Answer,
    Fact,
    bars,
    battery,
    conditions,
    headline,
    of_a_hundred,
    said,
)
from spikesound.report.comparison import margin_of, ordered_pairs, paired, sentence
from spikesound.report.energy import flow_name, profile_name
from spikesound.report.families import Pair, Rows, family
from spikesound.report.inputs import ReportInputs
from spikesound.report.numbers import as_float, number, share, times, value_of
from spikesound.report.power import SOUNDS, default_setting, ratios
from spikesound.report.results import Results
from spikesound.report.verdict import NO_PAIR

PSDS, EVENT_F1 = DETECTION[0], DETECTION[2]
NO_POWER = "What power they need was not computed in this run."


def verdict(summary: Mapping[str, Metrics], results: Results, table: Rows) -> list[str]:
    """Return two sentences on the first spiking detector with a twin: detection, and power."""
    pairs = ordered_pairs(summary, table, PSDS)
    if not pairs:
        return [NO_PAIR]
    return [
        sentence(summary, results, pairs[0], [PSDS, EVENT_F1]),
        on_power(summary, results.power, pairs[0]),
    ]


def on_power(summary: Mapping[str, Metrics], power: pd.DataFrame | None, pair: Pair) -> str:
    """Say what power the spiking detector needs beside its twin, in each kind of sound."""
    if power is None:
        return NO_POWER
    setting = default_setting(power, summary)
    bare = ratios(power, pair, setting, "operations", "dense")
    whole = ratios(power, pair, setting, "memory", "dense")
    if not bare or not whole:
        return NO_POWER
    text = (
        "Counting multiply-accumulates and accumulates alone, it needs "
        f"{_in_sounds(bare, ' times the twin’s power')}; "
        f"with memory counted, {_listed(whole)} times"
    )
    skipping = ratios(power, pair, setting, "memory", "zero_skipping")
    if skipping:
        text += f", and {_listed(skipping)} times that of a twin that skips zeros"
    return f"{text} ({profile_name(setting[0])}, {flow_name(setting[1])})."


def answer(inputs: ReportInputs) -> Answer:
    """Return the answer on the first spiking detector with a twin."""
    summary, results = inputs.summary, inputs.results
    pairs = ordered_pairs(summary, inputs.table, PSDS)
    if not pairs:
        return Answer([NO_PAIR])
    pair = pairs[0]
    difference = (paired(results, *pair, [PSDS]) or {}).get(PSDS.key)
    needs, other = _needs(summary, results.power, pair)
    outcome = None if difference is None else difference.outcome(inputs.confidence)
    psds = " against ".join(value_of(PSDS, summary[name][PSDS.key]) for name in pair)
    costs = {
        name: needed
        for name in _alike(inputs, pair[0])
        if (needed := as_float(summary[name].get("events_uw"))) is not None
    }
    return Answer(
        [
            headline(pair, needs, other, outcome, "power in sound"),
            f"PSDS 1, which rewards exact times: {psds}{said(outcome)}, on "
            f"{summary['dataset']['clips_scored']} scenes of recordings that no network was "
            "trained on.",
        ],
        conditions(difference, PSDS, inputs.confidence, margin_of(results, *pair)),
        _facts(summary, pair),
        bars(
            costs,
            {name: value_of(PSDS, summary[name][PSDS.key]) for name in costs},
            "µW",
            {name: family(name, inputs.table) for name in costs},
            pair,
        ),
        "Power in sound",
        PSDS.title,
    )


def _needs(
    summary: Mapping[str, Metrics], power: pd.DataFrame | None, pair: Pair
) -> tuple[float | None, tuple[str, float] | None]:
    """Return power in sound over the twin's, and over that of the twin where zeros are skipped."""
    if power is None:
        return None, None
    setting = default_setting(power, summary)
    dense, skipping = (
        ratios(power, pair, setting, "memory", way).get("events")
        for way in ("dense", "zero_skipping")
    )
    return dense, None if skipping is None else (f"{pair[1]} with zero-skipping", skipping)


def _alike(inputs: ReportInputs, name: str) -> list[str]:
    """Return the networks that were trained on the same kind of labels as one of them."""
    table = inputs.table
    labels = table[name].labels
    return [each for each in inputs.models if each in table and table[each].labels == labels]


def _facts(summary: Mapping[str, Metrics], pair: Pair) -> list[Fact]:
    """Return power, life of a battery, and missed events, as far as they are there."""
    listed = []
    sound, silence, missed = (
        [as_float(summary[name].get(key)) for name in pair]
        for key in ("events_uw", "silence_uw", "missed_share")
    )
    if sound[0] and sound[1]:
        note = f"against {number(sound[1])} µW of {pair[1]}, with memory"
        if silence[0] is not None and silence[1] is not None:
            note += f"; in silence {number(silence[0])} against {number(silence[1])} µW"
        listed.append(Fact("Power in sound", f"{number(sound[0])} µW", note))
        listed.append(battery(sound[0] * 1e-6, sound[1] * 1e-6))
    if missed[0] is not None and missed[1] is not None:
        note = f"{share(missed[0])} against {share(missed[1])}"
        listed.append(of_a_hundred("Missed of a hundred sound events", missed[0], missed[1], note))
    return listed


def _in_sounds(ratio: Mapping[str, float], what: str) -> str:
    """Return the ratios with the sounds that they are of, ``what`` behind the first."""
    parts = [f"{times(ratio[sound])} in {name}" for sound, name in SOUNDS.items() if sound in ratio]
    return _joined([parts[0].replace(" in", f"{what} in", 1), *parts[1:]])


def _listed(ratio: Mapping[str, float]) -> str:
    """Return the ratios alone, in the same order."""
    return _joined([times(ratio[sound]) for sound in SOUNDS if sound in ratio])


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
