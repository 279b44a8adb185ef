"""A network as it is named on the command line: code, a file of torch, or a NIR file."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikesound.core.errors import SpikesoundError, short
from spikesound.costs.foreign.modules import CONTAINERS, LEAVES
from spikesound.costs.foreign.neurons import NEURONS
from spikesound.costs.foreign.nir_network import read_nir

FORMS = "FILE.nir, FILE.pt, FILE.py:FACTORY or PACKAGE.MODULE:FACTORY"


def load_network(given: str, *, run_code: bool, dt_s: float | None = None) -> nn.Module:
    """Return the network.

    Parameters
    ----------
    given : one of :data:`FORMS`; a factory is a function without parameters that returns a module,
        or the module itself
    run_code : whether code may be executed
    dt_s : of a NIR file: length of a time step

    Raises
    ------
    SpikesoundError
        If it is none of these, cannot be read, or would execute code without leave.
    """
    path = Path(given)
    if path.suffix in (".nir", ".h5", ".hdf5"):
        return read_nir(path, dt_s)
    if dt_s is not None:
        raise SpikesoundError(f"{given}: dt is for NIR files")
    if path.suffix in (".pt", ".pth"):
        return _from_torch(path)
    code, separator, name = given.rpartition(":")
    if not separator or not code or not name:
        raise SpikesoundError(f"{given}: a network must be one of {FORMS}")
    if not run_code:
        raise SpikesoundError(
            f"{given}: to build this network its code must be executed; "
            "if you trust it, add --run-code"
        )
    return _made(given, _module(code), name)


def _module(code: str) -> Any:
    """Execute a file, or import a module by its name."""
    path = Path(code)
    try:
        if path.suffix != ".py":
            return importlib.import_module(code)
        if not path.is_file():
            raise SpikesoundError(f"{path}: no such file")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
    except SpikesoundError:
        raise
    except Exception as error:  # of the user's own code
        reason = short(" ".join(str(error).split()), 300)
        raise SpikesoundError(f"{code}: {type(error).__name__}: {reason}") from error
    return module


def _made(given: str, module: Any, name: str) -> nn.Module:
    if not hasattr(module, name):
        names = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise SpikesoundError(f"{given}: no {name!r} in it; functions: {', '.join(names) or '-'}")
    made = getattr(module, name)
    if not isinstance(made, nn.Module):
        try:
            made = made()
        except Exception as error:  # of the user's own code
            reason = short(" ".join(str(error).split()), 300)
            raise SpikesoundError(f"{given}: {type(error).__name__}: {reason}") from error
    if not isinstance(made, nn.Module):
        raise SpikesoundError(f"{given}: expected a torch module, got {type(made).__name__}")
    return made


def _from_torch(path: Path) -> nn.Module:
    """Read a module that torch wrote whole, without executing code of the file.

    Modules of torch, and neurons of the table of those libraries that are installed, are allowed;
    a file that needs anything else is refused.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        with torch.serialization.safe_globals(_allowed()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or foreign pickle leads to
        raise SpikesoundError(
            f"{path}: cannot be read without executing code of the file: {_reason(error)}; name "
            "the code that builds the network instead, FILE.py:FACTORY"
        ) from error
    if not isinstance(content, nn.Module):
        raise SpikesoundError(
            f"{path}: holds a {type(content).__name__}, weights without the network; name the "
            "code that builds it, FILE.py:FACTORY"
        )
    return content


def _reason(error: Exception) -> str:
    """Return what the file asks for, out of torch's long message on it."""
    text = " ".join(str(error).split())
    asked = re.search(r"GLOBAL (\S+) was not an allowed global", text)
    if asked:
        return f"it asks for {asked[1]}"
    return short(text.rpartition("WeightsUnpickler error: ")[2], 300)


def _allowed() -> list[Any]:
    """Return the classes that a file may hold."""
    homes = {
        "snntorch": "snntorch",
        "spikingjelly": "spikingjelly.activation_based.neuron",
        "norse": "norse.torch",
    }
    classes: list[Any] = [*LEAVES, nn.ReLU, set]
    classes += [getattr(nn, name) for name in sorted(CONTAINERS["torch"])]
    for package, home in homes.items():
        if package in sys.modules or importlib.util.find_spec(package):
            module = importlib.import_module(home)
            names = (*NEURONS[package], *CONTAINERS.get(package, ()))
            classes += [getattr(module, name) for name in names if hasattr(module, name)]
    return classes
