"""C text of a detector: header, module and check program."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np

from spikesound.models.export.c.choice import Chosen
from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.front_end import NO_ENERGY, Tables
from spikesound.models.export.c.quantised import Ints, Layer
from spikesound.models.export.c.reference import SIGMOIDS
from spikesound.models.export.c.sizes import Part, of_spikes, parts, slots, stored
from spikesound.models.loading import TrainedModel

RESETS = {"subtract": "SUBTRACT", "zero": "ZERO", "none": "KEPT"}
LAYER = """
enum { KEPT, ZERO, SUBTRACT }; /* potential after a spike */

/* Sizes and tables of a layer, or of the read-out; see the header. */
struct layer {
    int32_t taps, dilation, columns, stride, padding, bins, channels, places, width;
    int32_t of_spikes, history, potentials; /* kind and place of inputs, place of potentials */
    int32_t next, read; /* layer behind it, first row in the read-out; -1: none */
    const int8_t *bytes; /* weights of 8 bits, or of 16 */
    const int16_t *words;
    const int32_t *biases, *thresholds, *factors;
    const uint8_t *shifts;
    int32_t unit, decay, reset;
};
"""


def sources(model: TrainedModel, found: Chosen, prefix: str) -> dict[str, str]:
    """Return the text of each file, by name.

    Parameters
    ----------
    prefix : of all names that a program sees
    """
    decision = model.spec.decision
    classes = len(model.labels)
    medians = [1] * classes if decision is None else list(decision.medians)
    limits = [1.0] * classes if decision is None else decision.thresholds
    header = _template("model.h").replace("/*SIZES*/", _sizes(model, found, medians))
    module = "\n".join(
        [
            '#include "model.h"\n\n#include <string.h>\n',
            _front_end(found.tables),
            _layers(found),
            _table("uint16_t", "sigmoids", SIGMOIDS),
            _table("uint8_t", "halves", np.asarray(medians) // 2),
            _table("uint16_t", "limits", np.ceil(np.asarray(limits) * 32768).astype(np.int64)),
            "const char *const model_labels[MODEL_CLASSES] = {/*LABELS*/};\n",
            _template("engine.c"),
        ]
    )
    check = _template("check.c").replace("/*FRAMES*/", str(len(found.scored.probabilities)))
    check = check.replace("/*SAMPLES*/", str(found.samples))
    rows = ["{" + ", ".join(map(str, row)) + "}" for row in found.scored.probabilities.tolist()]
    check = check.replace("/*VECTORS*/", ",\n".join("    " + row for row in rows))
    texts = {".h": header, ".c": module, "_check.c": check}
    named = {end: _named(text, prefix) for end, text in texts.items()}
    # Last, so that nothing in a label or a name is taken for a name of C.
    named[".h"] = named[".h"].replace("/*FACTS*/", facts(model, found, medians, prefix))
    named[".c"] = named[".c"].replace("/*LABELS*/", _texts(model.labels))
    return {prefix + end: text for end, text in named.items()}


def facts(model: TrainedModel, found: Chosen, medians: list[int], prefix: str) -> str:
    """Return the comment of the header: sizes by layer, operations, and distance from float."""
    table = parts(found.network, found.tables, max(medians))
    params = model.front_end.features
    frame_ms = 1000 * model.front_end.hop_s
    used = found.scored.operations
    lines = [
        f"Detector {model.name} in integers, frame by frame: sound in, probabilities out.",
        "",
        f"{params.rate_hz} Hz, {params.window} samples a window, a frame each {params.hop} "
        f"({frame_ms:.1f} ms), {params.mels} mel bands",
        f"classes: {', '.join(model.labels)}",
        "",
        f"{'':<18}{'':<27}{'flash':>8}{'RAM':>8}{'operations':>12}",
        *(_row(part) for part in table),
        _row(_total(table)),
        "Flash and RAM in bytes, without code and stack; operations: most multiplications, or",
        "additions where spikes come in, of a frame. Inputs that are zero cost none: of the layers",
        f"a frame of the check sound takes {used.mean():,.0f} on average, {used.max():,} at most.",
        "",
        "Distance from front end and network in float, on the check sound: features "
        f"{_figure(found.front_end_difference)}",
        f"at most (of 1), probabilities {_figure(found.mean_difference)} on average, "
        f"{_figure(found.difference)} at most.",
        "",
        f"gcc -std=c99 -O2 -o check {prefix}.c {prefix}_check.c && ./check",
        "One state is one stream; functions keep nothing elsewhere, and allocate nothing.",
    ]
    return "/* " + "\n * ".join(_safe(line) for line in lines).replace(" * \n", " *\n") + "\n */"


def _row(part: Part) -> str:
    return f"{part.name:<18}{part.kind:<27}{part.flash:>8,}{part.ram:>8,}{part.operations:>12,}"


def _total(table: list[Part]) -> Part:
    flash, ram = sum(part.flash for part in table), sum(part.ram for part in table)
    return Part("total", "", flash, ram, sum(part.operations for part in table))


def _figure(value: float) -> str:
    return f"{value:.1g}" if value < 0.1 else f"{value:.2f}"


def _sizes(model: TrainedModel, found: Chosen, medians: list[int]) -> str:
    layers, kinds = found.network.floats, of_spikes(found.network)
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
        "VALUES": sum(size for size, kind in zip(sizes, kinds, strict=True) if not kind),
        "SPIKES": max(1, sum(size for size, kind in zip(sizes, kinds, strict=True) if kind)),
        "POTENTIALS": neurons + classes,
        "WIDEST": max(layer.units for layer in layers),
        "DELAY": max(medians) // 2,
        "FILTER": max(medians),
    }
    return "\n".join(f"#define MODEL_{name} {value}" for name, value in named.items())


def _front_end(tables: Tables) -> str:
    slopes = ", ".join(f"{{{a}, {b}}}" for a, b in tables.slopes.tolist())
    kind = "uint8_t" if tables.bands.max() < 256 else "uint16_t"
    return "\n".join(
        [
            f"#define MODEL_NO_ENERGY ({NO_ENERGY})\n",
            _table("uint16_t", "hann", tables.hann),
            _table("int32_t", "sines", tables.sines),
            _table(kind, "bands", tables.bands),
            _wrapped(f"static const uint16_t slopes[{len(tables.slopes)}][2] = {{{slopes}}};"),
            _table("uint32_t", "logarithms", tables.logarithms),
            _table("int32_t", "floors", tables.floors),
            _table("int32_t", "offsets", tables.offsets),
            _table("int32_t", "gains", tables.gains),
        ]
    )


def _layers(found: Chosen) -> str:
    network = found.network
    kinds, text, rows = of_spikes(network), [LAYER], []
    places = {True: 0, False: 0}
    potential = read = 0
    for number, (floats, layer, kind) in enumerate(
        zip(network.floats, network.layers, kinds, strict=True)
    ):
        text.append(_tables_of(layer, f"l{number}"))
        at = (int(kind), places[kind], potential if floats.rule is not None else -1)
        behind = number + 1 if number + 1 < len(network.floats) else -1
        ends = (behind, read if floats.read else -1)
        rows.append(_struct(floats, layer, f"l{number}", (*at, *ends)))
        places[kind] += slots(floats) * stored(floats, kind)
        potential += floats.units if floats.rule is not None else 0
        read += floats.units if floats.read else 0
    classes = network.readout.weights.shape[1]
    text.append(_tables_of(network.readout, "last"))
    sizes = f"1, 1, 1, 1, 0, 1, {read}, 1, {classes}, 0, 0, {potential}, -1, -1"
    pointers = _pointers(network.readout, "last")
    unit = f"{network.readout.unit}, {network.readout.decay}, KEPT"
    text.append(
        "static const struct layer layers[MODEL_LAYERS] = {\n" + ",\n".join(rows) + "\n};\n"
    )
    text.append(f"static const struct layer readout = {{{sizes}, {pointers}, {unit}}};\n")
    return "\n".join(text)


def _struct(floats: FloatLayer, layer: Layer, name: str, places: tuple[int, ...]) -> str:
    sizes = (
        floats.taps, floats.dilation, floats.columns, floats.stride, floats.padding, floats.bins,
        floats.channels, floats.places, floats.width, *places,
    )  # fmt: skip
    reset = "KEPT" if floats.rule is None else RESETS[floats.rule.reset]
    numbers = ", ".join(map(str, sizes))
    ends = f"{layer.unit}, {layer.decay}, {reset}"
    return f"    {{{numbers},\n     {_pointers(layer, name)}, {ends}}}"


def _tables_of(layer: Layer, name: str) -> str:
    tables = [_table(f"int{layer.bits}_t", f"{name}_weights", layer.weights.ravel())]
    for kind, table in (("biases", layer.biases), ("thresholds", layer.thresholds)):
        if table is not None:
            tables.append(_table("int32_t", f"{name}_{kind}", table))
    if layer.factors is not None and layer.shifts is not None:
        tables.append(_table("int32_t", f"{name}_factors", layer.factors))
        tables.append(_table("uint8_t", f"{name}_shifts", layer.shifts))
    return "\n".join(tables)


def _pointers(layer: Layer, name: str) -> str:
    tables = {
        "weights": (f"{name}_weights, 0" if layer.bits == 8 else f"0, {name}_weights"),
        "biases": f"{name}_biases",
        "thresholds": "0" if layer.thresholds is None else f"{name}_thresholds",
        "factors": "0, 0" if layer.factors is None else f"{name}_factors, {name}_shifts",
    }
    return ", ".join(tables.values())


def _table(kind: str, name: str, values: Ints) -> str:
    numbers = ", ".join(map(str, values.tolist()))
    return _wrapped(f"static const {kind} {name}[{len(values)}] = {{{numbers}}};")


def _wrapped(text: str) -> str:
    """Break a line at spaces, to about 96 characters."""
    return re.sub(r"(.{1,96})(?: |$)", r"\1\n    ", text).rstrip() + "\n"


def _texts(labels: list[str]) -> str:
    """Return string literals of the labels in ASCII: octal escapes for all else."""

    def literal(label: str) -> str:
        plain = (
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}"
            for byte in label.encode()
        )
        return '"' + "".join(plain) + '"'

    return ", ".join(map(literal, labels))


def _safe(line: str) -> str:
    """Return a line that does not end the comment it stands in."""
    return line.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ")


def _named(text: str, prefix: str) -> str:
    return re.sub(r"\bmodel(?=[_.])", prefix, re.sub(r"\bMODEL(?=_)", prefix.upper(), text))


def _template(name: str) -> str:
    return (files("spikesound.models.export.c") / name).read_text(encoding="utf-8")


def identifier(name: str) -> str:
    """Return a name as a C identifier: letters, digits and underscores."""
    plain = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    return plain if plain[:1].isalpha() else f"model_{plain}"
