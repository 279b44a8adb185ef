"""What a comparison lets one say, in a sentence, and no more than it lets one say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikesound.tasks.classification.metrics import METRICS

TITLES = {"accuracy": "accuracy", "macro_f1": "macro F1", "map": "mAP"}

NOT_SHOWN = "no difference shown"


def verdict(figures: Mapping[str, object], first: str, second: str, confidence: float) -> str:
    """Return one sentence on two models.

    A metric differs where its corrected p is below 1 - confidence; then the sentence says which
    model is better and by how much. Otherwise it says that no difference is shown, and between
    which bounds the difference may well lie, so that nobody reads the two as equal.

    Parameters
    ----------
    figures
        Differences, intervals and corrected p values, as in comparisons.json.
    first, second
        What the sentence calls the models.
    confidence
        Between 0 and 1.
    """
    better: dict[str, list[str]] = {first: [], second: []}
    unsure: list[str] = []
    for name in METRICS:
        if differs(figures, name, confidence):
            by = points(figures[f"{name}_difference"])
            winner = first if by > 0 else second
            corrected = figures[f"{name}_p_corrected"]
            better[winner].append(
                f"by {abs(by):.1f} points of {TITLES[name]} "
                f"({bounds(figures, name)}; corrected p {corrected})"
            )
        else:
            unsure.append(f"{TITLES[name]} ({bounds(figures, name)})")
    loser = {first: second, second: first}
    parts = [
        f"{model} is better than {loser[model]} {_joined(gains)}"
        for model, gains in better.items()
        if gains
    ]
    if unsure:
        between = "" if parts else f" between {first} and {second}"
        parts.append(
            f"{NOT_SHOWN}{between} in {_joined(unsure, 'or')}; differences within these "
            f"{confidence * 100:g} % intervals, in points, are not ruled out"
        )
    return "; ".join(parts)


def differs(figures: Mapping[str, object], metric: str, confidence: float) -> bool:
    """Return whether a metric's corrected p is below 1 - confidence."""
    # Rounded: 1 - 0.95 is a little above 0.05.
    return float(str(figures[f"{metric}_p_corrected"])) < round(1 - confidence, 12)


def bounds(figures: Mapping[str, object], metric: str) -> str:
    """Return the interval of a metric's difference, in points."""
    low = points(figures[f"{metric}_difference_low"])
    high = points(figures[f"{metric}_difference_high"])
    return f"{low:+.1f} to {high:+.1f}"


def points(share: object) -> float:
    """Return a share in points, to one decimal; adding 0 turns -0 into 0."""
    return round(float(str(share)) * 100, 1) + 0.0


def _joined(parts: Sequence[str], last: str = "and") -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
