"""Fixtures that several test files share."""

from __future__ import annotations

import pytest
from project import ROOT

from spikesound.params import Params


@pytest.fixture(scope="session")
def params() -> Params:
    """The project's own params.yaml."""
    return Params.load(ROOT / "params.yaml")
