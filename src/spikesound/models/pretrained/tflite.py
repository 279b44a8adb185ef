"""Operators of a TensorFlow Lite file in their order, with their weights as floats."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError

Floats = npt.NDArray[np.float32]

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of a file of this format."""


@dataclass(frozen=True)
class Operator:
    """An operator of a graph.

    Attributes
    ----------
    kind : as the schema names it: ``CONV_2D``, ``DEPTHWISE_CONV_2D``, ``FULLY_CONNECTED``, ...
    weights : its constant inputs in their order, dequantised: a convolution's weight (output,
        height, width, input), a depthwise one's (1, height, width, channel), a linear map's
        (output, input), then the bias
    stride : along both axes, of convolutions; else (1, 1)
    padding : ``SAME`` or ``VALID`` of convolutions; else empty
    activation : what is fused to its output: ``NONE``, ``RELU``, ``RELU6``
    """

    kind: str
    weights: tuple[Floats, ...]
    stride: tuple[int, int] = (1, 1)
    padding: str = ""
    activation: str = "NONE"


def read_operators(path: Path) -> list[Operator]:
    r"""Return the operators of a file's first graph, in the order in which they run.

    A quantised tensor q is returned as

    .. math:: r = s_c (q - z_c)

    with a scale and a zero point for each place c of the axis that the file names, or one for all.

    Raises
    ------
    SpikesoundError
        If it is no file of this format, is damaged, or the package that reads it is missing.

    References
    ----------
    Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-
    arithmetic-only inference", equation 1; the schema of TensorFlow Lite, version 3.
    """
    try:
        import tflite
    except ModuleNotFoundError as error:
        raise SpikesoundError(
            "package 'tflite' is not installed: pip install 'spikesound[pretrained]'"
        ) from error
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        raise SpikesoundError(f"{path}: expected a TensorFlow Lite file, got none")
    try:
        model = tflite.Model.GetRootAsModel(content, 0)
        graph = model.Subgraphs(0)
        return [_operator(model, graph, i, tflite) for i in range(graph.OperatorsLength())]
    except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpikesoundError(f"{path}: a damaged TensorFlow Lite file ({error})") from error


def _operator(model: Any, graph: Any, number: int, tflite: Any) -> Operator:
    operator = graph.Operators(number)
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Codes beyond a byte stand in the newer of two fields.
    kind = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
    inputs = [index for index in operator.InputsAsNumpy() if index >= 0]
    constants = (_constant(model, graph.Tensors(int(index)), tflite) for index in inputs)
    weights = tuple(each for each in constants if each is not None)
    options, table = OPTIONS.get(kind, ("", None)), operator.BuiltinOptions()
    if not options[0] or table is None:
        return Operator(kind, weights)
    of_kind = getattr(tflite, options[0])()
    of_kind.Init(table.Bytes, table.Pos)
    activation = _name(tflite.ActivationFunctionType, of_kind.FusedActivationFunction())
    if not options[1]:
        return Operator(kind, weights, activation=activation)
    stride = of_kind.StrideH(), of_kind.StrideW()
    return Operator(kind, weights, stride, _name(tflite.Padding, of_kind.Padding()), activation)


OPTIONS: dict[str, tuple[str, bool]] = {
    "CONV_2D": ("Conv2DOptions", True),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", True),
    "FULLY_CONNECTED": ("FullyConnectedOptions", False),
}
"""The schema's table of an operator's options, and whether it has strides."""


def _name(names: Any, value: int) -> str:
    found = (name for name, each in vars(names).items() if each == value and name.isupper())
    return str(next(found))


def _constant(model: Any, tensor: Any, tflite: Any) -> Floats | None:
    """Return a constant tensor as floats; None: it is computed, or holds no numbers of weights."""
    types = {
        tflite.TensorType.FLOAT32: np.float32,
        tflite.TensorType.FLOAT16: np.float16,
        tflite.TensorType.INT8: np.int8,
        tflite.TensorType.UINT8: np.uint8,
        tflite.TensorType.INT32: np.int32,
    }
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(data, int) or tensor.Type() not in types:  # an empty buffer is the number 0
        return None
    values = np.frombuffer(data.tobytes(), types[tensor.Type()])
    values = values.reshape([tensor.Shape(i) for i in range(tensor.ShapeLength())])
    found = tensor.Quantization()
    if found is None or found.ScaleLength() == 0:
        return values.astype(np.float32) if values.dtype.kind == "f" else None
    scale = found.ScaleAsNumpy().astype(np.float64)
    zero = np.broadcast_to(found.ZeroPointAsNumpy(), scale.shape)
    shape = [1] * values.ndim
    if len(scale) > 1:
        shape[found.QuantizedDimension()] = len(scale)
    return np.asarray((values - zero.reshape(shape)) * scale.reshape(shape), np.float32)
