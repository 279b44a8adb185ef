"""Registry of inference backends, for detectors frame by frame and for classifiers of clips.

================  ====================================  ======================================
backend           detector, frame by frame              classifier of clips
================  ====================================  ======================================
``event_driven``  spiking: LIF, IF, ALIF, several       CNN of LIF or IF, average or stride
                  spikes a frame, recurrent ones in     pooling, readout ``rate``
                  the last layer
``compiled``      conventional: ReLU, GRU, LSTM         convolutions with norms and pooling folded
``dense``         any: the torch loop                   any: the network itself
================  ====================================  ======================================

``auto`` is the first of them that there is for the layers of the network
(:mod:`spikesound.models.layers`). A network of neurons that the kernels do not know (Izhikevich,
Hodgkin-Huxley, current-based LIF, with delays), of other kinds of layers, of other weights than
float32 or on another device than the CPU has ``dense`` alone.

All backends add up the same numbers, in different orders. Scores of conventional networks agree
within 1e-5. Spiking networks fire at the same times, and their scores agree within 1e-5, except
where a potential lies within float32 rounding of its threshold: there one spike may differ, with
what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, unknown
from spikesound.inference.event_driven_cnn import FrozenCNN
from spikesound.inference.folded_cnn import folded
from spikesound.inference.streaming.compiled import Compiled
from spikesound.inference.streaming.conventional import Conventional
from spikesound.inference.streaming.event_driven import EventDriven
from spikesound.models.networks.detector import Detector

AUTO = "auto"
DENSE = "dense"

Score = Callable[[torch.Tensor], torch.Tensor]
"""Maps clips (time, batch, frame, bin) to class scores (batch, class)."""
Streaming = Detector | Compiled
"""Has ``rest()`` and ``advance(frames, state)``, as :class:`.Detector` has."""


def _same(network: Any) -> Any:
    return network


@dataclass(frozen=True)
class Backend:
    """Backend of inference; each function raises SpikesoundError for a network it cannot compute.

    Attributes
    ----------
    streaming : makes what computes a detector frame by frame
    clips : makes what computes a classifier's scores of clips
    """

    streaming: Callable[[Detector], Streaming]
    clips: Callable[[nn.Module], Score]


BACKENDS: dict[str, Backend] = {
    "event_driven": Backend(EventDriven, FrozenCNN),
    "compiled": Backend(Conventional, folded),
    DENSE: Backend(_same, _same),
}
"""By name, in the order in which ``auto`` tries them."""


def check_backend(name: str) -> None:
    """Raise SpikesoundError, with the valid names, for a name that is neither one nor ``auto``."""
    names = (AUTO, *BACKENDS)
    if name not in names:
        raise unknown("backend", name, names)


def streaming(network: Detector, backend: str = AUTO) -> tuple[str, Streaming]:
    """Return the backend's name, and what computes the detector frame by frame.

    Kernels are compiled here, or read from numba's cache, and not in the first frame.

    Parameters
    ----------
    network : trained; compiled backends copy its weights
    backend : of :data:`BACKENDS`, or ``auto``

    Raises
    ------
    SpikesoundError
        If there is no such backend, or it cannot compute this network.
    """
    check_backend(backend)
    for name in BACKENDS if backend == AUTO else (backend,):
        try:
            made = BACKENDS[name].streaming(network.eval())
        except SpikesoundError as error:
            if backend != AUTO:
                raise SpikesoundError(f"backend {backend!r}: {error}") from error
        else:
            break
    if isinstance(made, Compiled):
        made.advance(torch.zeros(1, 1, made.bins), made.rest())
    return name, made


def equal_backends(network: nn.Module, clips: Sequence[torch.Tensor]) -> dict[str, Score]:
    """Return the backends that take the network's own decision on each of the clips, by name.

    Parameters
    ----------
    clips : inputs of the network, (time, 1, frame, bin) each
    """
    scores: dict[str, Score] = {}
    with torch.inference_mode():
        decided = [network(clip).argmax() for clip in clips]
        for name, backend in BACKENDS.items():
            try:
                score = backend.clips(network)
            except SpikesoundError:  # not a backend for this kind of network
                continue
            if all(score(x).argmax() == best for x, best in zip(clips, decided, strict=True)):
                scores[name] = score
    return scores
