"""Names and dtypes of every table, declared once. A table is written and read only through here."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),  # unique: media_id and the start in milliseconds
        ("media_id", pa.string()),  # the file or video the clip is cut from
        ("recording", pa.string()),  # what no split divides: all cuts of one recording share it
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("labels", pa.list_(pa.string())),  # AudioSet label ids, sorted
        ("fold", pa.string()),  # of the official split; one fold is held out at a time
    ]
)

EVENTS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("label", pa.string()),
        ("onset_s", pa.float64()),  # from the clip's start
        ("offset_s", pa.float64()),
    ]
)
"""Strong labels: each sounding of each label. A clip that was only labelled as a whole has none."""

MIXTURES = pa.schema([("clip_id", pa.string()), ("recording", pa.string())])
"""Recordings that a clip was mixed of, a row each. A clip cut from one recording has no row."""

REJECTED = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),  # 1-based line of the file
        ("row", pa.string()),  # the row as it stands there
        ("reason", pa.string()),
    ]
)

STATUS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("state", pa.string()),  # one of STATES
        ("reason", pa.string()),  # empty when ok
        ("attempts", pa.int64()),
        ("seconds", pa.float64()),  # of audio obtained
        ("bytes", pa.int64()),  # of the FLAC stream
        ("sha256", pa.string()),  # of the FLAC stream
        ("path", pa.string()),  # shard that holds it, relative to the audio folder
    ]
)

AUDIO = pa.schema([("clip_id", pa.string()), ("flac", pa.binary())])

CLEANING = pa.schema(
    [
        ("clip_id", pa.string()),  # every clip that is ok, in order
        ("dc", pa.float64()),  # taken off, in full scale; this and the others null where off
        ("trimmed_start_s", pa.float64()),
        ("trimmed_end_s", pa.float64()),
        ("loudness_lufs", pa.float64()),  # before the gain; null also of what has none
        ("gain_db", pa.float64()),
        ("clipped_share", pa.float64()),  # of the samples
        ("duplicate_of", pa.string()),  # an earlier clip
        ("duplicate_error", pa.float64()),  # share of the fingerprints' bits that differ
        ("kept", pa.bool_()),
        ("reason", pa.string()),  # why it is left out or in doubt; else empty
    ]
)

FEATURE_INDEX = pa.schema(
    [
        ("clip_id", pa.string()),
        ("shard", pa.string()),  # file name within the folder
        ("row", pa.int64()),  # row within the shard
        ("fold", pa.string()),
        ("media_id", pa.string()),
        ("recording", pa.string()),
        ("labels", pa.list_(pa.string())),
    ]
)
"""Index of feature shards and of spike shards alike: where each clip lies, and what it is."""

PREDICTIONS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("fold", pa.string()),
        ("label", pa.string()),  # one row per clip and label
        ("target", pa.bool_()),  # whether the clip has the label
        ("score", pa.float64()),  # the model's probability of the label, 0 to 1
    ]
)


def write_table(frame: pd.DataFrame | pa.Table, schema: pa.Schema, path: Path) -> None:
    """Write a frame as Parquet in the schema's columns and dtypes, whole or not at all.

    Raises
    ------
    SpikesoundError
        If the frame's columns are not the schema's, or a value does not fit its dtype.
    """
    columns = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    if set(columns) != set(schema.names):
        raise SpikesoundError(
            f"{path}: expected columns {sorted(schema.names)}, got {sorted(columns)}"
        )
    try:
        if isinstance(frame, pa.Table):
            table = frame.select(schema.names).cast(schema)
        else:
            table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SpikesoundError(f"{path}: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        pq.write_table(table, file)


def read_table(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a Parquet table and check that its columns and dtypes are the schema's.

    Raises
    ------
    SpikesoundError
        If the file is missing, damaged, or of another schema; the message names the file.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such table; run the stage that makes it (dvc repro)")
    try:
        with path.open("rb") as file:
            table = pq.read_table(file)
        actual = table.schema.remove_metadata()
    except pa.ArrowInvalid as error:
        raise SpikesoundError(f"{path}: not a Parquet table ({error})") from error
    if actual != schema:
        raise SpikesoundError(
            f"{path}: expected columns {schema.names}, got {actual.names}, or other dtypes"
        )
    frame: pd.DataFrame = table.to_pandas()
    for field in schema:
        if pa.types.is_list(field.type):
            frame[field.name] = [list(value) for value in frame[field.name]]
    return frame
