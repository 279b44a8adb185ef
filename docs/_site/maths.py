"""TeX in pages and docstrings as MathML, which browsers show without a script."""

from __future__ import annotations

import re
from collections.abc import Callable

from latex2mathml.converter import convert

CODE = re.compile(
    r"(^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)\s*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL
)
"""Fenced blocks and inline code."""

DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
INLINE = re.compile(r"(?<![\w\\$])\$(?!\s)([^$\n]+?)(?<!\s)\$(?![\w$])")


def display(tex: str) -> str:
    """Return a formula on lines of its own, as one line of HTML."""
    return f'\n\n<div class="formula">{convert(" ".join(tex.split()), display="block")}</div>\n\n'


def inline(tex: str) -> str:
    """Return a formula within a line, as HTML."""
    return convert(" ".join(tex.split()))


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Return a page with a change made to all of it that is not code."""
    out, end = [], 0
    for code in CODE.finditer(markdown):
        out += [change(markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*out, change(markdown[end:])])


def with_mathml(markdown: str) -> str:
    """Return a page with ``$...$`` and ``$$...$$`` as MathML."""
    return outside_code(
        markdown,
        lambda text: INLINE.sub(
            lambda found: inline(found[1]), DISPLAY.sub(lambda found: display(found[1]), text)
        ),
    )
