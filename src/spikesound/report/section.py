"""A section of the page: what its template fills in, and the plots in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spikesound.report.plot import Plot


@dataclass(frozen=True)
class Section:
    """A section with its heading.

    Attributes
    ----------
    id : of the element; the template is sections/<id>.html unless ``template`` names another
    title : its heading
    values : what the template fills in
    plots : those of the section, which page.js draws
    missing : what was not measured and the command that measures it, instead of the content
    """

    id: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    plots: Sequence[Plot] = ()
    missing: tuple[str, str] | None = None
    template: str = ""

    @property
    def file(self) -> str:
        """The template's name."""
        return f"sections/{self.template or self.id}.html"
