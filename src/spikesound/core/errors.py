"""The error class for users, and look-ups that raise it for unknown names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")

LONGEST_MESSAGE = 10_000
"""Characters of an error that are shown: the valid names may be many."""


class SpikesoundError(Exception):
    """A mistake in the input that its author can mend: one line, naming the file, row or key."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> SpikesoundError:
    """Make the error for a name that is not among the valid ones, with the nearest one if any."""
    names = sorted(valid)
    near = get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return SpikesoundError(f"unknown {kind} {name!r}{hint}; valid: {', '.join(names)}")


def choose(registry: Mapping[str, T], name: str, kind: str) -> T:
    """Return ``registry[name]``.

    Raises
    ------
    SpikesoundError
        If the name is not in the registry; the message lists the names that are.
    """
    if name not in registry:
        raise unknown(kind, name, registry)
    return registry[name]


def abridged(text: str, longest: int = 200) -> str:
    """Return a text as it is or, of a long one, its start and its length."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def shown(error: SpikesoundError) -> str:
    """Return its message for terminals: what comes from files may be long, or control them."""
    message = abridged(str(error), LONGEST_MESSAGE)
    return "".join(sign if sign.isprintable() else "�" for sign in message)


def run(main: Callable[..., None], *arguments: str) -> None:
    """Call ``main`` with the arguments; a SpikesoundError becomes one line on stderr and exit 1."""
    try:
        main(*arguments)
    except SpikesoundError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        sys.exit(1)
