"""Pure tones through a neuromorphic cochlea, recognised by a network trained by histograms.

The network of Dominguez-Morales et al. 2016 (ICANN, "Multilayer spiking neural network for audio
samples classification using SpiNNaker"): 64 channels, 8 hidden and 8 output neurons
(``IF_curr_exp``) with its constants, at steps of 1 ms. Weights are firing rates of the recordings
without noise; the decision is the output neuron with the most spikes, and a tie is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.data.address_events import AddressEvents, read_events
from spikesound.params import CurrExpParams
from spikesound.snn.neurons.curr_exp import CurrExp

ADDRESSES = 128
CHANNELS = 63
"""Of 64: the last one, which has noise alone, is not connected there."""

CLEAN = "No noise"
NOISY = re.compile(r"SNR-(-?\d+(?:_\d+)?)")
STEP_US = 1000

CONSTANTS: dict[str, Any] = {
    "tau_m_ms": 20.0, "tau_syn_ms": 5.0, "cm_nf": 0.25, "v_rest_mv": -65.0, "v_reset_mv": -70.0,
    "tau_refrac_ms": 2.0, "step_ms": 1.0, "surrogate": "atan", "slope": 2.0,
}  # fmt: skip
HIDDEN = CurrExpParams.model_validate(CONSTANTS | {"v_thresh_mv": -50.0})
OUTPUT = CurrExpParams.model_validate(CONSTANTS | {"v_thresh_mv": -55.0})

FIRST_NA = (0.001, 0.002, 0.003, 0.005, 0.01)
SECOND_NA = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Scales of the weights, of which the recordings without noise choose."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recordings:
    """Events of each condition and tone.

    Attributes
    ----------
    tones : names in the order of their frequencies
    snrs_db : of each condition; infinite without noise, which is the first
    channels : events of a channel in each step (condition, tone, step, channel), both polarities
    on : those of the ON polarity alone
    """

    tones: list[str]
    snrs_db: list[float]
    channels: Floats
    on: Floats


@dataclass(frozen=True)
class Weights:
    """Weights of both layers, in nA: (output, input)."""

    first: Floats
    second: Floats


def read_recordings(folder: Path) -> Recordings:
    """Read a folder with ``No noise`` and ``tonesSNR/SNR-<dB>``, a file of events for each tone.

    Raises
    ------
    SpikesoundError
        If a folder or a tone's file is missing, or a file is damaged.
    """
    clean = folder / CLEAN
    tones = sorted({_tone(path) for path in clean.glob("*.aedat*")}, key=float)
    if not tones:
        raise SpikesoundError(f"{clean}: no recordings of tones (*.aedat, *.aedat.xz)")
    conditions = {float("inf"): clean}
    for path in sorted((folder / "tonesSNR").glob("*")):
        if (name := NOISY.fullmatch(path.name)) is not None:
            conditions[float(name[1].replace("_", "."))] = path
    snrs = sorted(conditions, reverse=True)
    files = [_file(conditions[snr], tone) for snr, tone in product(snrs, tones)]
    what = "read events"
    events = [
        read_events(path, addresses=ADDRESSES)
        for path in track(files, total=len(files), what=what, unit="file")
    ]
    steps = min(each.times_us[-1] for each in events) // STEP_US
    binned = np.stack([_binned(each, int(steps)) for each in events]).astype(np.float64)
    binned = binned.reshape(len(snrs), len(tones), int(steps), ADDRESSES // 2, 2)[..., :CHANNELS, :]
    return Recordings(tones, snrs, binned.sum(-1), binned[..., 0])


def published(recordings: Recordings) -> tuple[Floats, Weights]:
    """Return input and weights as published: shares of all events, of the ON polarity, in nA.

    A source spikes at most once in a step. The second layer has the hidden neurons' rates over the
    highest, tone by tone; there it was set by hand.
    """
    shares = recordings.on[0].sum(1) / recordings.channels[0].sum((1, 2))[:, None]
    given = (recordings.channels > 0).astype(np.float64)
    return given, Weights(shares, _rates(given[0], shares))


def centred(recordings: Recordings) -> tuple[Floats, Weights]:
    """Return input and weights of histograms of length 1 without their mean over the tones.

    Every event counts. Of the scales the one is taken with which the output neurons tell the
    recordings without noise apart by the largest share of their spikes.
    """
    histograms = recordings.channels[0].sum(1)
    units = histograms / np.linalg.norm(histograms, axis=1, keepdims=True)
    apart = units - units.mean(0)
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    given, best, found = recordings.channels, -np.inf, None
    for first, second in product(FIRST_NA, SECOND_NA):
        weights = Weights(first * apart, second * _rates(given[0], first * apart))
        margin = _margin(counts(given[:1], weights)[0])
        if margin > best:
            best, found = margin, weights
    assert found is not None
    return given, found


def counts(given: Floats, weights: Weights) -> Floats:
    """Return the spikes of the output neurons (condition, tone, output) for events of each step."""
    spikes: Floats = _spikes(OUTPUT, _spikes(HIDDEN, given, weights.first), weights.second).sum(2)
    return spikes


def hits(scores: Floats) -> npt.NDArray[np.bool_]:
    """Return where a tone's own score (..., tone, output) is the highest; a tie is no hit."""
    own = np.diagonal(scores, axis1=-2, axis2=-1)
    others = np.where(np.eye(scores.shape[-1], dtype=bool), -np.inf, scores).max(-1)
    found: npt.NDArray[np.bool_] = own > others
    return found


