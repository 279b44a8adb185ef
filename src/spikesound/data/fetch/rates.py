"""Choice between a section of a recording and the whole: whichever is expected sooner.

Natively a recording comes at the line's speed, but all of it. A section is cut out by ffmpeg over
the network, which needs several requests to find its place and is slow on long recordings of some
sites. Which is sooner hangs on the recording's length and on how fast both have been so far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WEIGHT = 0.2
"""Of the newest measurement in the running mean."""

SLACK = 4.0
"""Factor over its expected time at which a section is given up, and the whole fetched."""


@dataclass(frozen=True)
class Measured:
    """Duration of one transfer."""

    seconds: float
    whole_bytes: float | None = None  # of a whole recording; None for a section


@dataclass(frozen=True)
class Rates:
    """Transfer rates measured so far; at first, guesses in favour of a section.

    Attributes
    ----------
    native_bytes_per_s
        Of a whole recording, connections included.
    section_s
        Seconds until a section was there, whatever its length: finding the place dominates.
    """

    native_bytes_per_s: float = 1e6
    section_s: float = 4.0

    def prefer_sections(self, whole_bytes: float, sections: int) -> bool:
        """Tell whether the sections are expected sooner than a whole recording of that size."""
        return sections * self.section_s < whole_bytes / self.native_bytes_per_s

    def after(self, measured: Measured) -> Rates:
        """Return the rates with one more measurement in them."""
        if measured.whole_bytes is None:
            return replace(self, section_s=_mean(self.section_s, measured.seconds))
        speed = measured.whole_bytes / max(measured.seconds, 1e-3)
        return replace(self, native_bytes_per_s=_mean(self.native_bytes_per_s, speed))


def _mean(old: float, new: float) -> float:
    return (1 - WEIGHT) * old + WEIGHT * new
