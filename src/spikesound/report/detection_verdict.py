"""The verdict on a detector and its twin: two sentences, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from spikesound.evaluation.measures import DETECTION
from spikesound.evaluation.summary import Metrics
from spikesound.report.comparison import ordered_pairs, sentence
from spikesound.report.energy import flow_name, profile_name
from spikesound.report.families import Pair, Rows
from spikesound.report.numbers import number, times
from spikesound.report.power import SOUNDS, default_setting, ratios
from spikesound.report.results import Results
from spikesound.report.verdict import NO_PAIR, Fact, metric_fact

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


def facts(summary: Mapping[str, Metrics], results: Results, table: Rows) -> list[Fact]:
    """Return the figures that the verdict rests on, as far as they are there."""
    pairs = ordered_pairs(summary, table, PSDS)
    if not pairs:
        return []
    pair = pairs[0]
    listed = [metric_fact(summary, pair, measure) for measure in (PSDS, EVENT_F1)]
    if results.power is None:
        return listed
    setting = default_setting(results.power, summary)
    for sound, name in SOUNDS.items():
        whole = ratios(results.power, pair, setting, "memory", "dense").get(sound)
        watts = [summary[model].get(f"{sound}_uw") for model in pair]
        if whole is not None and sound != "background":
            note = f"{number(watts[0])} against {number(watts[1])} µW, with memory"
            listed.append(Fact(f"Power in {name}", f"{times(whole)} ×", note))
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
