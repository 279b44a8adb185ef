"""Messages for users: what comes from files is neither shown whole nor obeyed by a terminal."""

from __future__ import annotations

from spikesound.core.errors import LONGEST_MESSAGE, SpikesoundError, abridged, shown


def test_a_long_text_is_abridged_and_a_short_one_is_not() -> None:
    assert abridged("x" * 200) == "x" * 200
    assert abridged("x" * 10_000_000) == "x" * 200 + "... (10,000,000 characters)"


def test_a_message_is_shown_without_control_characters_and_not_whole_if_it_is_long() -> None:
    assert shown(SpikesoundError("a\x1b[31m\udcfcb")) == "a�[31m�b"
    assert len(shown(SpikesoundError("x" * 10_000_000))) < LONGEST_MESSAGE + 50
