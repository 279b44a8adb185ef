"""What a classifier hears and calls its classes: what its weights need beside them to be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikesound.core.errors import choose
from spikesound.features.front_end import FrontEnd
from spikesound.params import Encodings, Section


class Hearing(Section):
    """How a classifier gets its input, and the names of its classes.

    Attributes
    ----------
    front_end : features, and the ranges fitted without the model's test fold; ``clip_s`` of the
        features is the length of what it classifies
    names : display names of the classes, in the order of the spec's
    encoding : parameters of the spec's encoding; None: it takes the features
    sha256 : of the folder's spec and weights, one after the other; None: all lies in one file
    """

    front_end: FrontEnd
    names: list[str]
    encoding: dict[str, Any] | None
    sha256: str | None = None


def encoding_section(name: str, values: Mapping[str, Any]) -> Any:
    """Return an encoding's parameters, typed.

    Raises
    ------
    SpikesoundError
        If there is no such encoding; pydantic's ``ValidationError`` if its parameters differ.
    """
    kind = choose(Encodings.model_fields, name, "encoding").annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Section)
    return kind.model_validate(values)
