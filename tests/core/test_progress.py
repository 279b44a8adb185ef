"""Progress: on a terminal in place, in a log as lines, always on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from spikesound.core import progress
from spikesound.core.progress import Board, Meter, Screen, track


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def screen(terminal: bool) -> Screen:
    return Screen(Console(file=io.StringIO(), force_terminal=terminal, width=100))


def written(on: Screen) -> str:
    assert isinstance(on.console.file, io.StringIO)
    return on.console.file.getvalue()


def test_a_log_has_a_line_twice_a_minute_and_one_at_the_end(clock: Clock) -> None:
    on = screen(terminal=False)
    for _ in track(range(100), total=100, what="encode", screen=on):
        clock.now_s += 1
    assert written(on).splitlines() == [
        "encode: 30 of 100, 1.0 clip/s, 0:01:10 left",
        "encode: 60 of 100, 1.0 clip/s, 0:00:40 left",
        "encode: 90 of 100, 1.0 clip/s, 0:00:10 left",
        "encode: 100 of 100, 1.0 clip/s, in 0:01:40",
    ]


def test_the_speed_is_that_of_the_last_minute(clock: Clock) -> None:
    with Meter("train", 200, "epoch", screen(terminal=False)) as meter:
        for seconds in [0.1] * 100 + [4.0] * 60:
            clock.now_s += seconds
            meter.advance()
        assert meter.per_s == pytest.approx(0.25, rel=0.01)
        assert meter.line() == "train: 160 of 200, 4.0 s/epoch, 0:02:40 left"


def test_a_pause_between_slow_steps_is_not_the_speed_of_all(clock: Clock) -> None:
    with Meter("train", 200, "epoch", screen(terminal=False)) as meter:
        for seconds in [6.0] * 84 + [96.0]:  # a fold is evaluated before the next one begins
            clock.now_s += seconds
            meter.advance()
        assert 1 / meter.per_s == pytest.approx(15.0, rel=0.1)


def test_a_terminal_is_drawn_in_place_and_keeps_the_last_line(clock: Clock) -> None:
    on = screen(terminal=True)
    outer = track(range(2), total=2, what="fold", unit="fold", screen=on)
    for _ in outer:
        for _ in track(range(4), total=4, what="epoch", unit="epoch", screen=on):
            clock.now_s += 1
    text = written(on)
    assert "\x1b[" in text, "drawn over"
    assert "3 of 4" in text
    assert text.count("epoch: 4 of 4, 1.0 epoch/s, in 0:00:04") == 2
    assert text.count("fold: 2 of 2, 4.0 s/fold, in 0:00:08") == 1


def test_a_board_counts_states(clock: Clock) -> None:
    on = screen(terminal=False)
    with Board("download", 10, screen=on) as board:
        clock.now_s += 2
        board.add(["ok", "ok", "failed"], in_flight=2, waiting=1)
        numbers = "3 of 10, 1.5 clip/s, 0:00:05 left, 2 under way, 1 waiting for a retry"
        assert board.line() == f"download: {numbers}; 2 ok, 1 failed"
        board.add(["ok"] * 7)
    assert written(on) == "download: 10 of 10, 5.0 clip/s, in 0:00:02; 9 ok, 1 failed\n"


def test_an_unknown_total_has_no_time_left_and_nothing_is_not_shown(clock: Clock) -> None:
    on = screen(terminal=False)
    assert list(track([], total=0, what="nothing", screen=on)) == []
    assert written(on) == ""
    with Meter("a.zip", None, "MB", on) as meter:
        clock.now_s += 2
        meter.advance(2.5)
    assert written(on) == "a.zip: 2.5, 1.2 MB/s\n"


def test_an_error_leaves_what_was_done(clock: Clock) -> None:
    on = screen(terminal=False)

    def items() -> Iterator[int]:
        yield 1
        clock.now_s += 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(track(items(), total=3, what="work", screen=on))
    assert written(on) == "work: 1 of 3, 1.0 clip/s, 0:00:02 left\n"


def test_what_is_printed_meanwhile_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    on = screen(terminal=True)
    with Meter("work", 3, screen=on):
        print("to standard output")
        with on.paused():
            print("an error", file=sys.stderr)
    captured = capsys.readouterr()
    assert captured.out == "to standard output\n"
    assert captured.err == "an error\n"


def test_progress_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([1, 2], total=2, what="work")) == [1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("work: 2 of 2")
