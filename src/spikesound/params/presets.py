"""Presets: published recipes as changes of params.yaml, with the published figure beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError, choose
from spikesound.params.base import Section, parsed, read_sections
from spikesound.params.experiments import Changes, changed
from spikesound.params.root import Params


class Published(Section):
    """What the recipe's authors report."""

    figure: str | None = Field(description="Value, as it was published; null: not verified here.")
    source: str = Field(description="Paper, and where the recipe was read.")
    selection: str = Field(description="On what data the published epoch was chosen.")


class Preset(Section):
    """A recipe.

    Attributes
    ----------
    models : the whole table of models, in place of the one that stands there
    set : other values of parameters, by dotted keys
    """

    about: str = Field(description="Data, network and training in a line.")
    published: Published
    here: str = Field(description="Our figure and its command, or `not run here`.")
    differs: list[str] = Field(description="Where this recipe departs from the published one.")
    models: dict[str, Any] = Field(description="The table of models.")
    set: Changes = Field(description="Values of parameters, by dotted keys of params.yaml.")


def read_presets(folder: Path) -> dict[str, Preset]:
    """Return the presets of a folder by name.

    Raises
    ------
    SpikesoundError
        If there is none, or a file has a wrong key; names the file.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise SpikesoundError(f"{folder}: no presets; run in the project's folder")
    found = {}
    for path in paths:
        try:
            found[path.stem] = parsed(Preset, read_sections(path), ())
        except SpikesoundError as error:
            raise SpikesoundError(f"{path}: {error}") from error
    return found


def applied(content: dict[str, Any], preset: Preset) -> dict[str, Any]:
    """Return the content of params.yaml with a preset's values, its comments kept if it has such.

    Raises
    ------
    SpikesoundError
        If a key or a value of the preset is wrong.
    """
    result = changed(content, preset.set)
    result["models"] = preset.models
    if "costs" in result:  # of models that are no longer there
        result["costs"]["zero_skipping"] = []
    return result


def write_preset(path: Path, name: str, presets: dict[str, Preset]) -> Params:
    """Write a preset's values into params.yaml, and return the whole as it is now.

    Nothing is written unless the whole is good.

    Raises
    ------
    SpikesoundError
        If there is no such preset, or it does not go with the file.
    """
    preset = choose(presets, name, "preset")
    try:
        params = Params.of(applied(read_sections(path), preset))
    except SpikesoundError as error:
        raise SpikesoundError(f"preset {name!r} on {path}: {error}") from error
    yaml = YAML()  # which keeps comments
    yaml.width = 4096
    with path.open(encoding="utf-8") as file:
        content = applied(yaml.load(file), preset)
    with written_aside(path) as out:
        yaml.dump(content, out)
    return params
