"""The table of what cleaning found in each clip and did with it, and its sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields

import pandas as pd

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLEANING
from spikesound.data.cleaning.clean import Figures
from spikesound.data.cleaning.duplicates import Match
from spikesound.params import CleaningParams


def cleaning_table(
    rows: pd.DataFrame,
    figures: Mapping[str, Figures],
    matches: Mapping[int, Match],
    params: CleaningParams,
) -> pd.DataFrame:
    """Return a row for each clip: its figures, whether it is kept, and why not.

    Parameters
    ----------
    rows
        ``clip_id, fold`` of each clip, in order.
    figures
        By clip id; empty where no step looks at the sound.
    matches
        By number of the row; empty where duplicates are not looked for.

    Returns
    -------
    DataFrame
        Table CLEANING. A clip that is kept has a reason where it is in doubt.

    Raises
    ------
    SpikesoundError
        If no clip is kept.
    """
    table = pd.DataFrame({"clip_id": rows["clip_id"].to_numpy()})
    figure_rows = [asdict(figures[c]) if c in figures else {} for c in table["clip_id"]]
    for field in fields(Figures):
        table[field.name] = pd.array([one.get(field.name) for one in figure_rows], "Float64")
    ids, folds = rows["clip_id"].tolist(), rows["fold"].tolist()
    table["duplicate_of"] = [ids[matches[n].first] if n in matches else None for n in table.index]
    errors = [matches[n].error if n in matches else None for n in table.index]
    table["duplicate_error"] = pd.array(errors, "Float64")
    reasons = [
        [
            *_clipped(share, params.clipped_share),
            *_repeats(number, ids, folds, matches, params.duplicates),
        ]
        for number, share in enumerate(table["clipped_share"])
    ]
    table["kept"] = [not any(leaves for _, leaves in each) for each in reasons]
    table["reason"] = ["; ".join(reason for reason, _ in each) for each in reasons]
    if not table["kept"].any():
        raise SpikesoundError(
            f"features.cleaning leaves out all {len(table)} clips; the first, {ids[0]!r}: "
            f"{table['reason'].iloc[0]}"
        )
    ordered: pd.DataFrame = table[CLEANING.names]
    return ordered


def summary(table: pd.DataFrame, rows: pd.DataFrame) -> dict[str, int]:
    """Count what cleaning did; what did not happen is not there."""
    fold = dict(zip(rows["clip_id"], rows["fold"], strict=True))
    repeats = table[table["duplicate_of"].notna()]
    pairs = zip(repeats["clip_id"], repeats["duplicate_of"], strict=True)
    counts = {
        "left out": int((~table["kept"]).sum()),
        "trimmed": int(((table["trimmed_start_s"] + table["trimmed_end_s"]) > 0).sum()),
        "with a gain": int((table["gain_db"].fillna(0) != 0).sum()),
        "near-duplicates": len(repeats),
        "of them of a clip in another fold": sum(fold[one] != fold[of] for one, of in pairs),
    }
    return {name: count for name, count in counts.items() if count}


def _clipped(share: float, limit: float | None) -> list[tuple[str, bool]]:
    if limit is None or not share > limit:
        return []
    return [(f"{share:.4f} of the samples clipped, more than {limit:g}", True)]


def _repeats(
    number: int, ids: list[str], folds: list[str], matches: Mapping[int, Match], what: str
) -> list[tuple[str, bool]]:
    if number not in matches:
        return []
    match = matches[number]
    reason = f"near-duplicate of {ids[match.first]} ({match.error:.3f} of the bits differ)"
    if folds[number] != folds[match.first]:
        reason += f", which is in fold {folds[match.first]}, this one in {folds[number]}: a leak"
    return [(reason, what == "drop")]
