"""Classes of a user's own, in a Python file outside of the package, named as ``file.py:Class``.

Their code is executed only where it has been allowed: by a row of params.yaml that names it, or by
a person on the command line. What is allowed is the digest of a file's content, in an environment
variable, so that processes that this one starts know it as well. A trained model's file says which
code its network is of, and does not allow it: such a file need not be trusted.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from spikesound.core.errors import SpikesoundError, short, unknown

ALLOWED = "SPIKESOUND_RUN_CODE"
"""Environment variable: digests of files whose code may be executed, with commas between."""

ANY = "any"
"""Instead of a digest: whatever file. A person has said so, for one command."""

FORM = "file.py:Class"


def is_code(given: str) -> bool:
    """Return whether a text has the form of a class in a file."""
    return ".py:" in given


def read_digest(given: str) -> str:
    """Return the SHA-256 of the file of a class, which is looked for without executing anything.

    Raises
    ------
    SpikesoundError
        If the name has another form, there is no such file, it is not Python, or has no such class
        at its top level; names the file and the valid classes.
    """
    path, name = split(given)
    if not path.is_file():
        raise SpikesoundError(f"{path}: no such file (code {given!r})")
    content = path.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else short(str(error))
        raise SpikesoundError(f"{path}{line}: not Python: {reason}") from error
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if not classes:
        raise SpikesoundError(f"{path}: no class in it; expected {name!r}")
    if name not in classes:
        raise unknown(f"class in {path}", name, classes)
    return hashlib.sha256(content).hexdigest()


def split(given: str) -> tuple[Path, str]:
    """Return file and class of a name.

    Raises
    ------
    SpikesoundError
        If it is not of the form ``file.py:Class``.
    """
    file, _, name = given.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise SpikesoundError(f"code {given!r}: expected {FORM}")
    return Path(file), name


def allow(digest: str) -> None:
    """Let the code of a file with this content be executed, here and in processes started here."""
    if not {digest, ANY} & set(allowed()):
        os.environ[ALLOWED] = ",".join([*allowed(), digest])


def allowed() -> list[str]:
    """Return the digests of files whose code may be executed."""
    return [each for each in os.environ.get(ALLOWED, "").split(",") if each]


def load_class(given: str, digest: str) -> Any:
    """Execute a file that is allowed, once a process, and return its class.

    Raises
    ------
    SpikesoundError
        If it is not allowed, has another content, or fails.
    """
    path, name = split(given)
    if not {digest, ANY} & set(allowed()):
        raise SpikesoundError(
            f"the network is code, {given}, which is executed only where a row of params.yaml "
            "names it, or with --run-code (run_code=True) if you trust it"
        )
    if read_digest(given) != digest:
        raise SpikesoundError(f"{path}: has changed since the model was trained; run dvc repro")
    return getattr(_module(path, digest), name)


def make(given: str, kind: Any, available: dict[str, Any], arguments: dict[str, Any]) -> Any:
    """Return an instance of a class, with the arguments and with what is available and asked for.

    Parameters
    ----------
    available : of these the class gets those that its ``__init__`` names
    arguments : which it must take

    Raises
    ------
    SpikesoundError
        If the class fails, or does not take an argument.
    """
    try:
        named = inspect.signature(kind).parameters
        return kind(**{key: each for key, each in available.items() if key in named} | arguments)
    except Exception as error:  # of the user's own code
        reason = short(" ".join(str(error).split()), 300)
        raise SpikesoundError(f"{given}: {type(error).__name__}: {reason}") from error


def _module(path: Path, digest: str) -> Any:
    name = f"{path.stem}_{digest[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # of the user's own code
        del sys.modules[name]
        reason = short(" ".join(str(error).split()), 300)
        raise SpikesoundError(f"{path}: {type(error).__name__}: {reason}") from error
    return module
