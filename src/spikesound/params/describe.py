"""Description of any key of params.yaml: meaning, valid values, keys below it.

All of it is read from the parameter classes: ``Field(description=...)``, the types and their
bounds. Entries that a user names (a ``dict`` or an ``Entries``) have the class of the entry that
stands in the file.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from spikesound.core.errors import SpikesoundError
from spikesound.params.base import Distinct, Entries

SCALARS: dict[Any, str] = {bool: "true or false", int: "integer", float: "number", str: "text"}

KIND = "What the entry is: a registered name, by default the entry's own."


@dataclass(frozen=True)
class Key:
    """A key of params.yaml with its value.

    Attributes
    ----------
    path : dotted, such as ``features.rate_hz``
    description : one sentence
    value : a section, a mapping of entries, or a plain value
    annotation : its type
    metadata : bounds of its values
    kind : of an entry that has one
    """

    path: str
    description: str
    value: Any
    annotation: Any
    metadata: tuple[Any, ...] = ()
    kind: str = ""

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def valid(self) -> str:
        """Valid values in words."""
        return valid_values(self.annotation, self.metadata)

    def children(self) -> Iterator[Key]:
        """Yield the keys one level below, in the order of the class or of the file."""
        start = f"{self.path}." if self.path else ""
        if isinstance(self.value, BaseModel):
            for name, field in type(self.value).model_fields.items():
                value = getattr(self.value, name)
                metadata = tuple(field.metadata)
                yield Key(start + name, described(field), value, field.annotation, metadata)
            if self.kind:
                yield Key(f"{start}kind", KIND, self.kind, str)
        elif isinstance(self.value, Mapping):
            arguments = get_args(self.annotation)
            for name, value in self.value.items():
                annotation = arguments[1] if len(arguments) == 2 else type(value)
                meaning = summary(type(value)) or self.description
                kind = self.value.kind(name) if isinstance(self.value, Entries) else ""
                yield Key(f"{start}{name}", meaning, value, annotation, kind=kind)

    def is_section(self) -> bool:
        """Return whether it has keys of its own rather than a value."""
        if isinstance(self.value, BaseModel):
            return True
        return isinstance(self.value, Mapping) and any(
            isinstance(value, BaseModel) for value in self.value.values()
        )


def find(params: BaseModel, path: str) -> Key:
    """Return the key at a dotted path.

    Raises
    ------
    SpikesoundError
        If there is none: the message has the closest keys, then the valid ones at that level.
    """
    root = key = Key("", "", params, type(params))
    for name in path.split("."):
        below = {child.name: child for child in key.children()}
        if name not in below:
            raise _unknown(path, root, key, list(below))
        key = below[name]
    return key


def explain(params: BaseModel, path: str) -> str:
    """Return what a key means, its valid values and its value; of a section, the keys below it."""
    key = find(params, path)
    if not key.is_section():
        return f"{key.path}: {_written(key.value)}\n  {key.description}\n  Valid: {key.valid}"
    children = list(key.children())
    width = max(len(child.name) for child in children)
    alike = len({child.description for child in children}) == 1  # then the values say more
    says = [_written(child.value) if alike else child.description for child in children]
    names = [f"{child.name:<{width}}" for child in children]
    lines = [f"  {name}  {said}".rstrip() for name, said in zip(names, says, strict=True)]
    return "\n".join([f"{key.path}: {key.description}", *lines])


def valid_values(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Return a type with its bounds in words, such as ``integer from 1 to 16, or null``."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return valid_values(inner, (*metadata, *_flat(more)))
    if annotation in SCALARS:
        return SCALARS[annotation] + _bounds(metadata)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"section ({', '.join(annotation.model_fields)})"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}" if arguments[1:] else str(arguments[0])
    if origin in (Union, types.UnionType):
        words = [valid_values(each, metadata) for each in arguments if each is not type(None)]
        return ", or ".join([*words, "null"] if type(None) in arguments else words)
    if origin is list:
        return f"list{_lengths(metadata)} of {valid_values(arguments[0])}"
    if origin is not None and issubclass(origin, Mapping) and len(arguments) == 2:
        return f"mapping of {valid_values(arguments[0])} to {valid_values(arguments[1])}"
    return getattr(annotation, "__name__", str(annotation))


def described(field: FieldInfo) -> str:
    """Return a field's description, or that of the section that it holds."""
    return field.description or next(map(summary, sections_in(field.annotation)), "")


def sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the section classes in a type, such as a dict's value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for each in get_args(annotation) for section in sections_in(each)]


def summary(cls: type) -> str:
    """Return the first line of a section's own docstring."""
    return (cls.__doc__ or "").partition("\n")[0] if issubclass(cls, BaseModel) else ""


def _flat(metadata: list[Any]) -> list[Any]:
    """Return constraints, also those inside a Field."""
    return [
        constraint
        for each in metadata
        for constraint in (each.metadata if isinstance(each, FieldInfo) else [each])
    ]


def _bound(metadata: tuple[Any, ...], name: str) -> Any:
    found = [getattr(each, name) for each in metadata if getattr(each, name, None) is not None]
    return found[-1] if found else None


def _bounds(metadata: tuple[Any, ...]) -> str:
    low, above = _bound(metadata, "ge"), _bound(metadata, "gt")
    high, below = _bound(metadata, "le"), _bound(metadata, "lt")
    pattern = _bound(metadata, "pattern")
    if pattern is not None:
        return f" matching {pattern}"
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    words = [
        f"{sign} {bound:g}"
        for sign, bound in ((">=", low), (">", above), ("<=", high), ("<", below))
        if bound is not None
    ]
    return f" {' and '.join(words)}" if words else ""


def _lengths(metadata: tuple[Any, ...]) -> str:
    least, most = _bound(metadata, "min_length"), _bound(metadata, "max_length")
    words = []
    if least is not None and least == most:
        words.append(f"length {least}")
    elif most is not None:
        words.append(f"length <= {most}")
    elif least is not None:
        words.append(f"length >= {least}")
    if Distinct in metadata:
        words.append("all different")
    return f" ({', '.join(words)})" if words else ""


def _written(value: Any) -> str:
    """Return a value as it is written in params.yaml."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, BaseModel):
        return _written(dict(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_written(each)}' for name, each in value.items())}}}"
    return str(value)


def _paths(key: Key) -> Iterator[str]:
    for child in key.children():
        yield child.path
        yield from _paths(child)


def _unknown(path: str, root: Key, deepest: Key, valid: list[str]) -> SpikesoundError:
    paths, name = list(_paths(root)), path.rpartition(".")[2]
    close = [each for each in paths if each.endswith(f".{name}")]
    siblings = get_close_matches(path, [child.path for child in deepest.children()], n=2)
    near = siblings or get_close_matches(path, paths, n=3, cutoff=0.7)
    close += [each for each in near if each not in close]
    hint = f" (did you mean {' or '.join(close[:5])}?)" if close else ""
    where = f"keys of {deepest.path}" if deepest.path else "sections"
    listed = f"valid {where}: {', '.join(valid)}" if valid else f"{deepest.path} has no keys"
    return SpikesoundError(f"unknown key {path!r}{hint}; {listed}")
