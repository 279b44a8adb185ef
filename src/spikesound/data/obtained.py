"""Clips of each label that were asked for and obtained."""

from __future__ import annotations

import pandas as pd

from spikesound.core.errors import SpikesoundError

COLUMNS = ("label", "asked", "obtained", "share")


def obtained_by_label(clips: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """Return for each label how many clips were asked for and obtained, in the order of labels.

    Parameters
    ----------
    clips, status : tables CLIPS and STATUS of one download; a clip without a state was not obtained

    Raises
    ------
    SpikesoundError
        If the two tables have no clip in common.
    """
    states = status.set_index("clip_id")["state"]
    if len(clips) and not clips["clip_id"].isin(states.index).any():
        raise SpikesoundError("the table of clips and that of their states have no clip in common")
    ok = clips["clip_id"].map(states).eq("ok")
    rows = clips.assign(obtained=ok)[["labels", "obtained"]].explode("labels")
    grouped = rows.groupby("labels")["obtained"]
    table = pd.DataFrame({"asked": grouped.size(), "obtained": grouped.sum().astype("int64")})
    table["share"] = (table["obtained"] / table["asked"]).round(4)
    return table.rename_axis("label").reset_index()
