"""Conventional networks as ONNX: a detector as one frame with states, a classifier as one clip."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import Exported, library
from spikesound.models.export.facts import facts
from spikesound.models.export.run import compared, outputs_of
from spikesound.models.export.sounds import (
    check_sounds,
    compared_scores,
    function_scores,
    model_scores,
)
from spikesound.models.export.step import inputs_of
from spikesound.models.export.waveform import sound_inputs_of
from spikesound.models.layers import layers_of
from spikesound.models.loading import Floats, TrainedModel

SOUND_TOLERANCE = 1e-3
"""Of probabilities from samples: the DFT is summed in another order, and a feature on the edge of a
step of half precision goes to the other side."""


def to_onnx(
    model: TrainedModel, out: Path, *, features: bool = False, sounds: Sequence[Floats] = ()
) -> Exported:
    """Write a conventional network with its front end, and compare it in ONNX Runtime with itself.

    A classifier's file takes ``samples`` (1, sample) of a clip at the model's rate and gives
    ``probabilities`` (1, class). A detector's is one frame: it takes the window of ``samples``
    around the frame's middle, and ``state_0``, ``state_1``, ..., zeros before the first frame; it
    gives ``probabilities`` (1, 1, class) and ``state_0_after``, ... Labels, front end and decision
    rule stand in the metadata (:func:`spikesound.models.export.facts.facts`).

    Parameters
    ----------
    features : the network alone: a classifier takes ``features`` (step, 1, frame, bin), a detector
        ``frame`` (1, 1, bin)
    sounds : to compare on, at the model's rate; none: a synthetic one

    Raises
    ------
    SpikesoundError
        If the network is spiking, onnx, onnxscript or onnxruntime are not installed, or a layer, an
        encoding or a kind of feature cannot be expressed.
    """
    for layer in layers_of(model.network):
        if layer.spiking:
            raise SpikesoundError(
                f"{model.name}: layer {layer.name!r} is spiking, and ONNX has no spiking neurons; "
                f"the format must be one of nir, torchscript, safetensors"
            )
    onnx, runtime = library("onnx"), library("onnxruntime")
    library("onnxscript")
    function, example, names, named = (inputs_of if features else sound_inputs_of)(model)
    written = _graph(function, example, names, named)
    written.metadata_props.extend(
        onnx.StringStringEntryProto(key=key, value=value) for key, value in facts(model).items()
    )
    out.write_bytes(written.SerializeToString())
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(out.read_bytes(), options, ["CPUExecutionProvider"])

    def run(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        fed = {name: np.ascontiguousarray(x.numpy()) for name, x in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(x) for x in session.run(named, fed))

    if features:
        return compared(out, outputs_of(model, function), outputs_of(model, run))
    sounds = sounds or check_sounds(model)
    expected, found = model_scores(model, sounds), function_scores(model, run, sounds)
    return compared_scores(model, out, expected, found, SOUND_TOLERANCE)


def _graph(
    function: nn.Module, example: tuple[torch.Tensor, ...], names: list[str], named: list[str]
) -> Any:
    # torch's exporter prints its progress and deprecations; none of it concerns the user.
    with (
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
        torch.inference_mode(False),
        torch.no_grad(),
    ):
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                function,
                example,
                input_names=names,
                output_names=named,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise SpikesoundError(f"a layer cannot be expressed in ONNX: {_last(error)}") from error
    assert program is not None
    return program.model_proto


def _last(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
