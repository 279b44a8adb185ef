"""Check every value of params.yaml, and write the files that tell other stages of a change.

- ``code/<stage>.txt``: the modules that a stage's script reaches, each with the digest of its code;
  a comment or a docstring does not change it.
- ``params/<name>.yaml``: parts of params.yaml, for stages that have an instance per model or depend
  on many values: DVC compares a file at once, and parses params.yaml for each stage that lists
  parameters of it.

All other stages wait for this one.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

import paths
from spikesound.core.digests import digests
from spikesound.core.errors import run
from spikesound.core.names import check_names
from spikesound.core.source import listing
from spikesound.params import CodeParams, Params
from spikesound.params.base import read_sections, selected
from spikesound.params.committed import changes_note

BESIDE = ("places",)
"""Modules that stages share; ``paths`` computes nothing."""


def main() -> None:
    params = Params.load(paths.PARAMS)
    params.of_task(params.task)
    check_names(paths.DATA / params.source)
    content = read_sections(paths.PARAMS)
    beside = notes(params)
    for name, keys in parts(content).items():
        text = yaml.safe_dump(selected(content, keys), sort_keys=False)
        write(f"params/{name}.yaml", text + beside.get(name, ""))
    for script in sorted(Path(__file__).parent.glob("*.py")):
        if script.stem not in (*BESIDE, "paths"):
            write(f"code/{script.stem}.txt", listing(script, BESIDE))
    print(f"every value of {paths.PARAMS} is good: {paths.CHECKED}")
    if note := changes_note(paths.PARAMS):
        print(note)


def parts(content: dict[str, Any]) -> dict[str, list[tuple[str, ...]]]:
    """Return which values each file has, by their keys in params.yaml."""
    found: dict[str, list[tuple[str, ...]]] = {
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
    for name, row in content["models"].items():
        for teacher in (content["recipes"][row["recipe"]].get("teacher") or {}).get("models", ()):
            own = found[f"models/{name}"]
            own += [each for each in found[f"models/{teacher}"] if each not in own]
    return found


def notes(params: Params) -> dict[str, str]:
    """Return comments with the digests of what else models depend on, by the file they belong into.

    That is the code of networks of one's own, and the recordings of no class in training.
    """
    found: defaultdict[str, str] = defaultdict(str)
    for name, model in params.table().items():
        if isinstance(network := model.network_params, CodeParams):
            if not network.code.startswith(f"{paths.NETWORKS}/"):
                print(f"{name}: DVC sees no change of {network.code}: not in {paths.NETWORKS}/")
            for file in (f"models/{name}", f"tables/{model.task}"):
                found[file] += f"# {network.code}: {network.sha256}\n"
        for folder in model.recipe.negatives.folders if model.recipe.negatives else ():
            found[f"models/{name}"] += digests(Path(folder))
    return found


def write(name: str, text: str) -> None:
    file = paths.CHECKED / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
