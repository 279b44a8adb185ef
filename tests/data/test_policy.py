"""Pace, retries, back-off and the ways to stop, without a network: a site made of a function."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from project import ROOT

from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.meanings import OUTDATED, UNREACHABLE
from spikesound.data.fetch.obtain import Attempt
from spikesound.data.fetch.policy import Fetching
from spikesound.data.fetch.rates import Measured, Rates
from spikesound.data.fetch.recording import Clip, Outcome, Recording
from spikesound.params import Params

PARAMS = Params.load(ROOT / "params.yaml").download.model_copy(
    update={"requests_per_s": None, "pause_s": [0.0, 0.0], "backoff_s": 0.02, "attempts": 4}
)
BUSY = MediaError("throttled", "HTTP Error 429", retry=True, refusal=True)
BROKEN = MediaError("failed", "reset by peer", retry=True)

Site = Callable[[str, int], MediaError | str]


def recordings(number: int) -> list[Recording]:
    return [
        Recording(f"r{n}", f"http://x/r{n}", (Clip(f"r{n}_0", 0.0, 1.0),)) for n in range(number)
    ]


class Run:
    """One run: what was asked when, and what came of each clip."""

    def __init__(  # type: ignore[no-untyped-def]
        self,
        number: int,
        site: Site,
        *,
        slots: int = 4,
        lost: float = 1e9,
        before: int = 0,
        **changes,
    ):
        self.asked: list[tuple[float, str, int]] = []

        def work(recording: Recording, rates: Rates, attempt: int) -> Attempt:
            self.asked.append((time.monotonic(), recording.media_id, attempt))
            answer = site(recording.media_id, attempt)
            if isinstance(answer, MediaError) and answer.retry:
                return Attempt([], answer, [])
            state = answer.state if isinstance(answer, MediaError) else answer
            outcomes = [Outcome(clip.clip_id, state, attempts=attempt) for clip in recording.clips]
            return Attempt(outcomes, None, [Measured(0.5)])

        params = PARAMS.model_copy(update=changes)
        rng = np.random.default_rng(0)
        self.fetching = Fetching(recordings(number), params, rng, lost, before)
        with ThreadPoolExecutor(slots) as pool:
            self.outcomes = [
                outcome for done in self.fetching.run(pool, slots, work) for outcome in done
            ]
        self.states = Counter(outcome.state for outcome in self.outcomes)


def test_each_recording_is_decided_once() -> None:
    run = Run(50, lambda name, attempt: "ok")
    assert sorted(outcome.clip_id for outcome in run.outcomes) == sorted(
        f"r{n}_0" for n in range(50)
    )
    assert run.states == {"ok": 50}
    assert len(run.asked) == 50
    assert run.fetching.stopped == ""


def test_what_can_be_tried_again_is_and_the_attempts_are_told() -> None:
    run = Run(10, lambda name, attempt: "ok" if attempt == 3 else BROKEN)
    assert run.states == {"ok": 10}
    assert {outcome.attempts for outcome in run.outcomes} == {3}
    assert len(run.asked) == 30


def test_what_cannot_is_asked_for_once() -> None:
    run = Run(3, lambda name, attempt: MediaError("private", "Private video"))
    assert run.states == {"private": 3}
    assert len(run.asked) == 3


def test_attempts_run_out() -> None:
    run = Run(2, lambda name, attempt: BROKEN)
    assert run.states == {"failed": 2}
    assert len(run.asked) == 2 * PARAMS.attempts
    assert {outcome.attempts for outcome in run.outcomes} == {PARAMS.attempts}


@pytest.mark.slow
def test_the_pause_before_another_attempt_doubles() -> None:
    run = Run(1, lambda name, attempt: BROKEN, backoff_s=0.05)
    times = [when for when, _, _ in run.asked]
    pauses = np.diff(times)
    for number, pause in enumerate(pauses):
        assert 0.05 * 2**number <= pause < 0.05 * 2**number * 1.5 + 0.05


@pytest.mark.slow
def test_a_site_that_asks_for_a_longer_pause_gets_it() -> None:
    busy = MediaError("throttled", "429", retry=True, refusal=True, wait_s=0.3)
    run = Run(1, lambda name, attempt: "ok" if attempt == 2 else busy)
    assert run.asked[1][0] - run.asked[0][0] >= 0.3


@pytest.mark.slow
def test_a_recording_that_waits_holds_no_worker() -> None:
    slow = MediaError("failed", "reset", retry=True, wait_s=0.5)
    site = lambda name, attempt: slow if name == "r0" and attempt == 1 else "ok"  # noqa: E731
    run = Run(20, site, slots=1)
    assert run.states == {"ok": 20}
    assert run.asked[-1][1:] == ("r0", 2), "the others went before it"


@pytest.mark.slow
def test_requests_are_no_denser_than_the_bound_and_not_like_clockwork() -> None:
    run = Run(40, lambda name, attempt: "ok", requests_per_s=100.0, slots=8)
    times = np.array([when for when, _, _ in run.asked])
    gaps = np.diff(times)
    assert times[-1] - times[0] >= 0.5 * 39 / 100
    assert times[-1] - times[0] > 0.7 * 39 / 100
    assert gaps.std() > 0.001


def test_a_worker_pauses_between_two_recordings() -> None:
    run = Run(6, lambda name, attempt: "ok", pause_s=[0.05, 0.06], slots=1)
    gaps = np.diff([when for when, _, _ in run.asked])
    assert (gaps >= 0.05).all()


def test_refusals_in_a_row_stop_it_and_nothing_is_forgotten() -> None:
    site = lambda name, attempt: "ok" if int(name[1:]) < 5 else BUSY  # noqa: E731
    run = Run(200, site, stop_after_refusals=6, backoff_s=60.0)
    assert "refused 6 times in a row" in run.fetching.stopped
    assert "HTTP Error 429" in run.fetching.stopped
    assert len(run.asked) <= 5 + 6 + 4, "those under way may end"
    assert len(run.outcomes) == 200
    assert run.states["ok"] == 5
    assert run.states["throttled"] == len(run.asked) - 5
    assert run.states["pending"] == 200 - len(run.asked)
    pending = next(outcome for outcome in run.outcomes if outcome.state == "pending")
    assert pending.attempts == 0


def test_refusals_between_successes_do_not_stop_it() -> None:
    site = lambda name, attempt: BUSY if attempt == 1 and int(name[1:]) % 3 else "ok"  # noqa: E731
    run = Run(60, site, stop_after_refusals=10, slots=1)
    assert run.fetching.stopped == ""
    assert run.states == {"ok": 60}


def test_more_losses_than_allowed_stop_it_at_once() -> None:
    run = Run(100, lambda name, attempt: MediaError("removed", "gone"), lost=10, slots=1)
    assert "more than download.max_failures" in run.fetching.stopped
    assert run.states["removed"] == 11
    assert run.states["pending"] == 89


def test_losses_of_earlier_runs_count_and_nothing_is_requested_if_they_are_too_many() -> None:
    run = Run(20, lambda name, attempt: "ok", lost=10, before=11)
    assert not run.asked
    assert run.states == {"pending": 20}
    assert run.fetching.stopped.startswith("11 clips are missing by now, more than download.max_")
    assert Run(20, lambda name, attempt: "ok", lost=10, before=10).states == {"ok": 20}
    removed = MediaError("removed", "gone")
    late = Run(20, lambda name, attempt: removed, lost=10, before=8, slots=1)
    assert late.states == {"removed": 3, "pending": 17}
    assert late.fetching.stopped.startswith("11 clips are missing by now")
    assert Run(0, lambda name, attempt: "ok", lost=10, before=11).fetching.stopped == ""


@pytest.mark.slow
def test_a_server_that_is_away_for_a_moment_costs_no_recording() -> None:
    began_s = time.monotonic()

    def site(name: str, attempt: int) -> MediaError | str:
        away = time.monotonic() - began_s < 0.5
        return UNREACHABLE.error("Connection refused") if away else "ok"

    run = Run(40, site, slots=8, stop_after_refusals=10)
    assert run.states == {"ok": 40}
    assert len(run.asked) < 40 + 8 + 6, "while it is away, one request at a time looks for it"


def test_a_server_that_stays_away_stops_the_run() -> None:
    site = lambda name, attempt: UNREACHABLE.error("Connection refused")  # noqa: E731
    run = Run(40, site, slots=8, stop_after_refusals=4, backoff_s=0.01)
    assert run.fetching.stopped.startswith("requests failed 4 times in a row, the last time with")
    assert "the server is away. Run it again when it is there" in run.fetching.stopped
    assert run.states["failed"] == len(run.asked) == 8 + 3
    assert run.states["pending"] == 40 - 11


def test_a_site_that_is_not_understood_stops_the_run_with_the_advice_to_update() -> None:
    run = Run(40, lambda name, attempt: OUTDATED.error("Only images"), stop_after_refusals=4)
    assert "pip install --upgrade 'yt-dlp[default]'" in run.fetching.stopped
    assert "No clip is marked as gone" in run.fetching.stopped
    assert set(run.states) == {"failed", "pending"}


def test_an_error_that_is_no_recordings_own_stops_the_run() -> None:
    def full(name: str, attempt: int) -> str:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        Run(10, full)


def test_measurements_come_back_to_the_choice_between_section_and_whole() -> None:
    run = Run(30, lambda name, attempt: "ok")
    assert run.fetching.rates.section_s == pytest.approx(0.5, abs=0.1)


def test_the_choice_is_by_size_and_by_what_was_measured() -> None:
    rates = Rates(native_bytes_per_s=1e6, section_s=4.0)
    assert not rates.prefer_sections(3.9e6, 1)
    assert rates.prefer_sections(4.1e6, 1)
    assert not rates.prefer_sections(4.1e6, 2)
    slow_line = rates
    for _ in range(30):
        slow_line = slow_line.after(Measured(10.0, whole_bytes=1e6))
    assert slow_line.prefer_sections(1e6, 1), "a slow line makes the section worth while"
    crawling = rates
    for _ in range(30):
        crawling = crawling.after(Measured(60.0))
    assert not crawling.prefer_sections(4.1e6, 1), "sections that crawl are not asked for"
    assert crawling.native_bytes_per_s == rates.native_bytes_per_s
