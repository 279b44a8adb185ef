"""The manifest: equal for equal recordings, another for any other."""

from __future__ import annotations

import hashlib

import pytest
from scored import status

from spikesound.core.errors import SpikesoundError
from spikesound.core.states import STATES
from spikesound.evaluation.manifest import clip_counts, manifest_hash

ALL = [f"clip{i:04d}" for i in range(5)]


def test_the_hash_by_hand() -> None:
    table = status(2).assign(sha256=["aa", "bb"])
    text = "clip0000 aa present\nclip0001 bb scored\n"
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert manifest_hash(["clip0001"], table) == expected


def test_order_and_absent_clips_do_not_change_it() -> None:
    shuffled = status(5, absent=2).sample(frac=1, random_state=1)
    assert manifest_hash(reversed(ALL), shuffled) == manifest_hash(ALL, status(5))


def test_other_clips_other_audio_and_other_scored_clips_change_it() -> None:
    found = manifest_hash(ALL, status(5))
    other_audio = status(5)
    other_audio.loc[2, "sha256"] = "f" * 64
    assert manifest_hash(ALL, other_audio) != found
    assert manifest_hash(ALL, status(6)) != found
    assert manifest_hash(ALL[:4], status(5)) != found


def test_a_scored_clip_that_was_not_there_is_named() -> None:
    with pytest.raises(SpikesoundError, match=r"clip 'absent0' was scored but is not ok"):
        manifest_hash([*ALL, "absent0"], status(5, absent=1))


def test_every_state_is_counted() -> None:
    counts = clip_counts(status(5, absent=2))
    assert set(counts) == {"asked", "present", *STATES}
    assert (counts["asked"], counts["present"], counts["ok"]) == (7, 5, 5)
    assert (counts["unavailable"], counts["silent"]) == (2, 0)


def test_a_state_that_does_not_exist_is_named() -> None:
    with pytest.raises(SpikesoundError, match=r"state in status 'fine'.*valid:.*ok"):
        clip_counts(status(2).assign(state="fine"))
