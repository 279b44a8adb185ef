"""The clips to listen to: which ones, their scores, and their sound."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
import soundfile
from markupsafe import Markup
from numpy.typing import NDArray

from spikesound.audio.resampling import resample
from spikesound.core.errors import unknown
from spikesound.report import pictures
from spikesound.report.inputs import Clip
from spikesound.tasks.classification.scores import ScoreMatrix

SOUND_RATE_HZ = 22050
_BEST_SCORES = 3

Bar = dict[str, object]


def choose_clips(
    matrices: Mapping[str, ScoreMatrix], pair: Sequence[str], most: int = 6
) -> list[str]:
    """Return ids of clips that the models of the pair got wrong.

    Equal numbers, as far as there are such clips, that only the first got wrong, that only the
    second did, and that both did; in each group those come first whose wrong label had the highest
    score, and of clips with equal scores the first by id.

    Parameters
    ----------
    matrices
        Scores and targets of each model, of the same clips.
    pair
        One model or two.
    most
        How many clips at most.
    """
    chosen = [matrices[model] for model in pair]
    wrong = np.stack([~_right(matrix) for matrix in chosen])
    surest = np.max(
        [np.where(w, m.scores.max(axis=1), 0) for w, m in zip(wrong, chosen, strict=True)], axis=0
    )
    groups: dict[tuple[bool, ...], list[int]] = {}
    for row in np.argsort(-surest, kind="stable"):
        if wrong[:, row].any():
            groups.setdefault(tuple(bool(w) for w in wrong[:, row]), []).append(int(row))
    order = sorted(groups, key=lambda kind: (sum(kind), [not w for w in kind]))
    picked: list[tuple[int, int, int]] = []
    for place, kind in enumerate(order):
        picked += [(turn, place, row) for turn, row in enumerate(groups[kind])]
    taken = sorted(picked)[:most]
    return [chosen[0].clip_ids[row] for _, _, row in sorted(taken, key=lambda p: (p[1], p[0]))]


def card(clip: Clip, title: str) -> dict[str, object]:
    """Return what is shown of a clip whatever the task: sound, features, spikes."""
    return {
        "clip": clip,
        "title": title,
        "sound": sound_uri(clip.samples, clip.rate_hz),
        "features": Markup(pictures.features(clip, title)),
        "raster": None if clip.spikes is None else Markup(pictures.raster(clip, title)),
    }


def scores(matrix: ScoreMatrix, clip_id: str, names: Sequence[str]) -> list[Bar]:
    """Return the highest scores of a clip and those of its true labels, the highest first."""
    row = row_of(matrix, clip_id)
    values, targets = matrix.scores[row], matrix.targets[row]
    order = np.argsort(-values, kind="stable")
    return [
        {
            "name": names[int(column)],
            "percent": f"{values[column] * 100:.1f}",
            "true": bool(targets[column]),
        }
        for place, column in enumerate(order)
        if place < _BEST_SCORES or targets[column]
    ]


def is_right(matrix: ScoreMatrix, clip_id: str) -> bool:
    """Return whether the highest-scoring label is one of the clip's."""
    return bool(_right(matrix)[row_of(matrix, clip_id)])


def true_name(matrix: ScoreMatrix, clip_id: str, names: Sequence[str]) -> str:
    """Return the names of the clip's labels, joined; ``no label`` where it has none."""
    columns = np.flatnonzero(matrix.targets[row_of(matrix, clip_id)])
    return " and ".join(names[int(column)] for column in columns) or "no label"


def row_of(matrix: ScoreMatrix, clip_id: str) -> int:
    """Return the clip's row.

    Raises
    ------
    SpikesoundError
        If the clip is not among the predictions.
    """
    if clip_id not in matrix.clip_ids:
        raise unknown("clip", clip_id, matrix.clip_ids)
    return matrix.clip_ids.index(clip_id)


def sound_uri(samples: NDArray[np.floating], rate_hz: int) -> str:
    """Return the sound as a ``data:`` URI: MP3, one channel, at most :data:`SOUND_RATE_HZ`.

    MP3, because every browser plays it, and because (unlike an Ogg stream with its drawn serial
    number) the same samples give the same bytes.
    """
    sound = np.asarray(samples, dtype=np.float64)
    if rate_hz > SOUND_RATE_HZ:
        sound, rate_hz = resample(sound, rate_hz, SOUND_RATE_HZ), SOUND_RATE_HZ
    stream = io.BytesIO()
    soundfile.write(stream, np.clip(sound, -1, 1), rate_hz, format="MP3", subtype="MPEG_LAYER_III")
    return "data:audio/mpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _right(matrix: ScoreMatrix) -> NDArray[np.bool_]:
    best = matrix.scores.argmax(axis=1)
    right: NDArray[np.bool_] = matrix.targets[np.arange(len(best)), best]
    return right
