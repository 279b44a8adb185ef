"""A page of ``spikesound serve`` with a small detector, and a Chromium with a microphone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from trained_models import RECORDING, detector

from spikesound.models import file
from spikesound.models.calibration import EventCalibration


@pytest.fixture(scope="session")
def page_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector(tmp_path_factory.mktemp("page") / "model.safetensors", seed=5)


@pytest.fixture(scope="session")
def deaf_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector none of whose classes ever reaches its threshold."""
    return detector(tmp_path_factory.mktemp("deaf") / "model.safetensors", thresholds=0.999, seed=5)


@pytest.fixture(scope="module")
def refusing_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that is calibrated so that all of its events are of none of the classes."""
    path = detector(tmp_path_factory.mktemp("refusing") / "model.safetensors", seed=5)
    values = EventCalibration(slope=1.0, offsets=[0.0] * 3, threshold=1.0, refused=0.0, events=9)
    file.save(path, *file.load(path), calibration=values)
    return path


@pytest.fixture(scope="module")
def served_page(page_model: Path) -> Iterator[Any]:
    from served import running

    with running(page_model) as (server, serving):
        yield server, serving


@pytest.fixture(scope="module")
def url(served_page: Any) -> str:
    return str(served_page[0].url)


@pytest.fixture(scope="session")
def bark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bark at 0.4 s, so that nobody waits for it."""
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path_factory.mktemp("microphone") / "bark.wav"
    soundfile.write(path, samples[2 * rate_hz : 4 * rate_hz], rate_hz, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(bark: Path) -> Iterator[Any]:
    from served import browser_with_microphone

    with browser_with_microphone(bark) as started:
        yield started
