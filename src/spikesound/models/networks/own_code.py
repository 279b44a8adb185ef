"""A network of a user's own: any module, such as one of snnTorch, in the place of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError
from spikesound.models.layers import Kind, Layer
from spikesound.models.networks.layout import Layout
from spikesound.models.networks.taps import Tap, spiking_library, to_rest
from spikesound.params import CodeParams
from spikesound.snn.decoding import OF_MEMBRANE, READOUTS
from spikesound.snn.neurons.own import Own

WHOLE: Kind = "own_code"
TAP: Kind = "tap"


class Stateless(nn.Module):
    """A conventional neuron in the place of a spiking one, called as that: (current, states...).

    Parameters
    ----------
    neuron : the conventional one
    spiking : the one that it takes the place of; its states are replaced by the current

    Raises
    ------
    SpikesoundError
        If the spiking one is recurrent, or its states are not tensors.
    """

    def __init__(self, neuron: nn.Module, spiking: Any) -> None:
        super().__init__()
        made = spiking.reset_mem() if hasattr(spiking, "reset_mem") else ()
        states = made if isinstance(made, tuple) else (made,)
        if hasattr(spiking, "recurrent") or not all(isinstance(s, torch.Tensor) for s in states):
            raise SpikesoundError(
                f"{type(spiking).__name__} has no conventional twin; neurons without synapses of "
                "their own have: Leaky, Lapicque, Synaptic, Alpha"
            )
        self.neuron = neuron
        alone = getattr(spiking, "init_hidden", not states) and not getattr(
            spiking, "output", False
        )
        self.states = 0 if alone else len(states)
        # snnTorch's methods that give the states at rest, such as init_leaky.
        zeros = tuple(torch.zeros(0) for _ in states)
        for name in dir(spiking):
            if name == "reset_mem" or name in INITIAL:
                setattr(self, name, AtRest(zeros[0] if len(zeros) == 1 else zeros))

    def forward(self, current: torch.Tensor, *states: Any) -> Any:
        """Return the activations, and in the place of the states the current."""
        activations = self.neuron(current)
        return (activations, *[current] * self.states) if self.states else activations


INITIAL = ("init_leaky", "init_lapicque", "init_synaptic", "init_alpha")


class AtRest:
    """Returns states at rest when it is called."""

    def __init__(self, states: Any) -> None:
        self.states = states

    def __call__(self) -> Any:
        """Return them."""
        return self.states


class OwnNetwork(nn.Module):
    """A module of a user's own, from inputs (time, batch, frame, bin) to class scores.

    Its output is read as snnTorch's networks give it: the output neurons' spikes over time, and
    behind them, in a tuple, their membranes (:data:`spikesound.snn.decoding.READOUTS`; ``rate`` is
    the spike count); or, without an axis of time, class scores. With a conventional neuron in the
    table of models the module's spiking neurons are replaced by it, and the currents of the last
    ones are averaged over time: the conventional twin.

    Parameters
    ----------
    params : the class, its arguments, what it is given and how it is called
    layout : bins, classes, steps, weights of the steps, read-out
    neuron : makes the neuron of the row; :class:`~spikesound.snn.neurons.own.Own`: the code's

    Raises
    ------
    SpikesoundError
        If the code is not allowed to run, fails, or makes no module.
    """

    frames: torch.Tensor

    def __init__(self, params: CodeParams, layout: Layout, neuron: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.params, self.layout = params, layout
        inner = _made(params, layout)
        kept = isinstance(neuron(), Own)
        self.replaced = not kept and _replace(params.code, inner, neuron)
        self.run = Run(inner, params.input, by_step=params.call == "step")
        # A network of a fixed size gets shorter clips with silence behind them.
        self.register_buffer("frames", torch.zeros((), dtype=torch.int64))
        self.taps = nn.ModuleList()
        self.names: list[str] = []
        for name, module in self.run.inner.named_modules():
            spiking = spiking_library(module) is not None
            if spiking or isinstance(module, nn.ReLU):
                tap = Tap(spiking=spiking)
                module.register_forward_hook(tap.take)
                self.taps.append(tap)
                self.names.append(name)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (time, batch, frame, bin) to class scores (batch, class)."""
        output = self.run(self.given(x))
        for tap in self.taps:
            cast(Tap, tap).finish()
        return self.scores(output, x.shape[1])

    def given(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the module gets of inputs (time, batch, frame, bin)."""
        weights, steps = self.layout.step_weights, self.layout.steps
        if weights is not None:
            x = x * x.new_tensor(weights).view(-1, 1, 1, 1)
        if self.params.input == "image":
            if len(x) != 1:
                raise SpikesoundError(
                    f"{self.params.code}: input 'image': expected an input of one step, as "
                    f"encoding direct has, got {len(x)}"
                )
            return self._lengthened(x).unsqueeze(2)
        if len(x) == 1 and steps > 1:
            x = x.expand(steps, *x.shape[1:])
        if self.params.input == "steps":
            return self._lengthened(x)
        return x.permute(2, 0, 1, 3).flatten(0, 1)  # each frame, then its steps

    def _lengthened(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.frames.fill_(x.shape[2])
        return functional.pad(x, (0, 0, 0, max(0, int(self.frames) - x.shape[2])))

    def scores(self, output: Any, clips: int) -> torch.Tensor:
        """Return class scores (batch, class) of what the module returned.

        Raises
        ------
        SpikesoundError
            If its shape is another, or it has no membranes that are to be read.
        """
        parts = list(output) if isinstance(output, tuple | list) else [output]
        readout = self.layout.readout
        if readout in OF_MEMBRANE and len(parts) < 2 and parts[0].dim() == 3:
            raise SpikesoundError(
                f"{self.params.code}: readout {readout!r}: expected forward to return spikes and "
                "membranes, got one tensor"
            )
        read = parts[-1] if readout in OF_MEMBRANE or self.replaced else parts[0]
        shape = tuple(read.shape) if isinstance(read, torch.Tensor) else ()
        if shape[-2:] != (clips, self.layout.classes) or len(shape) > 3:
            raise SpikesoundError(
                f"{self.params.code}: expected forward to return (time, batch, class) or (batch, "
                f"class) of {clips} clips and {self.layout.classes} classes, got "
                f"{shape or type(read).__name__}"
            )
        found: torch.Tensor = read
        if found.dim() == 2:
            return found
        if self.replaced:
            return found.mean(0)
        return READOUTS["spike_count" if readout == "rate" else readout](found)

    def layers(self) -> list[Layer]:
        """Return the module as one layer, and the taps on its neurons."""
        found = [Layer("network", WHOLE, self.run, "input", readout=True)]
        for name, tap in zip(self.names, self.taps, strict=True):
            step, clip = cast(Tap, tap).step, cast(Tap, tap).clip
            found.insert(-1, Layer(name, TAP, step, "activations", neuron=step))
            if clip is not None:
                found.insert(-1, Layer(f"{name} spikes", TAP, clip, "spikes", neuron=clip))
        return found


class Run(nn.Module):
    """A module called on a clip from rest, and left at rest.

    Parameters
    ----------
    inner : the module
    kind : of its input; an ``image`` comes with an axis of time of one step, which it does not get
    by_step : call it once for each step of the first axis, and stack what it returns
    """

    prefix = "inner."

    def __init__(self, inner: nn.Module, kind: str, *, by_step: bool) -> None:
        super().__init__()
        self.inner, self.kind, self.by_step = inner, kind, by_step

    def forward(self, x: torch.Tensor) -> Any:
        """Return what the module does; of calls by step each part over time."""
        to_rest(self.inner)
        if self.kind == "image":
            output: Any = self.inner(x[0])
        elif self.by_step:
            steps = [self.inner(step) for step in x]
            parts = [each if isinstance(each, tuple) else (each,) for each in steps]
            output = tuple(torch.stack(part) for part in zip(*parts, strict=True))
        else:
            output = self.inner(x)
        to_rest(self.inner)
        return output


def _made(params: CodeParams, layout: Layout) -> nn.Module:
    # Also where a file's sizes are compared: on the meta device, constants have no values.
    with torch.device("cpu"):
        kind = own_code.load_class(params.code, params.sha256)
        sizes = {"bins": layout.bins, "classes": layout.classes, "steps": layout.steps}
        made = own_code.make(params.code, kind, sizes, params.arguments)
    if not isinstance(made, nn.Module):
        raise SpikesoundError(f"{params.code}: expected a torch module, got {type(made).__name__}")
    return made


def _replace(code: str, inner: nn.Module, neuron: Callable[[], nn.Module]) -> bool:
    """Put conventional neurons in the place of spiking ones; return whether there are such."""
    spiking = [name for name, module in inner.named_modules() if spiking_library(module)]
    for name in spiking:
        parent, _, last = name.rpartition(".")
        try:
            made = Stateless(neuron(), inner.get_submodule(name))
        except SpikesoundError as error:
            raise SpikesoundError(f"{code}, module {name!r}: {error}") from error
        setattr(inner.get_submodule(parent), last, made)
    return bool(spiking)
