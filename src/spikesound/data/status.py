"""Overview of a download: how many clips are in which state, and why."""

from __future__ import annotations

import re

import pandas as pd

from spikesound.core.errors import choose
from spikesound.core.states import STATES

REASONS = 3
"""Number of reasons shown of each state, the commonest first."""


def overview(status: pd.DataFrame) -> str:
    """Return how many clips of a table STATUS are in each state, what that means, and why.

    Reasons that differ only in numbers, ids and addresses are counted as one, the first of them.
    """
    lines = []
    for state, meaning in STATES.items():
        rows = status[status["state"] == state]
        if rows.empty:
            continue
        share = len(rows) / len(status)
        lines.append(f"{len(rows):8d}  {share:6.1%}  {state:18} {meaning}")
        if state == "ok":
            continue
        kinds = rows["reason"].map(_kind)
        for kind, count in kinds.value_counts().head(REASONS).items():
            first = rows.loc[kinds == kind, "reason"].iloc[0]
            lines.append(f"{count:8d}          {'':18} {first}")
        others = len(rows) - int(kinds.value_counts().head(REASONS).sum())
        if others:
            lines.append(f"{others:8d}          {'':18} for other reasons (--state {state})")
    ok = status[status["state"] == "ok"]
    again = int((status["attempts"] > 1).sum())
    lines.append(
        f"{len(status):8d} clips; {ok['seconds'].sum() / 3600:.2f} h and"
        f" {ok['bytes'].sum() / 1e6:.1f} MB of sound; {again} needed more than one attempt"
    )
    return "\n".join(lines)


def clips_in(status: pd.DataFrame, state: str) -> str:
    """List the clips of a table STATUS that are in a state, each with its reason.

    Raises
    ------
    SpikesoundError
        If there is no such state.
    """
    choose(STATES, state, "state")
    rows = status[status["state"] == state]
    return "\n".join(
        f"{clip_id}\t{reason}" if reason else str(clip_id)
        for clip_id, reason in zip(rows["clip_id"], rows["reason"], strict=True)
    )


def _kind(reason: str) -> str:
    return re.sub(r"\S*[\d/]\S*", "#", reason)
