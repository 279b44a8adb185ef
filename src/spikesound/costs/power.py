"""Power of a network that runs frame by frame, in each kind of sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.costs.break_even import spike_rate
from spikesound.costs.by_frame import mean_layers
from spikesound.costs.counting import count_frames
from spikesound.costs.energy import energy, operations_nj
from spikesound.costs.execution import Execution, work
from spikesound.costs.front_end import SoundInput
from spikesound.costs.layer import LayerCounts
from spikesound.costs.lazy_updates import WAITING
from spikesound.costs.neuron_work import states
from spikesound.costs.tables import Counts
from spikesound.costs.widths import widths
from spikesound.models.spec import Spec
from spikesound.params import CostParams, Dataflow, FeatureParams

Way = Literal["dense", "zero_skipping", "events", "events_lazy"]
"""Execution of a detector: see :func:`power_table`."""

SECONDS = 3600
"""Of sound that are priced, before they are divided: what is done once does not count."""

Nanojoules = TypeVar("Nanojoules", float, pd.Series)

SETTLE_S = 30.0
"""Of silence before it is counted."""


@dataclass(frozen=True)
class Sound:
    """Input of a detector, and the frames that are counted.

    Attributes
    ----------
    inputs : (clip, frame, bin) in [0, 1], each clip from rest
    chosen : (clip, frame); None: all
    """

    inputs: npt.NDArray[Any]
    chosen: npt.NDArray[np.bool_] | None = None


def silence(bins: int, hop_s: float, seconds: float = 30.0) -> Sound:
    """Return digital silence, all features zero, of which the first :data:`SETTLE_S` count not."""
    settle, frames = round(SETTLE_S / hop_s), max(1, round(seconds / hop_s))
    chosen = np.arange(settle + frames) >= settle
    return Sound(np.zeros((1, settle + frames, bins), np.float32), chosen[None])


@dataclass(frozen=True)
class SoundCounts:
    """Operations of a detector in one kind of sound.

    Attributes
    ----------
    sound : its name, for example events, background, silence
    lazy : whether neurons wait for spikes (:mod:`spikesound.costs.lazy_updates`)
    layers : what each layer does in :data:`SECONDS` of it
    """

    sound: str
    lazy: bool
    layers: list[LayerCounts]


def count_sounds(network: nn.Module, spec: Spec, sounds: Mapping[str, Sound]) -> list[SoundCounts]:
    """Return a detector's operations in each kind of sound; if it spikes, with lazy updates too.

    Raises
    ------
    SpikesoundError
        If a sound has no frames, or other bins than the detector.
    """
    frames = round(SECONDS / spec.sound.hop_s)
    counted = []
    for name, sound in sounds.items():
        counts = count_frames(network, spec, sound.inputs)
        for lazy in (False, True) if spec.spiking else (False,):
            layers = mean_layers(counts, frames, sound.chosen, lazy=lazy)
            counted.append(SoundCounts(name, lazy, layers))
    return counted


def write_counts(counts: Sequence[SoundCounts], path: Path) -> None:
    """Write the counts as CSV, a row a kind of sound, way of updating and layer."""
    rows = [
        {"sound": each.sound, "lazy": each.lazy} | asdict(layer)
        for each in counts
        for layer in each.layers
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def read_counts(path: Path) -> list[SoundCounts]:
    """Return what :func:`write_counts` wrote.

    Raises
    ------
    SpikesoundError
        If the file is missing or has other columns.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; evaluate the model (dvc repro)")
    rows = pd.read_csv(path, keep_default_na=False)
    wanted = ["sound", "lazy", *(each.name for each in fields(LayerCounts))]
    if list(rows.columns) != wanted:
        raise SpikesoundError(f"{path}: expected columns {wanted}, got {list(rows.columns)}")
    return [
        SoundCounts(
            str(sound),
            bool(lazy),
            [LayerCounts(*row[2:]) for row in of_sound.itertuples(index=False, name=None)],
        )
        for (sound, lazy), of_sound in rows.groupby(["sound", "lazy"], sort=False)
    ]


def power_table(
    model: str, counts: Sequence[SoundCounts], params: CostParams, *, spiking: bool
) -> pd.DataFrame:
    """Return a detector's power in each kind of sound, by technology, dataflow and execution.

    A conventional network is run ``dense``, and by ``zero_skipping``: inputs that are zero cost a
    look at one bit and no operation. A spiking one is run by ``events``: only spikes, and values of
    the sound that are not zero, cost operations, but each neuron is updated in each frame; and by
    ``events_lazy``, in which neurons wait (:mod:`spikesound.costs.lazy_updates`). An update after a
    wait takes an addition more, for the frames that went by, and a state more, the frame of the
    last update; the powers of beta lie in a table. The integrators of the classes are read, and
    updated, in every frame. The sound's features, the filter behind the network and the thresholds
    are not in it: they are the same for all.

    Parameters
    ----------
    params : technologies and memories (``costs`` in params.yaml)

    Returns
    -------
    DataFrame
        columns model, input, profile, dataflow, execution, operations_uw (of synapses),
        total_uw (with neurons and memory traffic), macs_per_s, acs_per_s (of synapses),
        updates_per_s (of neurons), spike_rate (spikes per neuron and frame, or substep where
        neurons have several spikes a frame; 0 of a conventional network)
    """
    rows: list[dict[str, Any]] = []
    for each in counts:
        head = {"model": model, "input": each.sound}
        ways: tuple[Way, ...] = ("dense", "zero_skipping")
        if spiking:
            ways = ("events_lazy",) if each.lazy else ("events",)
        for way in ways:
            rows += _priced(each.layers, way, head, params)
    return pd.DataFrame(rows)


