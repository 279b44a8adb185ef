"""Any network as TorchScript: what its one function does with tensors, traced."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from spikesound.core.errors import SpikesoundError
from spikesound.models.export.exported import Exported
from spikesound.models.export.facts import facts
from spikesound.models.export.plain import plain_loops
from spikesound.models.export.run import compared, outputs_of
from spikesound.models.export.step import inputs_of
from spikesound.models.loading import TrainedModel


def to_torchscript(model: TrainedModel, out: Path) -> Exported:
    """Write a traced network, and compare it with itself, loaded from the file.

    Inputs and outputs are those of :func:`spikesound.models.export.onnx.to_onnx`, in that order.
    Labels and the front end are extra files of the archive, by the names of their keys. The
    compiled kernels cannot be traced; the plain loop over time, which gives the same spikes, is.

    Raises
    ------
    SpikesoundError
        If a layer cannot be traced.
    """
    model = plain_loops(model)
    function, example, *_ = inputs_of(model)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # sizes become constants, as is meant; it is deprecated
        try:
            # Exported first: what a spike does forwards becomes operations, its gradient goes.
            operations = torch.export.export(function, example).module(check_guards=False)
            traced = torch.jit.trace(operations, example, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, str(out), _extra_files=facts(model))
        except (RuntimeError, TypeError) as error:
            line = str(error).strip().splitlines()[-1][:200]
            raise SpikesoundError(f"{model.name}: a layer cannot be traced: {line}") from error
        loaded = torch.jit.load(str(out))  # type: ignore[no-untyped-call]
    return compared(out, outputs_of(model, function), outputs_of(model, loaded))
