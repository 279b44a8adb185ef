"""What a spec that comes with a file must hold to before a network is built by it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.features import bin_names
from spikesound.features.front_end import FrontEnd
from spikesound.models.safe_file import SafeFile
from spikesound.models.spec import Decision, Spec
from spikesound.params import Section
from spikesound.params.table import OUTPUT

S = TypeVar("S", bound=Section)
N = TypeVar("N", bound=nn.Module)

LIMITS = {"window": 2**16, "mels": 2**12, "clip_s": 600.0, "batch_clips": 2**12}
"""Of features: what a file may ask for of memory each time that it is used."""

WINDOWS_LIMIT = 64
"""Windows that one sample may lie in."""

TEXT_LIMIT = 300
LAYERS_LIMIT = 256
WIDTH_LIMIT = 2**16
STEPS_LIMIT = 2**12

FRAMES_LIMIT = 2**12
"""That a detector may look back, or a median filter reach over: minutes."""


def parsed(kind: type[S], content: Any, where: object) -> S:
    """Return a section by its content.

    Raises
    ------
    SpikesoundError
        If a key is missing, unknown or wrong; the message names the first.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part)[:40] for part in first["loc"][:6])
        raise SpikesoundError(f"{where}: spec: {key or 'all of it'}: {first['msg']}") from error


def check_name(name: str, where: object) -> None:
    """Refuse a model's name that is not a plain one: no paths, nothing that is not seen."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise SpikesoundError(
            f"{where}: spec: name of the model {name[:40]!r}: letters, digits, '-', '_', '.' only"
        )


def check_labels(classes: Sequence[str], names: Sequence[str], where: object) -> None:
    """Refuse labels that are none, doubled, or hold what cannot be shown."""
    if not classes or len(classes) != len(names):
        raise SpikesoundError(f"{where}: spec: {len(classes)} classes with {len(names)} names")
    for kind, texts in (("class", classes), ("name", names)):
        for text in texts:
            if not text or len(text) > TEXT_LIMIT or not text.isprintable():
                raise SpikesoundError(f"{where}: spec: {kind} {text[:40]!r} cannot be shown")
        if len(set(texts)) < len(texts):
            twice = next(text for text, count in Counter(texts).items() if count > 1)
            raise SpikesoundError(f"{where}: spec: {kind} {twice!r} is there twice")


def check_front_end(front_end: FrontEnd, bins: int, where: object) -> None:
    """Refuse features that take too much memory, or ranges that do not go with them."""
    features = front_end.features
    for key, most in LIMITS.items():
        value = getattr(features, key)
        if value is not None and value > most:
            raise SpikesoundError(
                f"{where}: spec: features.{key} is {value:g}; at most {most:g} are taken"
            )
    if features.window > WINDOWS_LIMIT * features.hop:
        raise SpikesoundError(
            f"{where}: spec: features.hop is {features.hop}; at least 1/{WINDOWS_LIMIT} of the "
            "window is taken"
        )
    expected = len(bin_names(features))
    for key, found in (
        ("low", len(front_end.low)),
        ("high", len(front_end.high)),
        ("bins", bins),
    ):
        if found != expected:
            raise SpikesoundError(
                f"{where}: spec: {key}: {found}, but its features have {expected} bins"
            )


def check_spec(spec: Spec, where: object) -> None:
    """Check what a spec's parts say of one another, before a network is built by it.

    Raises
    ------
    SpikesoundError
        If they do not go together, or ask for more than any network here has.
    """
    check_name(spec.model, where)
    check_labels(spec.classes, spec.names, where)
    check_bounds(spec.network_params, where)
    if not 1 <= spec.steps <= STEPS_LIMIT or spec.bins < 1:
        raise SpikesoundError(
            f"{where}: spec: {spec.steps} steps, {spec.bins} bins: at most {STEPS_LIMIT} steps"
        )
    if spec.step_weights is not None and len(spec.step_weights) != spec.steps:
        raise SpikesoundError(
            f"{where}: spec: {len(spec.step_weights)} step_weights for {spec.steps} steps"
        )
    try:
        network = spec.network_section()
        spec.neuron_section()
        encoding = spec.encoding_section()
    except SpikesoundError as error:
        raise SpikesoundError(f"{where}: spec: {short(error)}") from error
    if network.output != OUTPUT[spec.task]:
        raise SpikesoundError(f"{where}: spec: network {spec.network!r} is not of {spec.task}")
    if encoding is not None and encoding.steps != spec.steps:
        raise SpikesoundError(
            f"{where}: spec: {spec.steps} steps, of an encoding with {encoding.steps}"
        )
    neurons = 1 if encoding is None else encoding.neurons_per_bin
    if spec.bins % neurons:
        raise SpikesoundError(f"{where}: spec: {spec.bins} bins of {neurons} neurons each")
    if spec.front_end is None:
        raise SpikesoundError(f"{where}: spec: front_end: missing")
    check_front_end(spec.front_end, spec.bins // neurons, where)
    # A detector keeps what its last layer's taps look back to, and that has no weights.
    if max(getattr(network, "dilations", [0])) > FRAMES_LIMIT:
        raise SpikesoundError(f"{where}: spec: dilations: at most {FRAMES_LIMIT} frames are taken")
    if spec.decision is not None:
        check_decision(spec.decision, len(spec.classes), where)


def check_decision(decision: Decision, classes: int, where: object) -> None:
    """Check that a decision rule is of so many classes, and within what a stream can hold."""
    if len(decision.medians) != classes:
        raise SpikesoundError(
            f"{where}: spec: decision: {len(decision.medians)} medians for {classes} classes"
        )
    if max(decision.medians) > FRAMES_LIMIT:
        raise SpikesoundError(f"{where}: spec: medians: at most {FRAMES_LIMIT} frames are taken")


def check_bounds(values: object, where: object) -> None:
    """Refuse numbers of layers and widths that no network here has.

    More than can be compared with the weights costs time even where nothing is allocated.
    """
    if isinstance(values, dict):
        if isinstance(layers := values.get("layers"), int) and layers > LAYERS_LIMIT:
            raise SpikesoundError(f"{where}: spec: {layers} layers; at most {LAYERS_LIMIT}")
        for value in values.values():
            check_bounds(value, where)
    elif isinstance(values, list):
        if len(values) > LAYERS_LIMIT:
            raise SpikesoundError(f"{where}: spec: {len(values)} layers; at most {LAYERS_LIMIT}")
        for value in values:
            check_bounds(value, where)
    elif isinstance(values, int) and abs(values) > WIDTH_LIMIT:
        raise SpikesoundError(f"{where}: spec: a size of {values}; at most {WIDTH_LIMIT}")


def filled(file: SafeFile, build: Callable[[], N]) -> N:
    """Build the network whose weights a file holds, and read them into it.

    It is built on torch's meta device first, where nothing is allocated, to compare sizes.
    """
    try:
        with torch.device("meta"):
            sizes = build()
    except (RuntimeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise SpikesoundError(
            f"{file.path}: spec: no network can be built by it: {short(error)}"
        ) from error
    except SpikesoundError as error:
        raise SpikesoundError(f"{file.path}: spec: {short(error)}") from error
    file.check_fits(sizes)
    network = build()
    file.fill(network)
    return network


def short(error: Exception) -> str:
    """Return an error's first line, without most of a long name from the file in it."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 300 else f"{line[:120]} ... {line[-120:]}"
