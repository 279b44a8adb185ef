"""Small TensorFlow Lite files in the form of YAMNet's: int8 weights by channel, with biases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

Array = npt.NDArray[Any]


class Made:
    """A file that is built up operator by operator; ``write`` writes it.

    Weights are stored as int8 with a scale for each output channel where ``quantised``, as
    floats otherwise.
    """

    def __init__(self, frames: int, bins: int, *, quantised: bool = True) -> None:
        self.quantised = quantised
        self.builder = flatbuffers.Builder(0)
        self.buffers = [self._buffer(b"")]
        self.tensors: list[int] = []
        self.operators: list[int] = []
        self.codes: list[int] = []
        self.shape = [1, frames, bins, 1]
        self.last = self._tensor(self.shape, tflite.TensorType.FLOAT32, 0, None)
        self.first = self.last
        self.values: list[tuple[Array, Array]] = []

    def convolution(
        self, weight: Array, bias: Array, stride: int, *, depthwise: bool = False
    ) -> None:
        """Add a convolution, SAME, with ReLU6: weight (output, height, width, input)."""
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        inputs = self._weights(weight, bias, 3 if depthwise else 0)
        name = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
        module: Any = tflite
        getattr(module, f"{name}Start")(self.builder)
        getattr(module, f"{name}AddPadding")(self.builder, tflite.Padding.SAME)
        getattr(module, f"{name}AddStrideH")(self.builder, stride)
        getattr(module, f"{name}AddStrideW")(self.builder, stride)
        getattr(module, f"{name}AddFusedActivationFunction")(
            self.builder, tflite.ActivationFunctionType.RELU6
        )
        for axis in ("W", "H"):
            getattr(module, f"{name}AddDilation{axis}Factor")(self.builder, 1)
        if depthwise:
            module.DepthwiseConv2DOptionsAddDepthMultiplier(self.builder, 1)
        table = getattr(module, f"{name}End")(self.builder)
        channels = weight.shape[3] if depthwise else weight.shape[0]
        size = [-(-each // stride) for each in self.shape[1:3]]
        self._operator(
            kind, inputs, [1, *size, channels], getattr(tflite.BuiltinOptions, name), table
        )

    def mean(self) -> None:
        """Add the mean over both axes."""
        data = np.array([1, 2], np.int32)
        axes = self._tensor([2], tflite.TensorType.INT32, self._data(data), None)

        tflite.ReducerOptionsStart(self.builder)
        tflite.ReducerOptionsAddKeepDims(self.builder, False)
        table = tflite.ReducerOptionsEnd(self.builder)
        shape = [1, self.shape[3]]
        self._operator("MEAN", [axes], shape, tflite.BuiltinOptions.ReducerOptions, table)

    def linear(self, weight: Array, bias: Array) -> None:
        """Add a linear layer (output, input)."""
        inputs = self._weights(weight, bias, 0)

        tflite.FullyConnectedOptionsStart(self.builder)
        table = tflite.FullyConnectedOptionsEnd(self.builder)
        kind = tflite.BuiltinOptions.FullyConnectedOptions
        self._operator("FULLY_CONNECTED", inputs, [1, len(weight)], kind, table)

    def logistic(self) -> None:
        """Add a sigmoid."""
        self._operator("LOGISTIC", [], self.shape, 0, None)

    def write(self, path: Path) -> Path:
        """Write the file."""

        inputs = self._vector(tflite.SubGraphStartInputsVector, [self.first], int32=True)
        outputs = self._vector(tflite.SubGraphStartOutputsVector, [self.last], int32=True)
        tensors = self._vector(tflite.SubGraphStartTensorsVector, self.tensors)
        operators = self._vector(tflite.SubGraphStartOperatorsVector, self.operators)
        tflite.SubGraphStart(self.builder)
        tflite.SubGraphAddTensors(self.builder, tensors)
        tflite.SubGraphAddInputs(self.builder, inputs)
        tflite.SubGraphAddOutputs(self.builder, outputs)
        tflite.SubGraphAddOperators(self.builder, operators)
        graph = tflite.SubGraphEnd(self.builder)
        graphs = self._vector(tflite.ModelStartSubgraphsVector, [graph])
        codes = self._vector(tflite.ModelStartOperatorCodesVector, self.codes)
        buffers = self._vector(tflite.ModelStartBuffersVector, self.buffers)
        tflite.ModelStart(self.builder)
        tflite.ModelAddVersion(self.builder, 3)
        tflite.ModelAddOperatorCodes(self.builder, codes)
        tflite.ModelAddSubgraphs(self.builder, graphs)
        tflite.ModelAddBuffers(self.builder, buffers)
        self.builder.Finish(tflite.ModelEnd(self.builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(self.builder.Output()))
        return path

    def _weights(self, weight: Array, bias: Array, axis: int) -> list[int]:
        weight, bias = weight.astype(np.float32), bias.astype(np.float32)
        if not self.quantised:
            self.values.append((weight, bias))
            return [
                self._tensor(list(each.shape), tflite.TensorType.FLOAT32, self._data(each), None)
                for each in (weight, bias)
            ]
        others = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.abs(weight).max(others) / 127
        shape = [1] * weight.ndim
        shape[axis] = -1
        whole = np.round(weight / scale.reshape(shape)).astype(np.int8)
        self.values.append((whole * scale.reshape(shape), bias))
        found = self._tensor(
            list(weight.shape), tflite.TensorType.INT8, self._data(whole), (scale, axis)
        )
        other = self._tensor(list(bias.shape), tflite.TensorType.FLOAT32, self._data(bias), None)
        return [found, other]

    def _operator(
        self, kind: str, constants: Sequence[int], shape: Sequence[int], options: int, table: Any
    ) -> None:

        code = getattr(tflite.BuiltinOperator, kind)
        tflite.OperatorCodeStart(self.builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(self.builder, code)
        tflite.OperatorCodeAddBuiltinCode(self.builder, code)
        tflite.OperatorCodeAddVersion(self.builder, 1)
        self.codes.append(tflite.OperatorCodeEnd(self.builder))
        self.shape = list(shape)
        out = self._tensor(self.shape, tflite.TensorType.FLOAT32, 0, None)
        inputs = self._vector(tflite.OperatorStartInputsVector, [self.last, *constants], int32=True)
        outputs = self._vector(tflite.OperatorStartOutputsVector, [out], int32=True)
        tflite.OperatorStart(self.builder)
        tflite.OperatorAddOpcodeIndex(self.builder, len(self.codes) - 1)
        tflite.OperatorAddInputs(self.builder, inputs)
        tflite.OperatorAddOutputs(self.builder, outputs)
        if table is not None:
            tflite.OperatorAddBuiltinOptionsType(self.builder, options)
            tflite.OperatorAddBuiltinOptions(self.builder, table)
        self.operators.append(tflite.OperatorEnd(self.builder))
        self.last = out

    def _tensor(
        self, shape: list[int], kind: int, buffer: int, scales: tuple[Array, int] | None
    ) -> int:

        quantisation = None
        if scales is not None:
            scale, axis = scales
            numbers = self.builder.CreateNumpyVector(scale.astype(np.float32))
            zeros = self.builder.CreateNumpyVector(np.zeros(len(scale), np.int64))
            tflite.QuantizationParametersStart(self.builder)
            tflite.QuantizationParametersAddScale(self.builder, numbers)
            tflite.QuantizationParametersAddZeroPoint(self.builder, zeros)
            tflite.QuantizationParametersAddQuantizedDimension(self.builder, axis)
            quantisation = tflite.QuantizationParametersEnd(self.builder)
        sizes = self.builder.CreateNumpyVector(np.array(shape, np.int32))
        tflite.TensorStart(self.builder)
        tflite.TensorAddShape(self.builder, sizes)
        tflite.TensorAddType(self.builder, kind)
        tflite.TensorAddBuffer(self.builder, buffer)
        if quantisation is not None:
            tflite.TensorAddQuantization(self.builder, quantisation)
        self.tensors.append(tflite.TensorEnd(self.builder))
        return len(self.tensors) - 1

    def _data(self, values: Array) -> int:
        self.buffers.append(self._buffer(values.tobytes()))
        return len(self.buffers) - 1

    def _buffer(self, content: bytes) -> int:

        data = self.builder.CreateByteVector(content) if content else None
        tflite.BufferStart(self.builder)
        if data is not None:
            tflite.BufferAddData(self.builder, data)
        end: int = tflite.BufferEnd(self.builder)
        return end

    def _vector(self, start: Any, offsets: Sequence[int], *, int32: bool = False) -> int:
        start(self.builder, len(offsets))
        for each in reversed(offsets):
            if int32:
                self.builder.PrependInt32(each)
            else:
                self.builder.PrependUOffsetTRelative(each)
        found: int = self.builder.EndVector()
        return found


def like_yamnet(
    path: Path, channels: Sequence[int], strides: Sequence[int], classes: int, seed: int = 0,
    *, frames: int = 32, bins: int = 64, quantised: bool = True,
) -> Made:  # fmt: skip
    """Write a small network of YAMNet's kinds of layers with random weights; return what it has."""
    generator = np.random.default_rng(seed)

    def drawn(*shape: int) -> Array:
        inputs = int(np.prod(shape[1:]))
        return generator.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32)

    made = Made(frames, bins, quantised=quantised)
    made.convolution(drawn(channels[0], 3, 3, 1), drawn(channels[0]) * 0.1, strides[0])
    for number in range(1, len(channels)):
        inputs, outputs = channels[number - 1], channels[number]
        made.convolution(
            drawn(1, 3, 3, inputs), drawn(inputs) * 0.1, strides[number], depthwise=True
        )
        made.convolution(drawn(outputs, 1, 1, inputs), drawn(outputs) * 0.1, 1)
    made.mean()
    made.linear(drawn(classes, channels[-1]), drawn(classes))
    made.logistic()
    made.write(path)
    return made
