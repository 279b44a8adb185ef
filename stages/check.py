"""Check every value of params.yaml, and write the files that tell other stages of a change.

- ``code/<stage>.txt``: the modules that a stage's script reaches, each with the digest of its code;
  a comment or a docstring does not change it.
- ``params/<name>.yaml``: parts of params.yaml, for stages that have an instance per model or depend
  on many values: DVC compares a file at once, and parses params.yaml for each stage that lists
  parameters of it.

All other stages wait for this one.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

import paths
from spikesound.core.errors import run
from spikesound.core.names import check_names
from spikesound.core.source import listing
from spikesound.params import CodeParams, Params
from spikesound.params.base import read_sections
from spikesound.params.committed import changes_note

BESIDE = ("places",)
"""Modules that stages share; ``paths`` computes nothing."""

Keys = tuple[str, ...]


def main() -> None:
    params = Params.load(paths.PARAMS)
    params.of_task(params.task)
    check_names(paths.DATA / params.source)
    content = read_sections(paths.PARAMS)
    codes, sounds = code_notes(params), negatives_notes(params)
    for name, keys in parts(content).items():
        text = yaml.safe_dump(part(content, keys), sort_keys=False)
        write(f"params/{name}.yaml", text + codes.get(name, "") + sounds.get(name, ""))
    for script in sorted(Path(__file__).parent.glob("*.py")):
        if script.stem not in (*BESIDE, "paths"):
            write(f"code/{script.stem}.txt", listing(script, BESIDE))
    print(f"every value of {paths.PARAMS} is good: {paths.CHECKED}")
    if note := changes_note(paths.PARAMS):
        print(note)


def parts(content: dict[str, Any]) -> dict[str, list[Keys]]:
    """Return which values each file has, by their keys in params.yaml."""
    found: dict[str, list[Keys]] = {
        "evaluation": [("evaluate",), ("features", "rate_hz"), ("features", "hop"), ("seed",)],
        "robustness": [("robustness",)],
    }
    for task in content["tasks"]:
        found[f"tasks/{task}"] = [("tasks", task)]
        found[f"tables/{task}"] = []
    for name, row in content["models"].items():
        named = [(f"{each}s", row[each]) for each in ("network", "neuron", "method")]
        entries = [each for each in named if each[1] in content[each[0]]]  # not a row's own code
        found[f"tables/{row['task']}"] += [("models", name), *entries]
        recipe = ("recipes", row["recipe"])
        found[f"models/{name}"] = [("models", name), *entries, recipe, ("device",), ("seed",)]
    return found


def code_notes(params: Params) -> dict[str, str]:
    """Return comments with the digests of networks that are code, by the file they belong into."""
    found: dict[str, str] = {}
    for name, model in params.table().items():
        if isinstance(network := model.network_params, CodeParams):
            if not network.code.startswith(f"{paths.NETWORKS}/"):
                print(f"{name}: DVC sees no change of {network.code}: not in {paths.NETWORKS}/")
            note = f"# {network.code}: {network.sha256}\n"
            for file in (f"models/{name}", f"tables/{model.task}"):
                found[file] = found.get(file, "") + note
    return found


def negatives_notes(params: Params) -> dict[str, str]:
    """Return comments with the digests of the recordings of no class that a model is trained on."""
    found: dict[str, str] = {}
    for name, model in params.table().items():
        for folder in model.recipe.negatives.folders if model.recipe.negatives else ():
            for file in sorted(path for path in Path(folder).glob("[!.]*") if path.is_file()):
                digest = sha256(file.read_bytes()).hexdigest()
                note = f"# {file}: {digest}\n"
                found[f"models/{name}"] = found.get(f"models/{name}", "") + note
    return found


def part(content: dict[str, Any], keys: Iterable[Keys]) -> dict[str, Any]:
    """Return the content with the values under these keys alone."""
    found: dict[str, Any] = {}
    for path in keys:
        values, inner = content, found
        for key in path[:-1]:
            values, inner = values[key], inner.setdefault(key, {})
        inner[path[-1]] = values[path[-1]]
    return found


def write(name: str, text: str) -> None:
    file = paths.CHECKED / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
