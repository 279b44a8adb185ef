"""Docstrings as mkdocstrings reads them: cross-references, formulas, and names of parameters."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))  # griffe loads this file alone
from maths import display, inline

ROLE = re.compile(r":(?:func|class|mod|meth|attr|data|exc):`(~?)(\.*)([\w.]+)`")
MATH = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(r"^\.\. math::[ ]*(.*(?:\n(?:[ ]+.*|(?=\n[ ]+\S)))*)", re.MULTILINE)
ITEM = re.compile(r"^([A-Za-z_][\w, *]*?) : (.*)$")
SECTION = re.compile(r"^(Parameters|Attributes)\n-{3,}$")
HEADING = re.compile(r"^(References|Notes)\n-+$", re.MULTILINE)


def readable(text: str) -> str:
    """Return a docstring with roles as code, formulas as MathML, and items by name."""
    text = _items(text)
    text = ROLE.sub(lambda found: f"`{found[3].rpartition('.')[2] if found[1] else found[3]}`", text)
    text = BLOCK.sub(lambda found: display(found[1]), text)
    text = MATH.sub(lambda found: inline(found[1]), text)
    text = HEADING.sub(lambda found: f"**{found[1]}**\n", text)
    return text.replace("``", "`")


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