def tone_rows(recordings: Recordings) -> dict[str, Any]:
    """Return for each network the share of tones recognised, by SNR, and above 3 dB by tone."""
    settings: dict[str, Any] = {}
    for name, scores in _scores(recordings):
        right = hits(scores)
        loud = [snr >= 3 for snr in recordings.snrs_db]
        settings[name] = {
            "by_snr_db": {
                f"{snr:g}": round(float(share), 4)
                for snr, share in zip(recordings.snrs_db, right.mean(1), strict=True)
            },
            "by_tone_from_3_db": {
                tone: round(float(share), 4)
                for tone, share in zip(recordings.tones, right[loud].mean(0), strict=True)
            },
            "from_3_db": round(float(right[loud].mean()), 4),
            "least_tone_from_3_db": round(float(right[loud].mean(0).min()), 4),
            "all": round(float(right.mean()), 4),
            "clean": round(float(right[0].mean()), 4),
        }
    return {"recordings": int(right.size), "settings": settings}


def _scores(recordings: Recordings) -> Iterator[tuple[str, Floats]]:
    for name, make in NETWORKS.items():
        given, weights = make(recordings)
        yield name, counts(given, weights)
    histograms = recordings.channels.sum(2)
    units = histograms / np.linalg.norm(histograms, axis=-1, keepdims=True)
    yield "nearest histogram", units @ units[0].T


def _spikes(params: CurrExpParams, given: Floats, weights: Floats) -> Floats:
    """Return the spikes (condition, tone, step, neuron) of a layer."""
    currents = torch.from_numpy(np.moveaxis(given @ weights.T, 2, 0))
    with torch.no_grad():
        found: Floats = np.moveaxis(CurrExp(params)(currents).numpy(), 0, 2)
    return found


def _rates(given: Floats, first: Floats) -> Floats:
    """Return for each tone the hidden neurons' spikes without noise over the highest of them."""
    spikes = _spikes(HIDDEN, given[None], first)[0].sum(1)
    rates: Floats = spikes / np.maximum(spikes.max(1, keepdims=True), 1)
    return rates


def _margin(scores: Floats) -> float:
    """Return the least lead of a tone's own output neuron, as a share of its spikes."""
    own = np.diagonal(scores)
    others = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores).max(1)
    return float(((own - others) / np.maximum(own, 1)).min())


def _binned(events: AddressEvents, steps: int) -> npt.NDArray[np.int64]:
    return events.binned(STEP_US, steps, ADDRESSES)


def _tone(path: Path) -> str:
    name = path.name.partition(".")[0]
    if not name.isdecimal():
        raise SpikesoundError(f"{path}: expected a tone's frequency as its name, such as 523.aedat")
    return name


def _file(folder: Path, tone: str) -> Path:
    for name in (f"{tone}.aedat", f"{tone}.aedat.xz"):
        if (folder / name).is_file():
            return folder / name
    raise SpikesoundError(f"{folder}: no recording of tone {tone} ({tone}.aedat, .aedat.xz)")


NETWORKS: Mapping[str, Any] = {"published": published, "centred": centred}
"""Input and weights of each network, from the recordings without noise."""
