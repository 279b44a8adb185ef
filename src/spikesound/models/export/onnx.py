"""Conventional networks as ONNX: a detector as one frame with states, a classifier as one clip."""

from __future__ import annotations

import io
import warnings
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
from spikesound.models.export.step import inputs_of
from spikesound.models.layers import layers_of
from spikesound.models.loading import TrainedModel


def to_onnx(model: TrainedModel, out: Path) -> Exported:
    """Write a conventional network, and compare it with itself in ONNX Runtime.

    A detector's file takes ``frame`` (1, 1, bin) and ``state_0``, ``state_1``, ..., zeros before
    the first frame, and gives ``probabilities`` (1, 1, class) and ``state_0_after``, ...; a
    classifier's takes ``features`` (1, 1, frame, bin). Labels and the front end stand in the
    metadata (:func:`spikesound.models.export.facts.facts`).

    Raises
    ------
    SpikesoundError
        If the network is spiking, onnx, onnxscript or onnxruntime are not installed, or a layer
        cannot be expressed.
    """
    for layer in layers_of(model.network):
        if layer.spiking:
            raise SpikesoundError(
                f"{model.name}: layer {layer.name!r} is spiking, and ONNX has no spiking neurons; "
                f"the format must be one of nir, torchscript, safetensors"
            )
    onnx, runtime = library("onnx"), library("onnxruntime")
    library("onnxscript")
    function, example, names, named = inputs_of(model)
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

    return compared(out, outputs_of(model, function), outputs_of(model, run))


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
