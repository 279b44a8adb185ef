"""The error class for users, and look-ups that raise it for unknown names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from spikesound.core.writing import failed_write, note_files

T = TypeVar("T")


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


def shown(error: SpikesoundError) -> str:
    """Return its message without control characters for terminals: names come from files."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(error))


def run(main: Callable[..., None], *arguments: str) -> None:
    """Call ``main`` with the arguments; a SpikesoundError becomes one line on stderr and exit 1.

    So does a file that cannot be written.
    """
    note_files()
    try:
        main(*arguments)
    except SpikesoundError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        sys.exit(1)
    except (OSError, RuntimeError) as error:
        failure = failed_write(error)
        if failure is None:
            raise
        print(f"error: {shown(SpikesoundError(failure))}", file=sys.stderr)
        sys.exit(1)
