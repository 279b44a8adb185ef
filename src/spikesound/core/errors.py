"""The error class for users, and look-ups that raise it for unknown names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from io import TextIOWrapper
from typing import TypeVar

from spikesound.core.writing import failed_file, note_files

T = TypeVar("T")

LONGEST = 2000
"""Signs of a message that are shown: what an error quotes may be megabytes of a damaged row."""


class SpikesoundError(Exception):
    """A mistake in the input that its author can mend: one line, naming the file, row or key."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> SpikesoundError:
    """Make the error for a name that is not among the valid ones, with the nearest one if any."""
    names = sorted(valid)
    near = get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return SpikesoundError(f"unknown {kind} {short(repr(name))}{hint}; valid: {', '.join(names)}")


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
    return "".join(sign if sign.isprintable() else "�" for sign in short(str(error), LONGEST))


def short(text: str, longest: int = 200) -> str:
    """Return a text without its middle if it is longer than so many signs."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def run(main: Callable[..., None], *arguments: str) -> None:
    """Call ``main`` with the arguments; a SpikesoundError becomes one line on stderr and exit 1.

    So does an error of the operating system about a file, such as a name that is too long or a disk
    that is full, and a missing package that an extra installs. What the console's encoding lacks is
    printed as a replacement character.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    note_files()
    try:
        main(*arguments)
    except SpikesoundError as error:
        _fail(error)
    except ModuleNotFoundError as error:
        from spikesound.core.extras import missing

        if (mistake := missing(error)) is None:
            raise
        _fail(mistake)
    except (OSError, RuntimeError) as error:
        failure = failed_file(error)
        if failure is None:
            raise
        file, reason = failure
        _fail(SpikesoundError(f"{short(file)}: {reason}"))


def _fail(error: SpikesoundError) -> None:
    print(f"error: {shown(error)}", file=sys.stderr)
    sys.exit(1)
