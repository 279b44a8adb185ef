"""Which parameters each stage reads, by their keys in params.yaml: what its results depend on.

``{task}``, ``{source}``, ``{rate}`` and ``{encoding}`` stand for an instance's task, the source of
its data, the rate at which its sound is kept, and the encoding in use; ``{model}`` for all that
makes a model: its row, the entries that the row names, and those of its teachers; ``{table}`` for
the rows of a task and their entries.
"""

from typing import Any

Keys = tuple[str, ...]

RATES = {"classification": "download.rate_hz", "detection": "features.rate_hz"}
EVALUATION = ("evaluate", "features.rate_hz", "seed")

ONCE: dict[str, Keys] = {
    "encode": ("encoding", "encodings.{encoding}", "tasks.classification.folds", "seed"),
    "denoising": (),
    "experiment": (),
    "result": (),
    "tones": (),
}
"""Stages of one instance."""

OF_TASK: dict[str, Keys] = {
    "filter": ("sources.{source}", "filter", "source", "seed", "tasks.{task}"),
    "download": ("sources.{source}", "download", "{rate}"),
    "features": ("features", "sources.{source}", "robustness.noises", "seed", "tasks.{task}"),
    "baseline": (*EVALUATION, "tasks.{task}"),
    "disturb": ("robustness", "features", "tasks.{task}.folds", "seed"),
    "latency": ("latency", "tasks.{task}.folds", "seed", "{table}"),
    "costs": ("costs", "{table}"),
    "compare": (*EVALUATION, "{table}"),
    "report": ("evaluate", "source", "tasks.{task}", "{table}"),
    "ship": ("tasks.{task}.folds",),
}
"""Stages of an instance a task."""

OF_MODEL: dict[str, Keys] = {
    "train": ("{model}", "device", "tasks.{task}"),
    "evaluate": (*EVALUATION, "features.hop", "{model}", "tasks.{task}"),
    "robustness": (*EVALUATION, "robustness", "tasks.{task}"),
}
"""Stages of an instance a row of the table of models."""


def instances(content: dict[str, Any]) -> dict[str, list[Keys]]:
    """Return what each instance of a stage reads: ``train/ann-cnn``, ``encode``; paths of keys."""
    found = {stage: _paths(content, keys, "", "") for stage, keys in ONCE.items()}
    for task in content["tasks"]:
        for stage, keys in OF_TASK.items():
            found[f"{stage}/{task}"] = _paths(content, keys, task, "")
    for name, row in content["models"].items():
        for stage, keys in OF_MODEL.items():
            found[f"{stage}/{name}"] = _paths(content, keys, row["task"], name)
    return found


def _paths(content: dict[str, Any], keys: Keys, task: str, model: str) -> list[Keys]:
    source = content["tasks"].get(task, {}).get("source", content["source"])
    rows = [name for name, row in content["models"].items() if row["task"] == task]
    paths: list[Keys] = []
    for key in keys:
        if key == "{model}":
            paths += _model(content, model)
        elif key == "{table}":
            paths += [path for name in rows for path in _row(content, name)]
        else:
            key = key.format(
                task=task, source=source, rate=RATES.get(task), encoding=content["encoding"]
            )
            paths.append(tuple(key.split(".")))
    return list(dict.fromkeys(paths))


def _model(content: dict[str, Any], name: str) -> list[Keys]:
    recipe = content["models"][name]["recipe"]
    teachers = (content["recipes"][recipe].get("teacher") or {}).get("models", ())
    own = [*_row(content, name), ("recipes", recipe), ("seed",)]
    return own + [path for teacher in teachers for path in _model(content, teacher)]


def _row(content: dict[str, Any], name: str) -> list[Keys]:
    row = content["models"][name]
    named = [(f"{kind}s", row[kind]) for kind in ("network", "neuron", "method")]
    return [("models", name), *(each for each in named if each[1] in content[each[0]])]
