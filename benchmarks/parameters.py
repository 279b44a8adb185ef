"""Write the page of all parameters, from the parameter classes alone.

    python benchmarks/parameters.py

It goes to docs/reference/parameters.md; a test compares the two. `make tables` writes it too.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spikesound.params import Params
from spikesound.params.base import Entries
from spikesound.params.describe import described, sections_in, summary, valid_values
from spikesound.params.root import ENTRIES

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/parameters.md"
HEAD = """# Parameters

Every key of [params.yaml](../../params.yaml), with its valid values. `spikesound check` validates
the file; `spikesound check --explain KEY` prints a key's entry here and its value in the file. Keys
have no defaults: the file holds all of them. Terms are defined in the [glossary](../glossary.md).
`make tables` generates this page from the classes in `src/spikesound/params/`.

"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(_section(Params, 1, {}))


def _section(
    cls: type[BaseModel],
    level: int,
    shown: dict[type[BaseModel], str],
    path: str = "",
    kinds: Sequence[str] = (),
) -> Iterator[str]:
    """Yield the parts of a section: its heading, its table of values, the sections below it.

    Parameters
    ----------
    shown : path of each class that has been shown; its keys are not repeated
    kinds : kinds of entries that have this class
    """
    if path:
        of_kind = f", kind {' or '.join(f'`{kind}`' for kind in kinds)}" if kinds else ""
        yield f"{'#' * level} `{path}`{of_kind}\n"
        if summary(cls):
            yield f"{summary(cls)}\n"
    if cls in shown:
        yield f"The keys of `{shown[cls]}`.\n"
        return
    shown[cls] = path
    values = {name: each for name, each in cls.model_fields.items() if not _holds(each)}
    if values:
        yield _table(values)
    elif not cls.model_fields:
        yield "No parameters.\n"
    for name, field in cls.model_fields.items():
        if name not in values:
            below = f"{path}.{name}" if path else name
            yield from _below(name, field, min(level + 1, 4), shown, below)


def _below(
    name: str, field: FieldInfo, level: int, shown: dict[type[BaseModel], str], path: str
) -> Iterator[str]:
    """Yield the parts of a field that holds a section, or entries that are sections."""
    kinds = ENTRIES[name] if get_origin(field.annotation) is Entries else {}
    if kinds:
        yield f"{'#' * level} `{path}`\n"
        yield "Entries by a name of your own; `kind` is what an entry is, by default its name.\n"
    for cls in dict.fromkeys(kinds.values()):
        of_class = [kind for kind, each in kinds.items() if each is cls]
        yield from _section(cls, level + 1, shown, f"{path}.<name>", of_class)
    for cls in [] if kinds else sections_in(field.annotation):
        entry = path if field.annotation is cls else f"{path}.<name>"
        yield from _section(cls, level, shown, entry)


def _holds(field: FieldInfo) -> bool:
    """Return whether a field holds sections, and nothing that is written in their place."""
    arguments = get_args(field.annotation)
    alternatives = get_args(arguments[-1]) if arguments else ()
    return bool(sections_in(field.annotation)) and str not in (*arguments[1:], *alternatives)


def _table(fields: Mapping[str, FieldInfo]) -> str:
    lines = ["| Key | Valid values | Meaning |\n|---|---|---|\n"]
    for name, field in fields.items():
        valid = valid_values(field.annotation, tuple(field.metadata))
        lines.append(f"| `{name}` | {_escaped(valid)} | {_escaped(described(field))} |\n")
    return "".join(lines)


def _escaped(text: Any) -> str:
    return "".join(f"\\{sign}" if sign in "|*<" else sign for sign in str(text))


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.name}")


if __name__ == "__main__":
    main()
