"""C text of a classifier of clips: header, module and check program."""

from __future__ import annotations

import numpy as np

from spikesound.models.export.c.clip_choice import ChosenClip
from spikesound.models.export.c.clip_reference import EXPONENTIALS, QuantisedClip
from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.reference import SIGMOIDS
from spikesound.models.export.c.sizes import (
    Part,
    flash_of,
    front_end_part,
    inputs_of,
    kind_of,
    room,
    stored,
)
from spikesound.models.export.c.text import (
    LAYER,
    check_program,
    defines,
    figure,
    files_of,
    front_end_text,
    numbers,
    pointers,
    row_of,
    struct_text,
    table,
    tables_of,
    template,
    total_of,
)
from spikesound.models.loading import TrainedModel


def clip_sources(model: TrainedModel, found: ChosenClip, prefix: str) -> dict[str, str]:
    """Return the text of each file, by name.

    Parameters
    ----------
    prefix : of all names that a program sees
    """
    rows = found.network.floats.rows
    heights = np.array([rows[0].inputs, *(each.outputs for each in rows)])
    module = "\n".join(
        [
            '#include "model.h"\n\n#include <string.h>\n',
            front_end_text(found.tables),
            _layers(found.network),
            table("uint16_t", "heights", heights),
            table("uint8_t", "leads", np.array([each.lead for each in rows])),
            table("uint8_t", "strides", np.array([each.stride for each in rows])),
            table("uint16_t", "sigmoids", SIGMOIDS),
            table("int32_t", "exponentials", EXPONENTIALS),
            "const char *const model_labels[MODEL_CLASSES] = {/*LABELS*/};\n",
            template("common.c"),
            template("clip.c"),
        ]
    )
    check = check_program(
        "clip_check.c",
        samples=str(found.samples),
        vectors=numbers(found.scored.probabilities),
        logits=numbers(found.scored.logits),
    )
    header = template("clip.h").replace("/*SIZES*/", defines(_sizes(model, found)))
    texts = {".h": header, ".c": module, "_check.c": check}
    return files_of(texts, prefix, clip_facts(model, found, prefix), model.labels)


def clip_facts(model: TrainedModel, found: ChosenClip, prefix: str) -> list[str]:
    """Return the lines of the header's comment: sizes, operations, and distance from float."""
    sizes = clip_parts(found)
    params = model.front_end.features
    used = np.array(found.operations)
    return [
        f"Classifier {model.name} in integers, frame by frame: sound in, probabilities out.",
        "",
        f"{params.rate_hz} Hz, clips of {params.clip_s:g} s, {params.window} samples a window, "
        f"hop {params.hop}, {params.mels} mel bands",
        f"{found.network.floats.steps} time steps; classes: {', '.join(model.labels)}",
        "",
        f"{'':<18}{'':<27}{'flash':>8}{'RAM':>8}{'operations':>12}",
        *(row_of(part) for part in sizes),
        row_of(total_of(sizes)),
        "Flash and RAM in bytes, without code and stack; operations: most multiplications, or",
        "additions where spikes come in, of a clip. Inputs that are zero cost none: of the layers",
        f"a clip of the check sound takes {used.mean():,.0f} on average, {used.max():,} at most.",
        "",
        "Distance from front end and network in float, on clips of the check sound: features",
        f"{figure(found.front_end_difference)} at most (of 1), probabilities "
        f"{figure(found.mean_difference)} on average, {figure(found.difference)} at most.",
        "",
        f"gcc -std=c99 -O2 -o check {prefix}.c {prefix}_check.c && ./check",
        "One state is one clip; functions keep nothing elsewhere, and allocate nothing.",
    ]


def clip_parts(found: ChosenClip) -> list[Part]:
    """Return front end, layers and read-out."""
    network, clip = found.network, found.network.floats
    front = front_end_part(found.tables)
    frames = clip.rows[0].inputs
    parts = [Part(front.name, front.kind, front.flash, front.ram, front.operations * frames)]
    for number, (floats, rows, layer) in enumerate(
        zip(clip.layers, clip.rows, network.layers, strict=True)
    ):
        inputs = inputs_of(clip.layers)[number]
        kind = kind_of(floats, inputs, layer.bits)
        ram = _history(network, number) * (2 if inputs == "VALUES" else 1)
        operations = layer.weights.size * floats.places * rows.outputs * _steps(network, number)
        parts.append(Part(floats.name, kind, flash_of(layer), ram, operations))
    heights = 2 * (len(clip.rows) + 1) + 2 * len(clip.rows)  # with leads and strides
    parts.append(Part("row under way", "int32", heights, 8 * _widest(clip.layers), 0))
    channels, classes = network.readout.weights.shape
    readout = network.readout
    flash = flash_of(readout) + 4 * len(EXPONENTIALS) + 2 * len(SIGMOIDS)
    ram = 12 * channels + 6 * classes
    return [*parts, Part("readout", f"int{readout.bits}", flash, ram, channels * classes)]


def _sizes(model: TrainedModel, found: ChosenClip) -> dict[str, int]:
    network, clip = found.network, found.network.floats
    kinds = inputs_of(clip.layers)
    sizes = [_history(network, number) for number in range(len(kinds))]
    return {
        "RATE_HZ": model.front_end.rate_hz,
        "FRAMES": clip.rows[0].inputs,
        "WINDOW": found.tables.window,
        "HOP": found.tables.hop,
        "BINS": len(found.tables.gains),
        "CLASSES": len(model.labels),
        "SINGLE": int(clip.single),
        "STEPS": clip.steps,
        "LAYERS": len(clip.layers),
        "CHANNELS": clip.layers[-1].width,
        **room(sizes, kinds),
        "WIDEST": _widest(clip.layers),
    }


def _layers(network: QuantisedClip) -> str:
    layers = network.floats.layers
    text, structs, places = [LAYER], [], {True: 0, False: 0}
    for number, (floats, layer, kind) in enumerate(
        zip(layers, network.layers, inputs_of(layers), strict=True)
    ):
        text.append(tables_of(layer, f"l{number}"))
        behind = number + 1 if number + 1 < len(layers) else -1
        values = kind == "VALUES"
        at = (kind, _steps(network, number), places[values], 0, behind, -1)
        structs.append(struct_text(floats, layer, f"l{number}", at))
        places[values] += _history(network, number)
    text.append(tables_of(network.readout, "last"))
    channels, classes = network.readout.weights.shape
    joined = ",\n".join(structs)
    text.append(f"static const struct layer layers[MODEL_LAYERS] = {{\n{joined}\n}};\n")
    sizes = f"1, 1, 1, 1, 0, 1, {channels}, 1, {classes}, VALUES, 1, 0, 0, -1, -1"
    ends = f"{pointers(network.readout, 'last')}, 1, 0, KEPT, 1"
    text.append(f"static const struct layer readout = {{{sizes}, {ends}}};\n")
    return "\n".join(text)


def _steps(network: QuantisedClip, number: int) -> int:
    """Return the time steps at which a layer's inputs differ."""
    values = inputs_of(network.floats.layers)[number] == "VALUES"
    return 1 if values else network.floats.steps


def _history(network: QuantisedClip, number: int) -> int:
    """Return the values, or bytes of eight spikes, that a layer keeps of its inputs."""
    layer = network.floats.layers[number]
    inputs = inputs_of(network.floats.layers)[number]
    return layer.taps * _steps(network, number) * stored(layer, inputs)


def _widest(layers: list[FloatLayer]) -> int:
    return max(layer.units for layer in layers)
