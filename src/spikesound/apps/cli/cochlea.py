"""``spikesound cochlea``: a sound as address events, through the cochlea of the features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RATE_HZ = 22050


def cochlea(
    sound: Annotated[str, typer.Argument(help="A file that ffmpeg reads.")],
    out: Annotated[Path, typer.Argument(help="The file of address events to write, .aedat.")],
    channels: Annotated[int, typer.Option(min=1, max=1024, help="Number of band-passes.")] = 32,
    low_hz: Annotated[float, typer.Option(min=30, help="Lowest edge of the bands.")] = 50.0,
    high_hz: Annotated[float, typer.Option(help="Highest edge of the bands.")] = 10000.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Turn a sound into the spikes of ON and OFF neurons behind band-passes (AER-DAT2.0).

    The address of a spike is twice its channel, plus one for OFF; times are in microseconds.
    """
    import numpy as np

    from spikesound.apps.sound import Samples
    from spikesound.core.errors import SpikesoundError
    from spikesound.data.address_events import AddressEvents, write_events
    from spikesound.features.cochlea import events, filters

    if out.exists() and not force:
        raise SpikesoundError(f"{out}: already exists; use --force to overwrite")
    if not low_hz < high_hz <= RATE_HZ / 2:
        raise SpikesoundError(
            f"--high-hz: expected more than {low_hz:g} and at most {RATE_HZ / 2:g}, got {high_hz:g}"
        )
    wave = np.concatenate(list(Samples(sound, None, RATE_HZ)))
    addresses, times = events(wave, RATE_HZ, filters(RATE_HZ, channels, low_hz, high_hz))
    if not len(addresses):
        raise SpikesoundError(f"{sound}: no spike; it is silent")
    write_events(AddressEvents(addresses, times), out)
    seconds = len(wave) / RATE_HZ
    print(
        f"{out}: {len(addresses):,} events of {2 * channels} addresses in {seconds:.2f} s, "
        f"{len(addresses) / seconds:,.0f} a second"
    )
