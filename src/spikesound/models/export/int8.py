"""A model as one ``.safetensors`` file with weights of 8 bits or fewer, as loading reads it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models import file
from spikesound.models.export.exported import Exported
from spikesound.models.export.sounds import check_sounds, compared_scores, model_scores
from spikesound.models.loading import Floats, TrainedModel, load
from spikesound.snn.quantisation.weights import quantise_weights

BITS = range(2, 9)


def to_int8(
    model: TrainedModel, out: Path, *, bits: int = 8, sounds: Sequence[Floats] = ()
) -> Exported:
    """Write synaptic weights as int8 with a scale for each output channel, and the rest as it is.

    The file is loaded again: its weights must be those of
    :func:`spikesound.snn.quantisation.weights.quantise_weights` to the bit. What its scores differ
    from the float model's is measured, and is no error.

    Parameters
    ----------
    bits : 2 to 8; each weight takes a byte whatever they are
    sounds : to compare on, at the model's rate; none: a synthetic one

    Raises
    ------
    SpikesoundError
        If ``bits`` is out of range, or the file, read back, has other weights.
    """
    if bits not in BITS:
        raise SpikesoundError(f"bits: expected {BITS[0]} to {BITS[-1]}, got {bits}")
    file.save(out, model.spec, model.network, calibration=model.calibration)
    floats = out.stat().st_size
    file.save(out, model.spec, model.network, bits=bits, calibration=model.calibration)
    loaded, expected = load(out), copy.deepcopy(model.network)
    quantise_weights(expected, bits)
    state = loaded.network.state_dict()
    if not all(torch.equal(state[name], value) for name, value in expected.state_dict().items()):
        raise SpikesoundError(f"{out.name}: read back, its weights are not the quantised ones")
    sounds = sounds or check_sounds(model)
    floating, rounded = (model_scores(each, sounds) for each in (model, loaded))
    done = compared_scores(model, out, floating, rounded, float("inf"))
    note = f"{done.size / floats:.2f} of the size of the file in floats, {floats:,} bytes"
    return replace(done, notes=[note])
