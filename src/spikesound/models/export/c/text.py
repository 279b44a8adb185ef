"""C text that detectors and classifiers share: tables, structures, comments, names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from spikesound.models.export.c.folded import FloatLayer
from spikesound.models.export.c.front_end import NO_ENERGY, Tables
from spikesound.models.export.c.quantised import Ints, Layer
from spikesound.models.export.c.sizes import Part

RESETS = {"subtract": "SUBTRACT", "zero": "ZERO", "none": "KEPT", "before_decay": "EARLY"}
LAYER = """
enum { KEPT, ZERO, SUBTRACT, EARLY }; /* reset; EARLY: subtracted before the decay */
enum { VALUES, SPIKES, COUNTS }; /* inputs: 16 bits, eight spikes a byte, spike counts */

/* Sizes and tables of a layer, or of the read-out; see the header. */
struct layer {
    int32_t taps, dilation, columns, stride, padding, bins, channels, places, width;
    int32_t inputs, steps, history; /* their kind, time steps of a frame, and their place */
    int32_t potentials; /* their place */
    int32_t next, read; /* layer behind it, first row in the read-out; -1: none */
    const int8_t *bytes; /* weights of 8 bits, or of 16 */
    const int16_t *words;
    const int32_t *biases, *thresholds, *factors;
    const uint8_t *shifts;
    int32_t unit, decay, reset, levels; /* most spikes of a frame */
};
"""


def identifier(name: str) -> str:
    """Return a name as a C identifier: letters, digits and underscores."""
    plain = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_")
    return plain if plain[:1].isalpha() else f"model_{plain}"


def front_end_text(tables: Tables) -> str:
    """Return the tables of a front end."""
    slopes = ", ".join(f"{{{a}, {b}}}" for a, b in tables.slopes.tolist())
    kind = "uint8_t" if tables.bands.max() < 256 else "uint16_t"
    return "\n".join(
        [
            f"#define MODEL_NO_ENERGY ({NO_ENERGY})\n",
            table("uint16_t", "hann", tables.hann),
            table("int32_t", "sines", tables.sines),
            table(kind, "bands", tables.bands),
            _wrapped(f"static const uint16_t slopes[{len(tables.slopes)}][2] = {{{slopes}}};"),
            table("uint32_t", "logarithms", tables.logarithms),
            table("int32_t", "floors", tables.floors),
            table("int32_t", "offsets", tables.offsets),
            table("int32_t", "gains", tables.gains),
        ]
    )


def struct_text(floats: FloatLayer, layer: Layer, name: str, places: tuple[int | str, ...]) -> str:
    """Return the initialiser of a layer.

    Parameters
    ----------
    name : of its tables
    places : the fields from ``inputs`` to ``read``
    """
    sizes = (
        floats.taps, floats.dilation, floats.columns, floats.stride, floats.padding, floats.bins,
        floats.channels, floats.places, floats.width, *places,
    )  # fmt: skip
    reset, levels = "KEPT", 1
    if floats.rule is not None:
        reset, levels = RESETS[floats.rule.reset], floats.rule.levels
    numbers = ", ".join(map(str, sizes))
    ends = f"{layer.unit}, {layer.decay}, {reset}, {levels}"
    return f"    {{{numbers},\n     {pointers(layer, name)}, {ends}}}"


def tables_of(layer: Layer, name: str) -> str:
    """Return a layer's tables."""
    tables = [table(f"int{layer.bits}_t", f"{name}_weights", layer.weights.ravel())]
    for kind, values in (("biases", layer.biases), ("thresholds", layer.thresholds)):
        if values is not None:
            tables.append(table("int32_t", f"{name}_{kind}", values))
    if layer.factors is not None and layer.shifts is not None:
        tables.append(table("int32_t", f"{name}_factors", layer.factors))
        tables.append(table("uint8_t", f"{name}_shifts", layer.shifts))
    return "\n".join(tables)


def pointers(layer: Layer, name: str) -> str:
    """Return the pointers to a layer's tables."""
    tables = {
        "weights": (f"{name}_weights, 0" if layer.bits == 8 else f"0, {name}_weights"),
        "biases": f"{name}_biases",
        "thresholds": "0" if layer.thresholds is None else f"{name}_thresholds",
        "factors": "0, 0" if layer.factors is None else f"{name}_factors, {name}_shifts",
    }
    return ", ".join(tables.values())


def table(kind: str, name: str, values: Ints) -> str:
    """Return a constant array."""
    numbers = ", ".join(map(str, values.tolist()))
    return _wrapped(f"static const {kind} {name}[{len(values)}] = {{{numbers}}};")


def row_of(part: Part) -> str:
    """Return a row of the header's table."""
    return f"{part.name:<18}{part.kind:<27}{part.flash:>8,}{part.ram:>8,}{part.operations:>12,}"


def total_of(table: list[Part]) -> Part:
    """Return the sum of all parts."""
    flash, ram = sum(part.flash for part in table), sum(part.ram for part in table)
    return Part("total", "", flash, ram, sum(part.operations for part in table))


def figure(value: float) -> str:
    """Return a distance with one or two digits."""
    return f"{value:.1g}" if value < 0.1 else f"{value:.2f}"


def template(name: str) -> str:
    """Return one of the files beside this one."""
    return (files("spikesound.models.export.c") / name).read_text(encoding="utf-8")


def check_program(name: str, **parts: str) -> str:
    """Return a check program, with what it shares with others and its own parts.

    Parameters
    ----------
    name : of the template
    parts : text in place of ``/*NAME*/``, by its name in small letters
    """
    shared = {each: template(f"check_{each}.c") for each in ("includes", "sound", "main")}
    text = template(name)
    for each, content in {**shared, **parts}.items():
        text = text.replace(f"/*{each.upper()}*/", content)
    return text


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


def comment(lines: Sequence[str]) -> str:
    """Return lines as a comment."""
    return "/* " + "\n * ".join(_safe(line) for line in lines).replace(" * \n", " *\n") + "\n */"


def files_of(
    texts: dict[str, str], prefix: str, facts: Sequence[str], labels: list[str]
) -> dict[str, str]:
    """Return header, module and check program by name, with names that begin with a prefix.

    Parameters
    ----------
    texts : with names that begin with ``model``, by the end of the file's name
    facts, labels : they go in last, so that nothing in them is taken for a name of C
    """
    named = {end: _named(text, prefix) for end, text in texts.items()}
    named[".h"] = named[".h"].replace("/*FACTS*/", comment(facts))
    named[".c"] = named[".c"].replace("/*LABELS*/", _texts(labels))
    return {prefix + end: text for end, text in named.items()}


def numbers(values: Ints) -> str:
    """Return numbers with commas between them."""
    return ", ".join(map(str, values.tolist()))


def defines(values: dict[str, int]) -> str:
    """Return macros of the header."""
    return "\n".join(f"#define MODEL_{name} {value}" for name, value in values.items())
