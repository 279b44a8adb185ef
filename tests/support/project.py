"""What the tests know of the project: its root, and who imports what."""

from __future__ import annotations

import ast
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
STAGES = ROOT / "stages"


def file_of(module: str) -> Path | None:
    """Return the project's file of a dotted module name, or None if it is not the project's."""
    for base in (SRC, STAGES):
        path = base.joinpath(*module.split("."))
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
    return None


def module_of(path: Path) -> ModuleType:
    """Return the module of a stage's script, without running the stage."""
    spec = spec_from_file_location(f"stage_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # for its siblings
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def direct_imports(path: Path) -> set[Path]:
    """Return the project's files that a file imports, anywhere in it, with their packages."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    files: set[Path] = set()
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            found = file_of(".".join(parts[:end]))
            if found is not None:
                files.add(found)
    return files


def all_imports(path: Path) -> set[Path]:
    """Return the project's files that running a file may load, itself included."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(direct_imports(current))
    return seen
