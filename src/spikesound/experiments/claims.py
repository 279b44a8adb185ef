"""What is claimed for spiking networks, and what the experiments say of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from spikesound.evaluation.correction import holm
from spikesound.experiments.fronts import ACCOUNTS, Reached, candidates, reached

SUPPORTED, NOT_SUPPORTED, NOT_DECIDED = "supported", "not supported", "not decided"
LEVEL = 0.05
MARGIN = 0.02
"""Of equivalence, as `evaluate.equivalence_margin` of params.yaml."""

Content = Mapping[str, Any]
"""Of a file of results of an experiment."""


@dataclass(frozen=True)
class Claim:
    """A claim, the experiment that tests it, its opponent, the figure, and the verdict."""

    claim: str
    experiment: str
    opponent: str
    figure: str
    verdict: str


@dataclass(frozen=True)
class Gap:
    """A difference of two accuracies with its standard error."""

    value: float
    error: float
    degrees: float = math.inf

    @property
    def low(self) -> float:
        """Lower end of its interval of 95 %."""
        return self.value - self._half

    @property
    def high(self) -> float:
        """Upper end of its interval."""
        return self.value + self._half

    @property
    def _half(self) -> float:
        return float(stats.t.isf(LEVEL / 2, self.degrees)) * self.error

    def __str__(self) -> str:
        low, high = (f"{100 * end:+.1f}" for end in (self.low, self.high))
        return f"{100 * self.value:+.1f} points [{low} to {high}]"


def claims(results: Mapping[str, Content]) -> list[Claim]:
    """Return all claims with their verdicts.

    Parameters
    ----------
    results : content of the files of results, by experiment; those missing leave their claims
        undecided
    """
    return [claim for each in CLAIMS for claim in each(results)]


def _rows(results: Mapping[str, Content], name: str) -> dict[str, Mapping[str, Any]]:
    rows = results.get(name, {}).get("rows", [])
    return {row["setting"]: row for row in rows if row["seed"] == 1 and "side" in row}


def _all_rows(results: Mapping[str, Content], name: str) -> list[Mapping[str, Any]]:
    return [row for row in results.get(name, {}).get("rows", []) if "side" in row]


def _state(results: Mapping[str, Content], name: str) -> str:
    """Return how many rows of an experiment there are, if not all are."""
    content = results.get(name, {})
    count, planned = len(_all_rows(results, name)), content.get("planned")
    if planned is None:
        return f"`{name}`, not run"
    done = len(content["rows"]) if name == "study" else count
    return f"`{name}`" if done >= planned else f"`{name}`, {done} of {planned} rows"


def apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> Gap:
    """Return the difference of two rows' accuracies, taken for independent.

    Both were tested on the same clips, whose difficulty they share: the interval errs to the wide
    side. The standard errors are those of the rows' intervals of 95 %.
    """
    errors = [
        (row["accuracy_high"] - row["accuracy_low"]) / (2 * stats.norm.isf(LEVEL / 2))
        for row in (one, other)
    ]
    return Gap(one["accuracy"] - other["accuracy"], math.hypot(*errors))


def better(gap: Gap) -> str:
    """Return the verdict on "better": supported if shown, not supported if it is within 2 points
    or below with certainty."""
    if gap.low > 0:
        return SUPPORTED
    return NOT_SUPPORTED if gap.high < MARGIN else NOT_DECIDED


def no_worse(gap: Gap) -> str:
    """Return the verdict on "no more than 2 points worse"."""
    if gap.low > -MARGIN:
        return SUPPORTED
    return NOT_SUPPORTED if gap.high < -MARGIN else NOT_DECIDED


def temporal_coding(results: Mapping[str, Content]) -> list[Claim]:
    """Spike times: what a network loses when they are shuffled, and what it gains by them."""
    rows = _rows(results, "temporal")
    probed = {name: row["times"] for name, row in rows.items() if "times" in row}
    every = [(name, each) for name, of in probed.items() for each in of]
    corrected = holm([each["p"] for _, each in every])
    found = []
    for (name, each), p in zip(every, corrected, strict=True):
        where = "hidden" if name == "direct" else "both"
        if each["jitter"] is not None or each["where"] != where:
            continue
        low, high = 100 * each["change_low"], 100 * each["change_high"]
        change = f"{100 * each['change']:+.1f} points [{low:+.1f} to {high:+.1f}], p {p:.2g}"
        relies = p < LEVEL and each["change"] < 0
        verdict = SUPPORTED if relies else NOT_DECIDED
        if not relies and each["change_low"] > -MARGIN:
            verdict = NOT_SUPPORTED
        found.append(
            Claim(
                f"A trained network relies on spike times ({name})",
                _state(results, "temporal"),
                "itself, spikes shuffled in time, counts kept",
                change,
                verdict,
            )
        )
        if f"{name}, shuffled" in rows:
            gap = apart(rows[name], rows[f"{name}, shuffled"])
            found.append(
                Claim(
                    f"Spike times carry what counts do not ({name})",
                    _state(results, "temporal"),
                    "the same network trained on shuffled times",
                    str(gap),
                    better(gap),
                )
            )
    return found or [_missing("Spike times matter", results, "temporal", "shuffled spikes")]


def energy(results: Mapping[str, Content]) -> list[Claim]:
    """Energy at equal accuracy, each side at its own best, and few spikes near the twin."""
    rows = _rows(results, "sweep")
    known = candidates(_all_rows(results, "sweep"))
    opponent = "the cheapest conventional network that reaches it by validation"
    claim = "Less energy at equal accuracy, each side at its best"
    if {each.side for each in known} != {"spiking", "conventional"}:
        return [_missing(claim, results, "sweep", opponent)]
    found = []
    for account, what in ACCOUNTS.items():
        pairs = [each for each in reached(known, account) if each.ratio(account) is not None]
        ratios = [each.ratio(account) or math.nan for each in pairs]
        verdict = NOT_DECIDED
        if all(ratio < 1 for ratio in ratios):
            verdict = SUPPORTED
        elif all(ratio >= 1 for ratio in ratios):
            verdict = NOT_SUPPORTED
        found.append(
            Claim(
                f"{claim} ({what})",
                _state(results, "sweep"),
                opponent,
                "energy ratio " + "; ".join(_ratio(each, account) for each in pairs),
                verdict if verdict != NOT_DECIDED else "depends on the accuracy asked for",
            )
        )
    return [*found, *_few_spikes(results, rows)]


def _ratio(each: Reached, account: str) -> str:
    return f"{each.ratio(account):.2f} at {100 * each.validation:.1f} %"


def _few_spikes(
    results: Mapping[str, Content], rows: Mapping[str, Mapping[str, Any]]
) -> list[Claim]:
    claim = "At most 6 % spikes within 2 points of the twin"
    sparse = [
        row for row in rows.values() if row["spike_rate"] is not None and row["spike_rate"] <= 0.06
    ]
    if not sparse or "ann int8" not in rows:
        return [_missing(claim, results, "sweep", "the 8-bit twin")]
    best = max(sparse, key=lambda row: float(row["validation_accuracy"]))
    gap = apart(best, rows["ann int8"])
    return [
        Claim(
            claim,
            _state(results, "sweep"),
            "the 8-bit twin",
            f"{best['setting']}, {100 * best['spike_rate']:.1f} %: {gap}",
            no_worse(gap),
        )
    ]


def noise(results: Mapping[str, Content]) -> list[Claim]:
    """Robustness to noise, from the study."""
    claim = "Spiking networks are more robust to noise"
    pairs = results.get("study", {}).get("noise", {}).get("pairs", {})
    if not pairs:
        return [_missing(claim, results, "study", "the twin")]
    found = []
    for name, opponent in (
        ("snn T=4 vs ann", "the twin, both trained on clean sound"),
        ("snn T=4 noise vs ann noise", "the twin, both trained in noise"),
    ):
        row = pairs[name]
        low, high = row["difference_low"], row["difference_high"]
        verdict = NOT_DECIDED
        if row["p_corrected"] < LEVEL:
            verdict = SUPPORTED if row["difference"] > 0 else NOT_SUPPORTED
        elif high < MARGIN:
            verdict = NOT_SUPPORTED
        figure = f"{row['difference']:+.3f} [{low:+.3f} to {high:+.3f}] of the area under accuracy"
        found.append(Claim(claim, "`study`", opponent, figure, verdict))
    return found


def plasticity(results: Mapping[str, Content]) -> list[Claim]:
    """A new sound from few recordings: the spiking network's rules and those of its twin."""
    claim = "A new sound is learnt from {} without loss of the others"
    rows = _rows(results, "new_sounds")
    sides = {side: _by_class(rows, side) for side in ("snn", "ann")}
    opponents = {
        "prototypes": "nearest class mean of the twin",
        "rehearsed": "the twin fine-tuned with rehearsal",
        "fine_tuned": "the twin fine-tuned on the new sound alone",
    }
    found = []
    for count in (1, 5, 10):
        text = claim.format("1 recording" if count == 1 else f"{count} recordings")
        for rule, opponent in opponents.items():
            theirs = sides["ann"].get((rule, count), {})
            for own, what in (("delta", "local rule"), ("prototypes", "prototypes")):
                ours = sides["snn"].get((own, count), {})
                common = sorted(set(ours) & set(theirs))
                if len(common) < 2:
                    continue
                pairs = [(_balanced(ours[each]), _balanced(theirs[each])) for each in common]
                gap = paired([one - other for one, other in pairs])
                found_, lost = _mean_found(ours.values())
                figure = f"{gap} balanced; found {found_}, known classes lose {lost}"
                found.append(
                    Claim(f"{text}, {what}", _state(results, "new_sounds"), opponent, figure,
                          better(gap))
                )  # fmt: skip
    missing = claim.format("few recordings")
    return found or [_missing(missing, results, "new_sounds", "fine-tuning, nearest class mean")]


