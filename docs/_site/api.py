"""Pages of the API: one for each package, made of its docstrings."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

Nav = list[dict[str, Any]]


def pages(package: Path) -> dict[str, str]:
    """Return Markdown by source path, for the package and those within it."""
    out = {}
    for init in sorted(package.rglob("__init__.py")):
        dotted = ".".join(init.parent.relative_to(package.parent).parts)
        modules = [
            f"{dotted}.{path.stem}"
            for path in sorted(init.parent.glob("*.py"))
            if not path.stem.startswith("_")
        ]
        blocks = [_package(dotted, init), *(f"::: {name}" for name in modules)]
        out[source(dotted)] = f"# {dotted}\n\n" + "\n\n".join(blocks) + "\n"
    return out


def _package(dotted: str, init: Path) -> str:
    """Return the block of a package: its docstring, and what it defines itself."""
    names: list[str] = []
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    shown = [name for name in names if not name.startswith("_")]
    return f"::: {dotted}\n    options:\n      members: {shown or 'false'}"


def source(dotted: str) -> str:
    """Return the source path of a package's page."""
    return f"api/{dotted}.md"


def navigation(package: Path) -> Nav:
    """Return the section of the navigation, by the packages at the top."""
    sections: dict[str, Nav] = {}
    for path in pages(package):
        dotted = path.removeprefix("api/").removesuffix(".md")
        parts = dotted.split(".")
        sections.setdefault(parts[1] if len(parts) > 1 else "", []).append(
            {".".join(parts[1:]) or dotted: path}
        )
    own = sections.pop("")
    return own + [{name: each} if len(each) > 1 else each[0] for name, each in sections.items()]
