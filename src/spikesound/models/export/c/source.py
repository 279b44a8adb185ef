"""C text of a detector: header, module and check program."""

from __future__ import annotations

import numpy as np

from spikesound.models.export.c.choice import Chosen
from spikesound.models.export.c.reference import SIGMOIDS
from spikesound.models.export.c.sizes import inputs_of, parts, room, slots, stored
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


def sources(model: TrainedModel, found: Chosen, prefix: str) -> dict[str, str]:
    """Return the text of each file, by name.

    Parameters
    ----------
    prefix : of all names that a program sees
    """
    decision = model.spec.decision
    classes = len(model.labels)
    medians = [1] * classes if decision is None else list(decision.medians)
    lookahead = 0 if decision is None else decision.lookahead
    limits = [1.0] * classes if decision is None else decision.thresholds
    header = template("detector.h").replace("/*SIZES*/", _sizes(model, found, medians, lookahead))
    module = "\n".join(
        [
            '#include "model.h"\n\n#include <string.h>\n',
            front_end_text(found.tables),
            _layers(found),
            table("uint16_t", "sigmoids", SIGMOIDS),
            table("uint8_t", "halves", np.asarray(medians) // 2),
            table("uint16_t", "limits", np.ceil(np.asarray(limits) * 32768).astype(np.int64)),
            "const char *const model_labels[MODEL_CLASSES] = {/*LABELS*/};\n",
            template("common.c"),
            template("detector.c"),
        ]
    )
    check = check_program(
        "detector_check.c",
        frames=str(len(found.scored.probabilities)),
        samples=str(found.samples),
        vectors=",\n".join(f"    {{{numbers(row)}}}" for row in found.scored.probabilities),
    )
    texts = {".h": header, ".c": module, "_check.c": check}
    return files_of(texts, prefix, facts(model, found, medians, prefix), model.labels)


def facts(model: TrainedModel, found: Chosen, medians: list[int], prefix: str) -> list[str]:
    """Return the lines of the header's comment: sizes, operations, and distance from float."""
    sizes = parts(found.network, found.tables, max(medians))
    params = model.front_end.features
    frame_ms = 1000 * model.front_end.hop_s
    used = found.scored.operations
    return [
        f"Detector {model.name} in integers, frame by frame: sound in, probabilities out.",
        "",
        f"{params.rate_hz} Hz, {params.window} samples a window, a frame each {params.hop} "
        f"({frame_ms:.1f} ms), {params.mels} mel bands",
        f"classes: {', '.join(model.labels)}",
        "",
        f"{'':<18}{'':<27}{'flash':>8}{'RAM':>8}{'operations':>12}",
        *(row_of(part) for part in sizes),
        row_of(total_of(sizes)),
        "Flash and RAM in bytes, without code and stack; operations: most multiplications, or",
        "additions where spikes come in, of a frame. Inputs that are zero cost none: of the layers",
        f"a frame of the check sound takes {used.mean():,.0f} on average, {used.max():,} at most.",
        "",
        "Distance from front end and network in float, on the check sound: features "
        f"{figure(found.front_end_difference)}",
        f"at most (of 1), probabilities {figure(found.mean_difference)} on average, "
        f"{figure(found.difference)} at most.",
        "",
        f"gcc -std=c99 -O2 -o check {prefix}.c {prefix}_check.c && ./check",
        "One state is one stream; functions keep nothing elsewhere, and allocate nothing.",
    ]


def _sizes(model: TrainedModel, found: Chosen, medians: list[int], lookahead: int) -> str:
    layers = found.network.floats
    kinds = inputs_of(layers)
    sizes = [slots(layer) * stored(layer, kind) for layer, kind in zip(layers, kinds, strict=True)]
    neurons = sum(layer.units for layer in layers if layer.rule is not None)
    classes = len(model.labels)
    named = {
        "RATE_HZ": model.front_end.rate_hz,
        "WINDOW": found.tables.window,
        "HOP": found.tables.hop,
        "BINS": len(found.tables.gains),
        "CLASSES": classes,
        "LAYERS": len(layers),
        **room(sizes, kinds),
        "POTENTIALS": neurons + classes,
        "WIDEST": max(layer.units for layer in layers),
        "LOOKAHEAD": lookahead,
        "DELAY": lookahead + max(medians) // 2,
        "FILTER": max(medians),
    }
    return defines(named)


def _layers(found: Chosen) -> str:
    network = found.network
    kinds, text, rows = inputs_of(network.floats), [LAYER], []
    places = {True: 0, False: 0}  # of values, and of spikes
    potential = read = 0
    for number, (floats, layer, kind) in enumerate(
        zip(network.floats, network.layers, kinds, strict=True)
    ):
        text.append(tables_of(layer, f"l{number}"))
        values = kind == "VALUES"
        at = (kind, 1, places[values], potential if floats.rule is not None else -1)
        behind = number + 1 if number + 1 < len(network.floats) else -1
        ends = (behind, read if floats.read else -1)
        rows.append(struct_text(floats, layer, f"l{number}", (*at, *ends)))
        places[values] += slots(floats) * stored(floats, kind)
        potential += floats.units if floats.rule is not None else 0
        read += floats.units if floats.read else 0
    classes = network.readout.weights.shape[1]
    text.append(tables_of(network.readout, "last"))
    sizes = f"1, 1, 1, 1, 0, 1, {read}, 1, {classes}, VALUES, 1, 0, {potential}, -1, -1"
    tables = pointers(network.readout, "last")
    unit = f"{network.readout.unit}, {network.readout.decay}, KEPT, 1"
    text.append(
        "static const struct layer layers[MODEL_LAYERS] = {\n" + ",\n".join(rows) + "\n};\n"
    )
    text.append(f"static const struct layer readout = {{{sizes}, {tables}, {unit}}};\n")
    return "\n".join(text)
