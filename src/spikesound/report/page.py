"""The report: one HTML file with all it shows, which requests nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from spikesound.core.atomic import written_aside
from spikesound.report.context import context
from spikesound.report.inputs import ReportInputs

SCRIPTS = ("vendor/plotly-basic.min.js", "page.js")
"""Scripts of the page, in order; its content security policy allows these texts and no other."""


def build_report(inputs: ReportInputs, out: Path) -> None:
    """Write the page, whole or not at all; the same inputs give the same bytes.

    Raises
    ------
    SpikesoundError
        If the inputs do not belong together, for example predictions of other clips than those of
        the summary; the message names what differs.
    """
    text = render(inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(out) as file:
        file.write(text.encode())


def render(inputs: ReportInputs) -> str:
    """Return the page as text; see :func:`build_report`."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: _file(f"templates/{name}")),
    )
    environment.filters["unbroken"] = unbroken
    scripts = [_file(name) for name in SCRIPTS]
    filled = context(inputs) | {
        "style": Markup(_file("page.css")),
        "scripts": [Markup(text) for text in scripts],
        "allowed": " ".join(f"'sha256-{_digest(text)}'" for text in scripts),
    }
    return environment.get_template("page.html").render(filled) + "\n"


def unbroken(text: str) -> str:
    """Keep numbers with their signs, intervals and names in one line each."""
    glued = {
        " %": "\u00a0%",
        "× ": "×\u00a0",
        "–": "\u2060–\u2060",
        "-": "\u2011",
        "p = ": "p\u00a0=\u00a0",
        "p < ": "p\u00a0<\u00a0",
    }
    for plain, kept in glued.items():
        text = text.replace(plain, kept)
    return text


def _file(name: str) -> str:
    return files("spikesound.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
