"""Policy of fetching: pace, retries with back-off, and when to stop.

All of it is decided here, in one thread, whatever the number and the place of the workers; a
worker makes one attempt and comes back. So a recording that waits for its next attempt holds no
worker, and a bound on requests holds for all workers together.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

import numpy as np

from spikesound.audio.ffmpeg import MediaError
from spikesound.data.fetch.meanings import Unreachable, advice
from spikesound.data.fetch.obtain import Attempt
from spikesound.data.fetch.rates import Rates
from spikesound.data.fetch.recording import Outcome, Recording, lost
from spikesound.params import DownloadParams

LONGEST_WAIT_S = 3600.0

LONGEST_PAUSE_S = 60.0
"""Between two requests while no server can be reached."""

FIRST_RATES = Rates()

Work = Callable[[Recording, Rates, int], Attempt]
"""One attempt at a recording, with what was measured so far, and the attempt's number."""


@dataclass
class Fetching:
    """Recordings requested from a site, and their outcomes.

    Attributes
    ----------
    stopped
        Why requests stopped before the last recording; empty while they have not.
    """

    recordings: Sequence[Recording]
    params: DownloadParams
    rng: np.random.Generator
    lost_at_most: float
    """Number of clips that may be lost before it is stopped."""
    lost: int = 0
    """Number of clips that are lost already, or known to be."""

    stopped: str = ""
    rates: Rates = field(default_factory=lambda: FIRST_RATES)
    in_flight: int = 0

    def __post_init__(self) -> None:
        # When an attempt may be made, which recording, the number of the attempt.
        self._waiting = [(0.0, index, 1) for index in range(len(self.recordings))]
        # Which recording, the number of the attempt, and when it began.
        self._running: dict[Future[Attempt], tuple[int, int, float]] = {}
        self._resting: list[float] = []  # until when workers pause
        self._next_s = 0.0  # when the bound on requests allows another
        self._refusals = 0
        self._unreached_s = 0.0  # when it was noticed that no server can be reached; 0: one can
        self._last: dict[int, MediaError] = {}

    @property
    def waiting(self) -> int:
        """The number of recordings that wait for another attempt."""
        return len(self._last)

    def run(self, pool: Executor, slots: int, work: Work) -> Iterator[list[Outcome]]:
        """Yield the outcomes of recording after recording, as they are decided."""
        self._stop_if_too_many_are_lost()
        while not self.stopped and (self._waiting or self._running):
            now = time.monotonic()
            while self._may_start(now, slots):
                self._start(pool, work, now)
            for future in self._done(now, slots):
                yield self._settle(future, time.monotonic())
        # What is under way is not thrown away.
        for future in wait(self._running).done:
            yield self._settle(future, time.monotonic())
        yield from self._given_up()

    def _may_start(self, now: float, slots: int) -> bool:
        while self._resting and self._resting[0] <= now:
            heapq.heappop(self._resting)
        most = 1 if self._unreached_s else slots  # one is enough to see whether a server is back
        free = len(self._running) + len(self._resting) < most
        return free and bool(self._waiting) and max(self._waiting[0][0], self._next_s) <= now

    def _start(self, pool: Executor, work: Work, now: float) -> None:
        _, index, number = heapq.heappop(self._waiting)
        future = pool.submit(work, self.recordings[index], self.rates, number)
        self._running[future] = (index, number, now)
        self.in_flight = len(self._running)
        if self.params.requests_per_s is not None:
            # Not by the clock: half to one and a half times the interval, the bound on the mean.
            self._next_s = now + self.rng.uniform(0.5, 1.5) / self.params.requests_per_s

    def _done(self, now: float, slots: int) -> list[Future[Attempt]]:
        """Wait until an attempt is done or another may be made."""
        times = self._resting[:1]
        if self._waiting and len(self._running) + len(self._resting) < slots:
            times.append(max(self._waiting[0][0], self._next_s))
        pause = max(min(times, default=now + 60) - now, 0.005)
        if not self._running:
            time.sleep(pause)
            return []
        return list(wait(self._running, timeout=pause, return_when=FIRST_COMPLETED).done)

    def _settle(self, future: Future[Attempt], now: float) -> list[Outcome]:
        """Record the result of an attempt; return the outcomes if it was the last one."""
        index, number, began = self._running.pop(future)
        self.in_flight = len(self._running)
        got = future.result()
        shortest, longest = self.params.pause_s
        heapq.heappush(self._resting, now + self.rng.uniform(shortest, longest))
        for measured in got.measured:
            self.rates = self.rates.after(measured)
        self._last.pop(index, None)
        self._count_refusals(got.trouble, began, now)
        if got.trouble is None:
            return self._decided(got.outcomes)
        if number >= self.params.attempts:
            return self._decided(self._all_lost(index, got.trouble, number))
        wait_s = self.params.backoff_s * 2.0 ** (number - 1) * self.rng.uniform(1.0, 1.5)
        ready = now + min(max(wait_s, got.trouble.wait_s), LONGEST_WAIT_S)
        heapq.heappush(self._waiting, (ready, index, number + 1))
        self._last[index] = got.trouble
        return []

    def _count_refusals(self, trouble: MediaError | None, began: float, now: float) -> None:
        if trouble is None or not trouble.refusal:
            self._refusals, self._unreached_s = 0, 0.0
            return
        if isinstance(trouble, Unreachable):
            if began < self._unreached_s:  # under way when it was noticed: nothing new
                return
            # A server that is away for a moment must not cost recording after recording.
            pause_s = min(self.params.backoff_s * 2.0**self._refusals, LONGEST_PAUSE_S)
            self._next_s = max(self._next_s, now + pause_s)
            self._unreached_s = now
        self._refusals += 1
        if self._refusals >= self.params.stop_after_refusals:
            what = "the site refused" if trouble.state == "throttled" else "requests failed"
            self.stopped = self.stopped or (
                f"{what} {self._refusals} times in a row, the last time with {trouble.reason!r};"
                f" {advice(trouble)}; see docs/guide/download.md"
            )

    def _decided(self, outcomes: list[Outcome]) -> list[Outcome]:
        self.lost += sum(outcome.state != "ok" for outcome in outcomes)
        self._stop_if_too_many_are_lost()
        return outcomes

    def _stop_if_too_many_are_lost(self) -> None:
        if (self._waiting or self._running) and self.lost > self.lost_at_most:
            self.stopped = self.stopped or (
                f"{self.lost} clips are missing by now, more than download.max_failures ="
                f" {self.params.max_failures:g} of all; those that are gone are requested again"
                f" download.remember_days = {self.params.remember_days:g} days after that was seen:"
                " raise max_failures, or take them off the list"
            )

    def _given_up(self) -> Iterator[list[Outcome]]:
        """Yield the outcomes of recordings that were not decided when it was stopped."""
        for _, index, number in self._waiting:
            trouble = self._last.get(index)
            untouched = MediaError("pending", "not requested: the run was stopped before")
            yield self._all_lost(index, trouble or untouched, number - 1)

    def _all_lost(self, index: int, trouble: MediaError, attempts: int) -> list[Outcome]:
        return [lost(clip, trouble, attempts) for clip in self.recordings[index].clips]
