"""An environment of its own for BindsNET, which is AGPL and never imported by this project.

Packages of the running environment, torch above all, are seen from it by a .pth file: pip installs
only what is missing there or has another version, and both systems run on one torch.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import read_json, write_json

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build/diehl_cook/environment"
DONE = "installed.json"


def interpreter(requirement: str, folder: Path = FOLDER) -> Path:
    """Return the interpreter of the environment, which is made unless it is complete.

    Raises
    ------
    SpikesoundError
        If the requirement cannot be installed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if installed(requirement, folder):
        return python
    print(f"making an environment with {requirement} in {folder}", flush=True)
    venv.EnvBuilder(clear=True, with_pip=True).create(folder)
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run(
        [python, "-I", "-c", question], check=True, capture_output=True, text=True
    )
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(asked.stdout.strip()) / "shared.pth").write_text("\n".join(sorted(shared)) + "\n")
    pip = [python, "-I", "-m", "pip", "install", "--quiet", "--no-warn-conflicts", requirement]
    if subprocess.run(pip).returncode:
        raise SpikesoundError(f"{requirement}: pip could not install it; its lines are above")
    write_json(folder / DONE, {"requirement": requirement})
    return python


def installed(requirement: str, folder: Path = FOLDER) -> bool:
    """Return whether the environment is there, whole and with this requirement."""
    done = folder / DONE
    return done.is_file() and read_json(done)["requirement"] == requirement
