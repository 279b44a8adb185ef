"""Base classes of the sections of params.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from spikesound.core.errors import SpikesoundError, choose, unknown

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def _distinct(values: list[str]) -> list[str]:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return values


Distinct = AfterValidator(_distinct)


class Section(BaseModel):
    """A section of params.yaml: typed values, unknown keys refused, unchangeable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Section)


class Entries(Mapping[str, S]):
    """The entries of a section whose keys are chosen by the user, such as ``networks``.

    An entry is of the kind that its key ``kind`` names; without one its own name is the kind. So
    one registered network can stand there several times, with other parameters.

    Parameters
    ----------
    section : name of the section, for messages
    registry : parameter class of each kind
    content : what the file says

    Raises
    ------
    SpikesoundError
        If a kind is unknown, or a parameter of an entry is missing, unknown or wrong.
    """

    def __init__(self, section: str, registry: Mapping[str, type[S]], content: Any) -> None:
        if not isinstance(content, dict):
            raise SpikesoundError(f"{section}: not a mapping of entries")
        self.section = section
        self._kinds: dict[str, str] = {}
        self._values: dict[str, S] = {}
        for name, values in content.items():
            if not isinstance(values, dict):
                raise SpikesoundError(f"{section}.{name}: not a mapping of parameters")
            kind = values.get("kind", name)
            where = f"{section}.{name}.kind" if "kind" in values else f"entry of {section}"
            parameters = {key: value for key, value in values.items() if key != "kind"}
            kind_class = choose(registry, str(kind), where)
            self._kinds[name] = str(kind)
            self._values[name] = parsed(kind_class, parameters, (section, name))

    def __getitem__(self, name: str) -> S:
        return choose(self._values, name, f"entry of {self.section}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def kind(self, name: str) -> str:
        """Return the registry's name for the kind of an entry."""
        return choose(self._kinds, name, f"entry of {self.section}")

    def with_entry(self, name: str, kind: str, values: S) -> Entries[S]:
        """Return a copy with one more or another entry."""
        copy: Entries[S] = Entries(self.section, {}, {})
        copy._kinds = self._kinds | {name: kind}
        copy._values = self._values | {name: values}
        return copy


def read_sections(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file of sections, read as DVC reads it: by YAML 1.2.

    By YAML 1.1, PyYAML's, a number that DVC writes as 1e-05 is a text.

    Raises
    ------
    SpikesoundError
        If there is no such file, or it is not UTF-8, has a key twice or is no mapping; names the
        file and the line.
    """
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file")
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem).partition(" with value ")[
            0
        ]  # of a key that stands there twice
        raise SpikesoundError(f"{path}{line}: not YAML: {problem}") from error
    except YAMLError as error:
        raise SpikesoundError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise SpikesoundError(f"{path}, line {number}: invalid UTF-8 ({error.reason})") from error
    if not isinstance(content, dict):
        raise SpikesoundError(f"{path}: not a mapping of sections")
    return content


def parsed(kind: type[S], values: Any, where: Sequence[str]) -> S:
    """Return a section by its content.

    Parameters
    ----------
    where : keys that lead to it in the file, for the message

    Raises
    ------
    SpikesoundError
        One line that names the first wrong key, what is wrong, and the valid keys if it is unknown.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SpikesoundError(_explain(kind, error, where)) from error


def _explain(kind: type[Section], error: ValidationError, where: Sequence[str]) -> str:
    # An unknown key comes first: where one is misspelt, the right one is missing as well.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    path = [*where, *map(str, first["loc"])]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        *parents, name = path
        what = f"key of {'.'.join(parents)}" if parents else "section"
        line = str(unknown(what, name, _keys(kind, first["loc"][:-1])))
    elif first["type"] == "missing":
        line = f"{key}: missing"
    else:
        line = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, got {first['input']!r}"
        if first["type"] == "value_error":
            line = f"{key}: {first['msg'].removeprefix('Value error, ')}"
    more = len(problems) - 1
    return line + (f" (and {more} more)" if more else "")


def _keys(kind: type[Section], path: Sequence[int | str]) -> list[str]:
    """Return the keys of the section that a path of keys leads to, as far as it has such."""
    section: Any = kind
    for part in path:
        if hasattr(section, "model_fields"):
            field = section.model_fields.get(str(part))
            section = section if field is None else field.annotation
        elif get_origin(section) is dict:
            section = get_args(section)[1]
        sections = [each for each in get_args(section) if hasattr(each, "model_fields")]
        if get_origin(section) is not dict and len(sections) == 1:  # or null, or a path
            section = sections[0]
    return list(section.model_fields) if hasattr(section, "model_fields") else ["url", "hash"]


def selected(content: dict[str, Any], keys: Iterable[tuple[str, ...]]) -> dict[str, Any]:
    """Return the content with the values under these keys alone."""
    found: dict[str, Any] = {}
    for path in keys:
        values, inner = content, found
        for key in path[:-1]:
            values, inner = values[key], inner.setdefault(key, {})
        inner[path[-1]] = values[path[-1]]
    return found


def without(content: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Leave keys out that say nothing new, so that results from before they existed are found."""
    return {
        key: value
        for key, value in content.items()
        if key not in defaults or value != defaults[key]
    }
