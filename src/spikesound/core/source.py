"""The code that a result depends on, as a digest: docstrings, comments and layout do not count.

A result of one model must be found again when code of another has changed. So a digest is taken
over the modules that an object's module imports, and theirs, down to the leaves. A package's
``__init__`` is a list of names: it is not followed as a whole, but each name that is imported from
it is followed to the module that defines it. What is taken from a registry by its name is not
reached: give it as an object (:func:`spikesound.models.build.parts_of`).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = "spikesound"
APART = (f"{ROOT}.core", f"{ROOT}.params")
"""Packages that compute nothing: the values of parameters are tracked as such."""


def code_digest(objects: Iterable[Callable[..., Any] | str]) -> str:
    """Return the digest of all code of this project that functions, classes or modules reach.

    Parameters
    ----------
    objects : functions, classes, partials of such, or names of modules
    """
    content = "\n".join(f"{name} {_normalised(name)}" for name in sorted(modules_of(objects)))
    return hashlib.sha256(content.encode()).hexdigest()


def modules_of(objects: Iterable[Callable[..., Any] | str]) -> set[str]:
    """Return the modules of this project that functions, classes or modules reach."""
    waiting = [_module_of(each) for each in objects]
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in reached or module.startswith(APART):
            continue
        reached.add(module)
        waiting.extend(_imports(module))
    return reached


def _module_of(each: Callable[..., Any] | str) -> str:
    while isinstance(each, partial):
        each = each.func
    return each if isinstance(each, str) else each.__module__


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module; None: there is no such module."""
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    assert file is not None, module
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _normalised(module: str) -> str:
    """Return a module's code without docstrings, comments and positions."""
    if _is_package(module):
        return ""
    tree = ast.parse(ast.unparse(_tree(module)))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return ast.dump(tree)


def _is_package(module: str) -> bool:
    file = _file(module)
    return file is not None and file.name == "__init__.py"


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the modules of this project that define what a module imports."""
    if _is_package(module):
        return ()
    modules: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names if _ours(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            modules += [_definer(node.module, alias.name) for alias in node.names]
    return tuple(modules)


def _ours(module: str) -> bool:
    return module == ROOT or module.startswith(f"{ROOT}.")


@cache
def _definer(module: str, name: str) -> str:
    """Return the module that defines a name imported from a module: itself, or a module of it."""
    if not _is_package(module):
        return module
    inner = f"{module}.{name}"
    if _file(inner) is not None:
        return inner
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definer(node.module, alias.name)
    return module
