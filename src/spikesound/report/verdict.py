"""What the figures say, in plain words, and nothing that they do not say."""

from __future__ import annotations

from collections.abc import Mapping

from spikesound.evaluation.summary import Metrics, twin
from spikesound.evaluation.table import percent

NO_PAIR = (
    "No spiking network stands beside its conventional twin here, so these figures say nothing yet "
    "about whether spiking is worth it."
)


def pairs(summary: Mapping[str, Metrics]) -> list[tuple[str, str]]:
    """Return each spiking model with its conventional twin, the most accurate spiking one first."""
    models = {name: figures for name, figures in summary.items() if name != "dataset"}
    found = [(name, other) for name in models if (other := twin(name, models)) is not None]
    return sorted(found, key=lambda pair: (-float(models[pair[0]]["accuracy"]), pair))


def verdict(summary: Mapping[str, Metrics]) -> str:
    """Return one sentence on the most accurate spiking model that has its twin beside it.

    What it says depends on where the spiking model's accuracy lies:

    - within the twin's interval: neither is shown to be better;
    - outside, but the two intervals overlap: it is named, and left open;
    - outside, and the intervals are apart: one is called more accurate.
    """
    found = pairs(summary)
    return judge(summary, *found[0]) if found else NO_PAIR


def judge(summary: Mapping[str, Metrics], spiking: str, conventional: str) -> str:
    """Return the sentence of :func:`verdict` on one pair."""
    ours, theirs = summary[spiking], summary[conventional]
    dataset = summary["dataset"]
    accuracy = float(ours["accuracy"])
    low, high = float(theirs["accuracy_low"]), float(theirs["accuracy_high"])
    confidence = f"{float(dataset['confidence']) * 100:g} %"
    facts = (
        f"On {dataset['clips_scored']} clips the spiking {spiking} names the right sound for "
        f"{percent(accuracy)} % and its conventional twin {conventional} for "
        f"{percent(theirs['accuracy'])} %"
    )
    interval = f"the twin's {confidence} interval ({percent(low)}–{percent(high)} %)"
    if low <= accuracy <= high:
        return f"{facts}: that is within {interval}, so neither is shown to be more accurate."
    side = "below" if accuracy < low else "above"
    apart = float(ours["accuracy_high"]) < low or float(ours["accuracy_low"]) > high
    if not apart:
        return (
            f"{facts}: that is {side} {interval}, but the two intervals overlap, so these clips "
            "leave open which is more accurate."
        )
    more = "less" if accuracy < low else "more"
    return (
        f"{facts}: that is {side} {interval} and the two intervals do not overlap, so the spiking "
        f"network is the {more} accurate of the two here."
    )
