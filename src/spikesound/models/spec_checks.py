"""Checks of an untrusted spec before a network is built from it."""

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
"""Of features: highest values, which bound the memory that a file can ask for."""

WINDOWS_LIMIT = 64
"""Highest number of windows that one sample lies in."""

TEXT_LIMIT = 300
LAYERS_LIMIT = 256
WIDTH_LIMIT = 2**16
STEPS_LIMIT = 2**12

FRAMES_LIMIT = 2**12
"""Longest memory of a detector, and longest median filter: minutes."""


def validated(kind: type[S], content: Any, where: object, what: str = "spec") -> S:
    """Return a section by its content; ``what`` names it.

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
        raise SpikesoundError(f"{where}: {what}: {key or 'all of it'}: {first['msg']}") from error


def check_name(name: str, where: object) -> None:
    """Check that a model's name is a plain one: no path, no invisible characters."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise SpikesoundError(
            f"{where}: spec: model: expected letters, digits, '-', '_' and '.', got {name[:40]!r}"
        )


def check_labels(classes: Sequence[str], names: Sequence[str], where: object) -> None:
    """Check that labels are there, distinct and printable."""
    if not classes or len(classes) != len(names):
        raise SpikesoundError(
            f"{where}: spec: names: expected one for each of {len(classes)} classes, got "
            f"{len(names)}"
        )
    for kind, texts in (("class", classes), ("name", names)):
        for text in texts:
            if not text or len(text) > TEXT_LIMIT or not text.isprintable():
                raise SpikesoundError(
                    f"{where}: spec: {kind}: expected 1 to {TEXT_LIMIT} printable characters, "
                    f"got {text[:40]!r}"
                )
        if len(set(texts)) < len(texts):
            twice = next(text for text, count in Counter(texts).items() if count > 1)
            raise SpikesoundError(f"{where}: spec: duplicate {kind} {twice!r}")


def check_front_end(front_end: FrontEnd, bins: int, where: object) -> None:
    """Check that features are within the limits, and that ranges are of as many bins."""
    features = front_end.features
    for key, most in LIMITS.items():
        value = getattr(features, key)
        if value is not None and value > most:
            raise SpikesoundError(
                f"{where}: spec: features.{key}: expected at most {most:g}, got {value:g}"
            )
    if features.window > WINDOWS_LIMIT * features.hop:
        raise SpikesoundError(
            f"{where}: spec: features.hop: expected at least 1/{WINDOWS_LIMIT} of the window, got "
            f"{features.hop}"
        )
    expected = len(bin_names(features))
    for key, found in (
        ("low", len(front_end.low)),
        ("high", len(front_end.high)),
        ("bins", bins),
    ):
        if found != expected:
            raise SpikesoundError(
                f"{where}: spec: {key}: expected {expected} bins, as its features have, got {found}"
            )


def check_spec(spec: Spec, where: object) -> None:
    """Check that the parts of a spec fit each other, before a network is built from it.

    Raises
    ------
    SpikesoundError
        If they do not, or exceed a limit.
    """
    check_name(spec.model, where)
    check_labels(spec.classes, spec.names, where)
    for params in (spec.network_params, spec.neuron_params, spec.encoding_params):
        check_bounds(params, where)
    if not 1 <= spec.steps <= STEPS_LIMIT or spec.bins < 1:
        raise SpikesoundError(
            f"{where}: spec: expected 1 to {STEPS_LIMIT} steps and at least 1 bin, got "
            f"{spec.steps} steps, {spec.bins} bins"
        )
    if spec.step_weights is not None and len(spec.step_weights) != spec.steps:
        raise SpikesoundError(
            f"{where}: spec: step_weights: expected {spec.steps}, got {len(spec.step_weights)}"
        )
    try:
        network = spec.network_section()
        spec.neuron_section()
        encoding = spec.encoding_section()
    except SpikesoundError as error:
        raise SpikesoundError(f"{where}: spec: {short(error)}") from error
    if network.output != OUTPUT[spec.task]:
        raise SpikesoundError(
            f"{where}: spec: network {spec.network!r}: expected one that puts out "
            f"{OUTPUT[spec.task]}, for {spec.task}"
        )
    if encoding is not None and encoding.steps != spec.steps:
        raise SpikesoundError(
            f"{where}: spec: steps: expected {encoding.steps}, as its encoding has, got "
            f"{spec.steps}"
        )
    neurons = 1 if encoding is None else encoding.neurons_per_bin
    if spec.bins % neurons:
        raise SpikesoundError(
            f"{where}: spec: bins: expected a multiple of the encoding's {neurons} neurons a bin, "
            f"got {spec.bins}"
        )
    if spec.front_end is None:
        raise SpikesoundError(f"{where}: spec: front_end: missing")
    check_front_end(spec.front_end, spec.bins // neurons, where)
    if spec.task == "detection" and "yamnet_mel" in spec.front_end.features.kinds:
        raise SpikesoundError(
            f"{where}: spec: features.kinds: frames of yamnet_mel are not centred, as those of "
            "detection are"
        )
    # The memory that the taps of a layer need has no weights whose sizes could be compared.
    if max(getattr(network, "dilations", [0])) > FRAMES_LIMIT:
        raise SpikesoundError(f"{where}: spec: dilations: expected at most {FRAMES_LIMIT} frames")
    if spec.decision is not None:
        check_decision(spec.decision, len(spec.classes), where)


def check_decision(decision: Decision, classes: int, where: object) -> None:
    """Check that a decision rule is of ``classes`` classes, and within the limit of a stream."""
    if len(decision.medians) != classes:
        raise SpikesoundError(
            f"{where}: spec: decision: expected {classes} medians, one a class, got "
            f"{len(decision.medians)}"
        )
    if max(decision.medians) > FRAMES_LIMIT:
        raise SpikesoundError(f"{where}: spec: medians: expected at most {FRAMES_LIMIT} frames")
    if decision.lookahead > FRAMES_LIMIT:
        raise SpikesoundError(f"{where}: spec: lookahead: expected at most {FRAMES_LIMIT} frames")


def check_calibration(classes: int, spec: Spec, where: object) -> None:
    """Check that a calibration of so many classes is of a spec's."""
    if classes != len(spec.classes):
        raise SpikesoundError(
            f"{where}: calibration: expected {len(spec.classes)} classes, got {classes}"
        )


def check_bounds(values: object, where: object) -> None:
    """Check numbers of layers and widths against the limits.

    Beyond them a network takes long to build even on the meta device.
    """
    if isinstance(values, dict):
        if isinstance(layers := values.get("layers"), int) and layers > LAYERS_LIMIT:
            raise SpikesoundError(
                f"{where}: spec: layers: expected at most {LAYERS_LIMIT}, got {layers}"
            )
        for value in values.values():
            check_bounds(value, where)
    elif isinstance(values, list):
        if len(values) > LAYERS_LIMIT:
            raise SpikesoundError(
                f"{where}: spec: layers: expected at most {LAYERS_LIMIT}, got {len(values)}"
            )
        for value in values:
            check_bounds(value, where)
    elif isinstance(values, int) and abs(values) > WIDTH_LIMIT:
        raise SpikesoundError(f"{where}: spec: size: expected at most {WIDTH_LIMIT}, got {values}")


def filled(file: SafeFile, build: Callable[[], N]) -> N:
    """Return the network of a file, with its weights.

    It is built on torch's meta device first, where nothing is allocated, to compare sizes.
    """
    try:
        with torch.device("meta"):
            sizes = build()
    except (RuntimeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise SpikesoundError(
            f"{file.path}: spec: building the network failed: {short(error)}"
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
