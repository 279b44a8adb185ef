"""A classifier as one file, or as a folder of the pipeline; neither need be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from spikesound.core.errors import SpikesoundError
from spikesound.models import classifier_spec, safe_file, spec_checks
from spikesound.models.classifier_spec import Spec
from spikesound.models.input_file import HEARING, folder_digest
from spikesound.models.input_spec import Hearing, encoding_section
from spikesound.models.networks import OWN
from spikesound.params import Section

FORMAT = "spikesound-classifier"
VERSION = "1"

STEPS_LIMIT = 2**12
FILE_LIMIT = 2**20
"""Bytes of a JSON file beside weights."""


class Whole(Section):
    """The spec of a file that holds everything."""

    network: Spec
    hearing: Hearing


def save(path: Path, spec: Spec, hearing: Hearing, network: nn.Module) -> None:
    """Write all of a classifier into one ``.safetensors`` file, whole or not at all."""
    alone = hearing.model_copy(update={"sha256": None})
    content = Whole(network=spec, hearing=alone).model_dump_json()
    safe_file.write(path, {"format": FORMAT, "version": VERSION, "spec": content}, network)


def load(path: Path) -> tuple[Spec, nn.Module, Hearing]:
    """Read a file that :func:`save` wrote, and return the network ready for inference.

    Raises
    ------
    SpikesoundError
        If it is missing, of another kind or version, damaged, or asks for what it does not hold.
    """
    return opened(safe_file.read(path))


def opened(file: safe_file.SafeFile) -> tuple[Spec, nn.Module, Hearing]:
    """Return what a file holds whose header has been read; raises as :func:`load`."""
    file.check_kind(FORMAT, VERSION, "a classifier")
    whole = spec_checks.parsed(Whole, file.spec, file.path)
    return whole.network, _filled(file, whole.network, whole.hearing), whole.hearing


def load_folder(folder: Path) -> tuple[Spec, nn.Module, Hearing]:
    """Read a folder of the pipeline: spec, weights and ``hearing.json``; raises as :func:`load`."""
    hearing = spec_checks.parsed(Hearing, _json(folder / HEARING), folder / HEARING)
    spec = spec_checks.parsed(
        Spec, _json(folder / classifier_spec.SPEC), folder / classifier_spec.SPEC
    )
    file = safe_file.read(folder / classifier_spec.WEIGHTS)
    if hearing.sha256 != folder_digest(folder):
        raise SpikesoundError(
            f"{folder}: {classifier_spec.SPEC} or {classifier_spec.WEIGHTS} is damaged or of "
            "another run: "
            f"not the sha256 that {HEARING} names"
        )
    return spec, _filled(file, spec, hearing), hearing


def _filled(file: safe_file.SafeFile, spec: Spec, hearing: Hearing) -> nn.Module:
    where = file.path
    spec_checks.check_name(spec.model, where)
    spec_checks.check_labels(spec.classes, hearing.names, where)
    spec_checks.check_bounds(spec.network_params, where)
    if not 1 <= spec.steps <= STEPS_LIMIT or spec.bins < 1 or (spec.activation_bits or 1) > 16:
        raise SpikesoundError(
            f"{where}: spec: {spec.steps} steps, {spec.bins} bins: at most {STEPS_LIMIT} steps"
        )
    if spec.step_weights is not None and len(spec.step_weights) != spec.steps:
        raise SpikesoundError(
            f"{where}: spec: {len(spec.step_weights)} step_weights for {spec.steps} steps"
        )
    _check_input(spec, hearing, where)
    if spec.network in OWN:
        _check_own(file, spec)
        network = classifier_spec.build(spec)
        file.check_fits(network)
        file.fill(network)
        return network.eval()
    return spec_checks.filled(file, lambda: classifier_spec.build(spec)).eval()


def _check_input(spec: Spec, hearing: Hearing, where: Path) -> None:
    neurons = 1
    if (spec.encoding == "features") != (hearing.encoding is None):
        raise SpikesoundError(f"{where}: spec: encoding {spec.encoding[:40]!r} and its parameters")
    if hearing.encoding is not None:
        try:
            section = encoding_section(spec.encoding, hearing.encoding)
        except ValidationError as error:
            raise SpikesoundError(f"{where}: spec: encoding: {error.errors()[0]['msg']}") from error
        except SpikesoundError as error:
            raise SpikesoundError(f"{where}: spec: {spec_checks.short(error)}") from error
        if section.steps != spec.steps:
            raise SpikesoundError(
                f"{where}: spec: {spec.steps} steps, of an encoding with {section.steps}"
            )
        neurons = {"delta": 2, "population": getattr(section, "neurons", 1)}.get(spec.encoding, 1)
    if spec.bins % neurons:
        raise SpikesoundError(f"{where}: spec: {spec.bins} bins of {neurons} neurons each")
    spec_checks.check_front_end(hearing.front_end, spec.bins // neurons, where)


def _check_own(file: safe_file.SafeFile, spec: Spec) -> None:
    """Compare the sizes of networks that read values of weights while they are built.

    On the meta device, where others are built first, there are none to read.
    """
    params: Any = spec.network_params
    try:
        shape = (
            (params["rows"] * params["columns"], spec.bins)
            if spec.network == "som"
            else (params["neurons"], params["frames"], spec.bins)
        )
    except (KeyError, TypeError) as error:
        raise SpikesoundError(f"{file.path}: spec: network_params of {spec.network}") from error
    name = "map" if spec.network == "som" else "weight"
    entry, readout = file.table.get(name), file.table.get("readout.weight")
    rows = len(spec.classes) * params.get("neurons_per_class", 1)
    if entry is None or entry.shape != shape or readout is None or readout.shape[:1] != (rows,):
        file.refuse(f"weights {name!r} or 'readout.weight' do not have the sizes of the spec")


def _json(path: Path) -> Any:
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file; train the model first (dvc repro)")
    if path.stat().st_size > FILE_LIMIT:
        raise SpikesoundError(f"{path}: {path.stat().st_size} bytes; at most {FILE_LIMIT} are read")
    return safe_file.read_json(path.read_bytes(), str(path))
