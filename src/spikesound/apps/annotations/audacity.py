"""Label tracks of Audacity (File > Import > Labels)."""

from __future__ import annotations

from spikesound.apps.annotations.labelled import Labelled, one_line


def audacity(sound: Labelled) -> str:
    """Return one line an event: start and end in seconds, label, between tabs.

    References
    ----------
    Audacity manual, "Importing and Exporting Labels".
    """
    return "".join(
        f"{event.onset_s:.6f}\t{event.offset_s:.6f}\t{one_line(event.label)}\n"
        for event in sound.events
    )
