"""Docstrings as mkdocstrings reads them: cross-references, formulas, and names of parameters."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))  # griffe loads this file alone
from maths import display, inline

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "spikesound"
SHAPE = re.compile(r"\[shape=([^\]]*)\]")
ROLE = re.compile(r":(?:func|class|mod|meth|attr|data|exc):`(~?)(\.*)([\w.]+)`")
MATH = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(r"^\.\. math::[ ]*(.*(?:\n(?:[ ]+.*|(?=\n[ ]+\S)))*)", re.MULTILINE)
ITEM = re.compile(r"^([A-Za-z_][\w, *]*?) : (.*)$")
SECTION = re.compile(r"^(Parameters|Attributes)\n-{3,}$")
ASIDE = re.compile(r"^(References|Notes)\n-{3,}\n(.*?)(?=\n\n\S[^\n]*\n-{3,}\n|\Z)", re.M | re.S)
FIRST = re.compile(r"^\S[^\n]*\n-{3,}$", re.MULTILINE)


def readable(text: str) -> str:
    """Return a docstring with roles as links, formulas as MathML, and items by name."""
    text = ROLE.sub(_link, _items(_asides_first(text)))
    text = SHAPE.sub(r"(shape `\1`)", text)
    text = BLOCK.sub(lambda found: display(found[1]), text)
    text = MATH.sub(lambda found: inline(found[1]), text)
    return text.replace("``", "`")


def _link(role: re.Match[str]) -> str:
    name = role[3].rpartition(".")[2] if role[1] else role[3]
    if role[2] or not role[3].startswith("spikesound."):
        return f"`{name}`"
    target = role[3]
    for short, whole in reexports().items():
        # A function may have the name of its module; only of a class is there more behind it.
        within = short.rpartition(".")[2][0].isupper() and target.startswith(f"{short}.")
        if target == short or within:
            target = whole + target.removeprefix(short)
    return f"[`{name}`][{target}]"


@cache
def reexports() -> dict[str, str]:
    """Return the names that packages import from their modules, by the shorter name."""
    names: dict[str, str] = {}
    for init in PACKAGE.rglob("__init__.py"):
        package = ".".join(init.parent.relative_to(PACKAGE.parent).parts)
        for node in ast.walk(ast.parse(init.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
                names |= {
                    f"{package}.{each.name}": f"{node.module}.{each.name}" for each in node.names
                }
    return names


def _asides_first(text: str) -> str:
    """Return a docstring with its references before its first section: Griffe reads no such one."""
    asides = [f"**{found[1]}**\n\n{found[2].strip()}\n\n" for found in ASIDE.finditer(text)]
    text = ASIDE.sub("", text).rstrip()
    first = FIRST.search(text)
    at = first.start() if first else len(text)
    return text[:at].rstrip() + "\n\n" + "".join(asides) + text[at:] if asides else text


def _items(text: str) -> str:
    """Return a docstring whose items ``name : meaning`` have the meaning on lines of its own.

    numpydoc has the type behind the colon; here types are in the signature.
    """
    out: list[str] = []
    listed = False
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if SECTION.match(f"{line}\n{lines[number + 1]}" if number + 1 < len(lines) else ""):
            listed = True
        elif listed and number and re.match(r"^-{3,}$", lines[number]) is None:
            if line and number + 1 < len(lines) and re.match(r"^-{3,}$", lines[number + 1]):
                listed = False
            elif item := ITEM.match(line):
                out += [item[1], f"    {item[2]}"]
                continue
        out.append(line)
    return "\n".join(out)


class Docstrings(griffe.Extension):
    """Makes every docstring readable."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change an object's docstring."""
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)
