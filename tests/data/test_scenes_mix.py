"""Scenes mixed: onsets and levels are those asked for, and nothing is clipped."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.data.scenes.background import at_level, background_scenes, continued
from spikesound.data.scenes.drawing import GAP_MS, Drawn, draw_events, tightened
from spikesound.data.scenes.material import (
    Material,
    Recording,
    active_ms,
    long_parts,
    sample_at,
    sounding,
)
from spikesound.data.scenes.mix import mix

RATE_HZ = 22050


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return 0.1 * generator.standard_normal(round(seconds * RATE_HZ)).astype(np.float32)


def recording(name: str, label: str, seconds: float) -> Recording:
    length_ms = round(seconds * 1000)
    whole = ((0, length_ms),)
    return Recording(name, label, noise(seconds, seed=length_ms), whole, whole)


def event(onset_ms: int, lasts_ms: int, snr_db: float, source_onset_ms: int = 0) -> Drawn:
    return Drawn(
        recording("a", "/m/a", 5.0), source_onset_ms, onset_ms, onset_ms + lasts_ms, snr_db
    )


@pytest.mark.slow
@given(
    onset_ms=st.integers(0, 6000),
    lasts_ms=st.integers(50, 4000),
    snr_db=st.floats(0, 20),
    dbfs=st.floats(-50, -35),
)
def test_an_event_sounds_from_its_first_sample_to_its_last_at_its_level(
    onset_ms: int, lasts_ms: int, snr_db: float, dbfs: float
) -> None:
    background = at_level(noise(10.0).astype(np.float64), dbfs)
    placed = event(onset_ms, lasts_ms, snr_db, source_onset_ms=500)
    mixed = mix(background, [placed], RATE_HZ)
    added = mixed.samples / mixed.gain - background
    sounds = np.flatnonzero(np.abs(added) > 1e-12)
    first, last = sample_at(onset_ms, RATE_HZ), sample_at(onset_ms + lasts_ms, RATE_HZ)
    assert (sounds[0], sounds[-1]) == (first, last - 1)
    assert abs(first / RATE_HZ - onset_ms / 1000) <= 0.51 / RATE_HZ
    power = np.mean(added[first:last] ** 2) / np.mean(background[first:last] ** 2)
    assert 10 * np.log10(power) == pytest.approx(snr_db, abs=1e-6)
    assert mixed.snr_db == pytest.approx([snr_db])


def test_a_level_counts_from_the_background_alone() -> None:
    background = at_level(noise(10.0).astype(np.float64), -40.0)
    events = [event(1000, 2000, 10.0), event(1500, 1000, 3.0, source_onset_ms=2000)]
    both = mix(background, events, RATE_HZ).samples
    apart = sum(mix(background, [one], RATE_HZ).samples - background for one in events)
    np.testing.assert_allclose(both - background, apart, atol=1e-12)


def test_no_event_is_silent_where_the_background_is() -> None:
    background = at_level(noise(10.0).astype(np.float64), -40.0)
    background[: 4 * RATE_HZ] = 0.0
    mixed = mix(background, [event(1000, 1000, 0.0)], RATE_HZ)
    assert mixed.samples[RATE_HZ + 100 : 2 * RATE_HZ - 100].std() > 1e-4
    assert mixed.snr_db[0] > 100.0


def test_a_loud_scene_is_scaled_as_a_whole_and_never_clipped() -> None:
    background = at_level(noise(10.0).astype(np.float64), -12.0)
    mixed = mix(background, [event(1000, 2000, 20.0)], RATE_HZ)
    assert mixed.gain < 1.0
    assert np.abs(mixed.samples).max() == pytest.approx(0.99)
    quiet = slice(5 * RATE_HZ, 6 * RATE_HZ)
    np.testing.assert_allclose(mixed.samples[quiet], mixed.gain * background[quiet])


def test_active_parts_are_where_the_sound_is() -> None:
    samples = np.zeros(5 * RATE_HZ, np.float32)
    for start_s, end_s in ((0.5, 1.0), (1.1, 1.5), (3.0, 3.1)):
        here = slice(round(start_s * RATE_HZ), round(end_s * RATE_HZ))
        samples[here] = noise(5.0)[here]
    active = active_ms(samples, RATE_HZ, 30.0)
    np.testing.assert_allclose(active, [(500, 1000), (1100, 1500), (3000, 3100)], atol=25)
    assert long_parts(active, 5000, 250) == ((active[0][0], active[1][1]),)
    # Of parts that are all too short, the longest is widened, within the recording.
    assert long_parts(((20, 60), (4000, 4100)), 5000, 250) == ((3925, 4175),)
    assert long_parts(((0, 60),), 5000, 250) == ((0, 250),)
    assert tightened(active, 700, 2500) == (700, active[1][1])
    assert tightened(active, 2000, 2500) == (2000, 2000)
    kept = sounding(samples, RATE_HZ, 30.0, "it")
    assert len(kept) / RATE_HZ == pytest.approx(2.6, abs=0.05)
    with pytest.raises(SpikesoundError, match=r"^it: 0\.00 s of sound"):
        sounding(np.zeros(RATE_HZ * 2, np.float32), RATE_HZ, 30.0, "it")


@pytest.mark.slow
@given(seed=st.integers(0, 10_000))
def test_drawn_events_keep_their_length_and_their_distance(seed: int) -> None:
    labels = {"/m/a": [recording("a", "/m/a", 0.8)], "/m/b": [recording("b", "/m/b", 9.0)]}
    drawn = draw_events(
        Material([], labels),
        length_ms=10_000,
        count=(1, 4),
        event_ms=(250, 2000),
        snr_db=(0.0, 20.0),
        generator=np.random.default_rng(seed),
    )
    assert 1 <= len(drawn) <= 4
    for one in drawn:
        assert 0 <= one.onset_ms < one.offset_ms <= 10_000
        lasts_ms = one.offset_ms - one.onset_ms
        # A part that is short enough is taken whole.
        assert lasts_ms == 800 if one.recording.media_id == "a" else 250 <= lasts_ms <= 2000
        assert one.source_onset_ms + lasts_ms <= 9000
    for label in labels:
        same = [one for one in drawn if one.recording.label == label]
        gaps = [b.onset_ms - a.offset_ms for a, b in pairwise(same)]
        assert all(gap >= GAP_MS for gap in gaps)


def test_too_many_events_are_refused() -> None:
    material = Material([], {"/m/a": [recording("a", "/m/a", 3.0)]})
    generator = np.random.default_rng(1)
    with pytest.raises(SpikesoundError, match="4 events do not fit into 10000 ms"):
        draw_events(
            material,
            length_ms=10_000,
            count=(4, 4),
            event_ms=(250, 4000),
            snr_db=(0.0, 0.0),
            generator=generator,
        )


def test_a_short_background_goes_on_at_its_level() -> None:
    generator = np.random.default_rng(1)
    long = continued(noise(12.0), 10 * RATE_HZ, 5512, generator)
    assert len(long) == 10 * RATE_HZ
    starts = np.flatnonzero(np.isclose(noise(12.0), long[0]))
    assert any((noise(12.0)[start : start + len(long)] == long).all() for start in starts)
    short = continued(noise(1.0), 10 * RATE_HZ, 5512, generator)
    assert len(short) == 10 * RATE_HZ
    frames = short.reshape(-1, RATE_HZ // 10)
    levels_db = 20 * np.log10(np.sqrt(np.mean(frames**2, axis=1)) / 0.1)
    assert np.abs(levels_db).max() < 1.0


def test_scenes_without_events_have_the_level_asked_for_and_hang_on_the_seed() -> None:
    def some(seed: int) -> list[np.ndarray]:
        waves = background_scenes(
            [noise(3.0), noise(20.0)],
            count=5,
            length_s=10.0,
            rate_hz=RATE_HZ,
            dbfs=(-50.0, -30.0),
            active_db=30.0,
            generator=np.random.default_rng(seed),
        )
        return list(waves)

    for wave in some(1):
        assert wave.shape == (10 * RATE_HZ,)
        assert -50.01 <= 20 * np.log10(wave.std()) <= -29.99
    assert all((one == other).all() for one, other in zip(some(1), some(1), strict=True))
    assert not (some(1)[0] == some(2)[0]).all()
