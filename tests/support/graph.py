"""The pipeline's graph as DVC reads it, and what the scripts of its stages read and import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from project import ROOT, STAGES, module_of

from spikesound.params.base import read_sections

CHECKED = "data/checked/"
"""Where the stage ``check`` writes what each instance of a stage depends on, beside its data."""

STAGE: Any = module_of(STAGES / "check.py")

MAIN, ROOT_FILE, EXPERIMENTS = "stages/dvc.yaml", "dvc.yaml", "experiments/dvc.yaml"
FILES = (ROOT_FILE, MAIN, EXPERIMENTS)
TASKS = ("classification", "detection")
SHARED = {"paths", "places", "reads"}
"""Modules of the stages' folder that are no stages."""

EVERY = ("models", "networks", "neurons", "methods", "recipes")
"""Sections that a whole model is resolved from."""


def stages(file: str) -> dict[str, Any]:
    """Return the stages of a dvc.yaml; of a foreach its ``do``, with the items."""
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"]
    return {
        name: stage.get("do", stage) | {"items": stage.get("foreach")}
        for name, stage in found.items()
    }


def script(stage: dict[str, Any]) -> Path:
    """Return the file that a stage runs."""
    interpreter, path, *_ = stage["cmd"].split()
    assert interpreter == "python"
    return ROOT / path


def expanded(stage: dict[str, Any], entry: str) -> list[str]:
    """Return an entry for each task of a foreach; what is left of ``${...}`` is ``*``."""
    items = stage["items"]
    mapping = items if isinstance(items, dict) else {"*": {}}
    found = []
    for key, item in mapping.items():
        text = entry.replace("${key}", key)
        for name, value in item.items():
            text = text.replace(f"${{item.{name}}}", value)
        found.append(re.sub(r"\$\{[^}]*\}", "*", text))
    return sorted(set(found))


def declared(stage: str) -> set[str]:
    """Return the parameters that a stage depends on, dotted; those of an entry as ``*``."""
    content = read_sections(ROOT / "params.yaml")
    found = {
        name: keys
        for name, keys in STAGE.instances(content).items()
        if name.partition("/")[0] == stage
    }
    assert found, f"no instance of {stage}"
    listed = {
        f"{keys[0]}.*" if keys[0] in EVERY else ".".join(keys)
        for each in found.values()
        for keys in each
    }
    whole = "{table}" in STAGE.OF_TASK.get(stage, ())  # else only rows of its own
    return listed | ({"models"} if whole else set())


def outputs(stage: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the outputs of a stage by path, each with its options."""
    entries: list[Any] = [
        entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])
    ]
    pairs = [
        (entry, {}) if isinstance(entry, str) else next(iter(entry.items())) for entry in entries
    ]
    return {path: options for text, options in pairs for path in expanded(stage, text)}


def dependencies(stage: dict[str, Any]) -> set[str]:
    """Return what a stage depends on, but for its code."""
    return {
        path
        for entry in stage["deps"]
        for path in expanded(stage, entry)
        if not path.startswith((CHECKED, "src/", "stages/"))
    }


def parameters_read(files: Iterable[Path]) -> set[str]:
    """Return the parameters that scripts read, dotted: ``params.x.y`` and names given to such.

    Functions of ``places`` that they import are read too. ``*`` stands for what is chosen at run
    time. A model of the table that is given away whole is
    read whole: its row and the entries that the row names.
    """
    found: set[str] = set()
    for file in files:
        tree = _tree(file)
        found |= _Reads(tree).found
        taken = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "places"
            for alias in node.names
        }
        beside = _tree(STAGES / "places.py").body if taken else []
        for function in beside:
            if isinstance(function, ast.FunctionDef) and function.name in taken:
                found |= _Reads(function).found
    return found


class _Reads(ast.NodeVisitor):
    def __init__(self, tree: ast.AST) -> None:
        self.names: dict[str, str] = {"params": ""}
        self.found: set[str] = set()
        self.visit(tree)

    def visit_Assign(self, node: ast.Assign) -> None:
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for target, value in pairs:
            chain = self.chain(value)
            if isinstance(target, ast.Name) and chain:
                self.names[target.id] = chain
            else:
                self.visit(value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.take(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.take(node)
        self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        if not self.take(node):
            self.visit(node.func)
        of_paths = ast.unparse(node.func).startswith(("paths.", "folds"))
        for argument in [*node.args, *(each.value for each in node.keywords)]:
            if not (of_paths and isinstance(argument, ast.Name)):
                self.visit(argument)

    def visit_Name(self, node: ast.Name) -> None:
        if self.names.get(node.id):
            self.found |= _meant(self.names[node.id])

    def take(self, node: ast.expr) -> bool:
        chain = self.chain(node)
        if chain:
            self.found |= _meant(chain)
        return bool(chain)

    def chain(self, node: ast.expr) -> str | None:
        """Return what an expression is below the parameters; None: nothing of them."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Subscript):
            before = self.chain(node.value)
            return None if before is None else f"{before}.*"
        if isinstance(node, ast.Attribute):
            before = self.chain(node.value)
            return None if before is None else f"{before}.{node.attr}".lstrip(".")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            before = self.chain(node.func.value)
            called = node.func.attr
            if before is None:
                return None
            special = {"task_params": "tasks.*", "model": "MODEL", "table": "TABLE"}
            if before == "" and called in special:
                return special[called]
            return f"{before}.*" if called == "kind" else before
        return None


def _meant(chain: str) -> set[str]:
    first, *rest = chain.split(".")
    if first == "TABLE":
        return {"models"}
    if first == "MODEL":
        if not rest:
            return {f"{section}.*" for section in EVERY}
        section = {"recipe": "recipes", "method_params": "methods"}.get(rest[0])
        return {".".join([section, "*", *rest[1:]])} if section else set()
    if first == "source_params":
        return {"sources.*"}
    return {chain}


def related(one: str, other: str) -> bool:
    """Whether one of two dotted names lies within the other."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    return all(a == b or "*" in (a, b) for a, b in pairs)


def covers(whole: str, part: str) -> bool:
    """Whether a dotted name is another one or holds it."""
    return related(whole, part) and whole.count(".") <= part.count(".")


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