def _priced(
    layers: Sequence[LayerCounts], way: Way, head: dict[str, Any], params: CostParams
) -> list[dict[str, Any]]:
    # Zeros of the sound are left out too, which ``events`` of a classifier does not.
    execution: Execution = "dense" if way == "dense" else "zero_skipping"
    done = [work(layer, execution) for layer in layers]
    updates = sum(layer.neuron_updates for layer in layers)
    per_second = {
        "macs_per_s": sum(each.macs for each in done) / SECONDS,
        "acs_per_s": sum(each.acs for each in done) / SECONDS,
        "updates_per_s": updates / SECONDS,
        "spike_rate": _rate(layers),
    }
    waiting = [way == "events_lazy" and _waits(layer) for layer in layers]
    each = list(zip(layers, waiting, strict=True))
    priced = [_waiting(layer) if waits else layer for layer, waits in each]
    late = sum(layer.neuron_updates for layer, waits in each if waits)
    rows = []
    for profile, dataflow in product(params.profiles, get_args(Dataflow)):
        technology = params.profiles[profile]
        priced_energy = energy(
            priced,
            widths(technology, None, None),
            technology,
            params.memory,
            dataflow,
            execution,
            params.account,
        )
        total = priced_energy.total_nj + operations_nj(
            0.0, late, technology.mac_pj, technology.ac_pj
        )
        rows.append(
            head
            | {"profile": profile, "dataflow": dataflow, "execution": way}
            | {"operations_uw": _uw(priced_energy.operations_nj), "total_uw": _uw(total)}
            | per_second
        )
    return rows


def _waits(layer: LayerCounts) -> bool:
    """Return whether a layer's neurons may wait; those of other kinds are updated in every step."""
    return layer.neuron in WAITING


def _waiting(layer: LayerCounts) -> LayerCounts:
    """Return a layer whose states move as often as its neurons are updated, with one state more.

    Who prices it takes the states' traffic from ``steps``, and the outputs' too: a neuron that
    waits puts out nothing, one that does not is charged its bit twice at most. A convolution of
    more steps than passes would be taken for one that keeps the sums of a steady input.
    """
    count = states(layer)
    shares = layer.neuron_updates / layer.outputs * (count + 1) / count
    return replace(layer, kind="linear", steps=max(1, round(shares)))


def _rate(layers: Sequence[LayerCounts]) -> float:
    """Return spikes per neuron and frame, or substep; neurons that wait count as well."""
    return spike_rate(
        [replace(layer, neuron_updates=float(layer.outputs * layer.steps)) for layer in layers]
    )


def _uw(nj: Nanojoules) -> Nanojoules:
    return nj / SECONDS / 1000


def power_tables(
    counts: Mapping[str, Sequence[SoundCounts]], spiking: Mapping[str, bool], params: CostParams
) -> pd.DataFrame:
    """Return :func:`power_table` of several models, one under the other."""
    return pd.concat(
        [
            power_table(name, of_model, params, spiking=spiking[name])
            for name, of_model in counts.items()
        ],
        ignore_index=True,
    )


def stream_counts(
    counts: Mapping[str, Sequence[SoundCounts]],
    spiking: Mapping[str, bool],
    features: FeatureParams,
    sound: str = "events",
) -> dict[str, Counts]:
    """Return each detector's counts in one kind of sound, for the tables over accounts.

    Neurons are updated in each frame; lazy updates are in :func:`power_table` alone.
    """
    source = SoundInput(features, SECONDS)
    return {
        name: Counts(each.layers, "events" if spiking[name] else "dense", sound=source, stream=True)
        for name, of_model in counts.items()
        for each in of_model
        if each.sound == sound and not each.lazy
    }


def tables_of_power(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return tables over accounts with power, uW, in place of the energy of :data:`SECONDS`."""
    changed = {}
    for name, table in tables.items():
        energies = [column for column in table.columns if column.endswith("_nj")]
        powers = table.assign(**{column: _uw(table[column]).round(6) for column in energies})
        changed[name] = powers.rename(columns=lambda column: column.replace("_nj", "_uw"))
    return changed


def power_figures(table: pd.DataFrame, params: CostParams) -> dict[str, dict[str, float]]:
    """Return each model's power in each kind of sound, µW, by the profile and dataflow shown first.

    The keys are ``<sound>_uw``; conventional models run ``dense``, spiking ones ``events``.
    """
    shown = table[
        (table["profile"] == params.profile)
        & (table["dataflow"] == params.dataflow)
        & table["execution"].isin(["dense", "events"])
    ]
    return {
        str(name): {
            f"{sound}_uw": float(value)
            for sound, value in zip(rows["input"], rows["total_uw"], strict=True)
        }
        for name, rows in shown.groupby("model", sort=False)
    }
