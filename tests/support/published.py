"""Published weights and test inputs, where a person has put copies of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spikesound.models.pretrained.files import FOLDER


def published(name: str) -> Path:
    """Return a file of the folder that the environment names; skip the test where it is not."""
    folder = os.environ.get(FOLDER)
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip(f"no {name} in a folder that {FOLDER} names")
    return Path(folder) / name
