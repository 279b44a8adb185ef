"""A paired comparison of two models as one sentence, which says no more than was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikesound.evaluation.differences import BETTER, NOT_SHOWN, Difference
from spikesound.evaluation.measures import Measure


def verdict(
    differences: Mapping[str, Difference],
    first: str,
    second: str,
    *,
    measures: Sequence[Measure],
    confidence: float,
    margin: float | None = None,
) -> str:
    """Return one sentence on two models.

    Where a metric differs (:meth:`~spikesound.evaluation.differences.Difference.outcome`), the
    sentence says which model is better and by how much. Otherwise it says that no difference is
    shown, and between which bounds the difference may well lie, so that nobody reads the two as
    equal. Where equivalence was tested, it says in which metrics it is shown.

    Parameters
    ----------
    differences
        By metric, first minus second. A metric that is not among them has no value, and is left
        out.
    first, second
        What the sentence calls the models.
    measures
        The metrics that it speaks of, in their order.
    confidence
        Between 0 and 1.
    margin
        Of equivalence, a share; None: the sentence leaves equivalence out.
    """
    better: dict[str, list[str]] = {first: [], second: []}
    unsure: list[str] = []
    measures = [measure for measure in measures if measure.key in differences]
    for measure in measures:
        difference = differences[measure.key]
        bounds = difference.bounds(measure)
        outcome = difference.outcome(confidence, lower_is_better=measure.lower_is_better)
        if outcome == NOT_SHOWN:
            unsure.append(f"{measure.title} ({bounds})")
            continue
        tested = difference.p_corrected is not None
        p = f"; corrected p {difference.p_corrected}" if tested else ""
        winner = first if outcome == BETTER else second
        better[winner].append(f"by {measure.amount(difference.value)} ({bounds}{p})")
    loser = {first: second, second: first}
    parts = [
        f"{model} is better than {loser[model]} {_joined(gains)}"
        for model, gains in better.items()
        if gains
    ]
    if unsure:
        between = "" if parts else f" between {first} and {second}"
        unit = ", in points," if all(measure.in_points for measure in measures) else ""
        parts.append(
            f"{NOT_SHOWN}{between} in {_joined(unsure, 'or')}; differences within these "
            f"{confidence * 100:g} % intervals{unit} are not ruled out"
        )
    if margin and (equivalence := _equivalence(differences, measures, confidence, margin)):
        parts.append(equivalence)
    return "; ".join(parts)


def _equivalence(
    differences: Mapping[str, Difference],
    measures: Sequence[Measure],
    confidence: float,
    margin: float,
) -> str:
    """Return in which metrics equivalence is shown, or that it is in none; "": not tested."""
    shown = {each.title: differences[each.key].equivalent(confidence) for each in measures}
    tested = [title for title, is_shown in shown.items() if is_shown is not None]
    if not tested:
        return ""
    where = [title for title in tested if shown[title]]
    within = f"equivalence within {margin * 100:g} points"
    return f"{within} is shown in {_joined(where)}" if where else f"{within} is not shown"


def _joined(parts: Sequence[str], last: str = "and") -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
