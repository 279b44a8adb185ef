"""The code that a result depends on, as a digest: docstrings, comments and layout do not count.

A digest is taken over the modules that an object's module imports, and theirs, down to the leaves.
A package's ``__init__`` is a list of names: it is not followed as a whole, but each name that is
imported from it is followed to the module that defines it.

A result of one model must be found again when code of another has changed. So what such a digest
takes from a registry by its name is not reached: give it as an object
(:func:`spikesound.models.build.parts_of`). The listing of a stage's script follows a registry to
all its entries.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

ROOT = "spikesound"
LIBRARY = Path(__file__).resolve().parents[2]
"""The folder that the package lies in."""

APART = (f"{ROOT}.core", f"{ROOT}.params")
"""Packages that compute nothing: the values of parameters are tracked as such."""

CODE = {".py", ".pyc", ".nbi", ".nbc"}
"""Suffixes of modules and of what is compiled from them."""

DUMPED: dict[str, bool] = {"show_empty": True} if sys.version_info >= (3, 13) else {}
"""Options by which ``ast.dump`` gives the text of Python 3.11: a digest is of code alone."""


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


def listing(script: Path, beside: Iterable[str] = ()) -> str:
    """Return the code that a script runs: a line per module with the digest of its code.

    Parameters
    ----------
    beside : names of modules in the script's folder that count too where it imports them
    """
    trees = {script.stem: ast.parse(script.read_text(encoding="utf-8"))}
    imported = {module for module, _ in _froms(trees[script.stem])}
    for name in sorted(imported.intersection(beside)):
        file = script.with_name(f"{name}.py")
        trees[name] = ast.parse(file.read_text(encoding="utf-8"))
    modules = _reached(trees.values())
    code = {name: _plain(tree).encode() for name, tree in trees.items()}
    code |= {module: _code(module).encode() for module in modules}
    code |= {str(file.relative_to(LIBRARY)): file.read_bytes() for file in _resources(modules)}
    return "".join(
        f"{name} {hashlib.sha256(each).hexdigest()[:16]}\n" for name, each in code.items()
    )


def _reached(trees: Iterable[ast.Module]) -> list[str]:
    """Return the modules that code reaches, sorted; a registry leads to all its entries."""
    waiting = [module for tree in trees for module in _definers(tree)]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen or module.startswith(APART) or module == ROOT:
            continue
        seen.add(module)
        waiting.extend(_definers(_tree(module)))
    return sorted(seen)


def _resources(modules: Iterable[str]) -> list[Path]:
    """Return the files beside modules, and in folders there that are no packages: templates."""
    waiting = [file.parent for module in modules if (file := _file(module)) is not None]
    found: set[Path] = set()
    for folder in waiting:
        for entry in folder.iterdir():
            if entry.is_dir() and not (entry / "__init__.py").is_file():
                waiting.append(entry)
            elif entry.is_file() and entry.suffix not in CODE:
                found.add(entry)
    return sorted(found)


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module; None: there is no such module. None of ours is imported."""
    if not _ours(module):  # of an extension, which has been imported from wherever it lies
        return Path(found) if (found := getattr(sys.modules.get(module), "__file__", "")) else None
    place = LIBRARY.joinpath(*module.split("."))
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return file
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    assert file is not None, module
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _code(module: str) -> str:
    """Return a module's code without docstrings, comments and positions."""
    return _plain(_tree(module))


def _normalised(module: str) -> str:
    """Return a module's code; of a package nothing: its names are followed to their modules."""
    return "" if _is_package(module) else _code(module)


def _plain(tree: ast.Module) -> str:
    tree = ast.parse(ast.unparse(tree))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
        if not getattr(node, "type_params", True):  # since Python 3.12
            del node.type_params  # type: ignore[attr-defined]
        if isinstance(node, ast.JoinedStr):  # Python 3.12 ends a format with an empty part
            node.values = [
                part
                for part in node.values
                if not (isinstance(part, ast.Constant) and not part.value)
            ]
    return ast.dump(tree, **DUMPED)


def _is_package(module: str) -> bool:
    file = _file(module)
    return file is not None and file.name == "__init__.py"


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the modules of this project that define what a module imports; a package: none."""
    return () if _is_package(module) else tuple(_definers(_tree(module)))


def _definers(tree: ast.Module) -> list[str]:
    """Return the modules of this project that define what code imports."""
    plain = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    named = [
        _definer(module, name) for module, names in _froms(tree) if _ours(module) for name in names
    ]
    return [module for module in plain if _ours(module)] + named


def _froms(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, [alias.name for alias in node.names]


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