Triple = Sequence[float]
"""Found, accuracy on the known classes before and after, of a new class."""


def _by_class(
    rows: Mapping[str, Mapping[str, Any]], family: str
) -> dict[tuple[str, int], dict[str, Triple]]:
    known: dict[tuple[str, int], dict[str, Triple]] = {}
    for row in rows.values():
        for each in row.get("new_sounds", []) if row["family"] == family else []:
            known.setdefault((each["rule"], each["recordings"]), {}).update(each["by_class"])
    return known


def _balanced(figures: Triple) -> float:
    return (figures[0] + figures[2]) / 2


def _mean_found(figures: Iterable[Triple]) -> tuple[str, str]:
    found, before, after = np.mean(list(figures), 0)
    return f"{100 * found:.0f} %", f"{100 * (before - after):.1f} points"


def paired(differences: Sequence[float]) -> Gap:
    """Return the mean of paired differences with Student's interval."""
    error = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    return Gap(float(np.mean(differences)), error, len(differences) - 1)


def small_networks(results: Mapping[str, Content]) -> list[Claim]:
    """Small spiking networks beside their twins."""
    rows = _rows(results, "sizes")
    found = []
    for name, row in rows.items():
        if not name.startswith("snn ") or (twin := f"ann {name[4:]}") not in rows:
            continue
        gap = apart(row, rows[twin])
        figure = f"{100 * row['accuracy']:.1f} % and {100 * rows[twin]['accuracy']:.1f} %: {gap}"
        found.append(
            (
                row["parameters"],
                Claim(
                    f"As accurate as its twin with {row['parameters']:,} parameters",
                    _state(results, "sizes"),
                    "the twin of that size",
                    figure,
                    no_worse(gap),
                ),
            )
        )
    claim = "A small spiking network is as accurate as its twin"
    ordered = [each for _, each in sorted(found, key=lambda pair: pair[0])]
    return ordered or [_missing(claim, results, "sizes", "the twin of that size")]


def _missing(claim: str, results: Mapping[str, Content], name: str, opponent: str) -> Claim:
    return Claim(claim, _state(results, name), opponent, "–", NOT_DECIDED)


CLAIMS: tuple[Callable[[Mapping[str, Content]], list[Claim]], ...] = (
    energy,
    temporal_coding,
    noise,
    plasticity,
    small_networks,
)
"""In the order of the page."""
