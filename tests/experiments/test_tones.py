"""Tones through a cochlea, recognised by histograms: made here, and as recordings would lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.data.address_events import AddressEvents, write_events
from spikesound.experiments.tones import (
    CLEAN,
    HIDDEN,
    centred,
    counts,
    hits,
    published,
    read_recordings,
    tone_rows,
)
from spikesound.features import cochlea

RATE_HZ = 16000
TONES = (150, 500, 1200, 3000)
SNRS = {CLEAN: np.inf, "tonesSNR/SNR-13_2273": 13.2273, "tonesSNR/SNR--20": -20.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own cochlea on four tones, without noise, in a little of it and in much."""
    top, bank = tmp_path_factory.mktemp("tones"), cochlea.filters(RATE_HZ, 64, 50.0, 7500.0)
    time = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    generator = np.random.default_rng(0)
    for name, snr_db in SNRS.items():
        (top / name).mkdir(parents=True)
        for hz in TONES:
            wave = 0.2 * np.sin(2 * np.pi * hz * time)
            wave = wave + 0.2 / 2**0.5 * 10 ** (-snr_db / 20) * generator.standard_normal(len(time))
            events = AddressEvents(*cochlea.events(wave.astype(np.float32), RATE_HZ, bank))
            write_events(events, top / name / f"{hz}.aedat")
    return top


@pytest.mark.slow
def test_tones_are_told_apart_until_the_noise_hides_them(folder: Path) -> None:
    recordings = read_recordings(folder)
    assert recordings.tones == [str(hz) for hz in TONES]
    assert recordings.snrs_db == [np.inf, 13.2273, -20.0]
    assert recordings.channels.shape[1:] == (4, recordings.on.shape[2], 63)
    content = tone_rows(recordings)
    assert content["recordings"] == 12
    rows = content["settings"]
    assert rows["centred"]["by_snr_db"]["inf"] == 1.0
    assert rows["centred"]["from_3_db"] == 1.0
    assert rows["nearest histogram"]["by_snr_db"]["13.2273"] == 1.0
    assert rows["centred"]["by_snr_db"]["-20"] < 1.0
    assert set(rows["published"]["by_tone_from_3_db"]) == {str(hz) for hz in TONES}


@pytest.mark.slow
def test_published_weights_are_shares_and_a_source_spikes_once_a_step(folder: Path) -> None:
    recordings = read_recordings(folder)
    given, weights = published(recordings)
    assert set(np.unique(given)) == {0.0, 1.0}
    assert (weights.first.sum(1) < 1).all(), "of the ON polarity alone"
    assert weights.first.sum(1) == pytest.approx(0.5, abs=0.01)
    assert weights.second.max(1).tolist() == [1.0] * 4
    _, own = centred(recordings)
    assert own.first.sum(0) == pytest.approx(0, abs=0.01), "without what all tones have"
    assert HIDDEN.v_thresh_mv == -50.0


def test_a_tie_is_no_hit() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [4.0, 4.0, 0.0], [5.0, 1.0, 2.0]])
    assert hits(scores).tolist() == [True, False, False]


@pytest.mark.slow
def test_silence_gives_no_spike(folder: Path) -> None:
    recordings = read_recordings(folder)
    given, weights = centred(recordings)
    assert not counts(0 * given, weights).any()


def test_what_is_missing_is_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match="No noise: no recordings of tones"):
        read_recordings(tmp_path)
    (tmp_path / CLEAN).mkdir()
    write_events(AddressEvents(np.zeros(2, int), np.arange(2)), tmp_path / CLEAN / "440.aedat")
    (tmp_path / "tonesSNR/SNR-3").mkdir(parents=True)
    with pytest.raises(SpikesoundError, match=r"SNR-3: no recording of tone 440 \(440\.aedat"):
        read_recordings(tmp_path)
    (tmp_path / CLEAN / "a.aedat").touch()
    with pytest.raises(SpikesoundError, match="expected a tone's frequency as its name"):
        read_recordings(tmp_path)
