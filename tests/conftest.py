"""Fixtures that several test files share."""

from __future__ import annotations

import pytest
from hypothesis import settings
from project import ROOT

from spikesound.params import Params


@pytest.fixture(scope="session")
def params() -> Params:
    """The project's own params.yaml, with the length that the default source's clips have."""
    own = Params.load(ROOT / "params.yaml")
    features = own.features.model_copy(update={"clip_s": 5.0})
    return own.model_copy(update={"features": features})


# The same examples each time: a failure belongs to the change that is tested, and can be repeated.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
