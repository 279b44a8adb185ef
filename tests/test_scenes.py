"""Scenes: onsets and levels are those asked for, folds stay apart, and a seed gives the bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from spikesound.data.filtering.choose import filter_clips
from spikesound.data.lists.strong_labels import read_strong
from spikesound.data.lists.strong_writing import write_strong
from spikesound.data.ontology import Ontology
from spikesound.data.scenes import make
from spikesound.data.scenes.background import at_level, background_scenes, continued
from spikesound.data.scenes.drawing import GAP_MS, Drawn, draw_events, tightened
from spikesound.data.scenes.make import media_id
from spikesound.data.scenes.material import (
    Material,
    Recording,
    active_ms,
    long_parts,
    sample_at,
    sounding,
)
from spikesound.data.scenes.mix import mix
from spikesound.data.sources.scenes import Scenes
from spikesound.errors import SpikesoundError
from spikesound.params import Params, ScenesParams
from spikesound.schema import EVENTS

RATE_HZ = 22050
ONTOLOGY = Ontology.load(ROOT / "data/audioset/ontology.json")
SOME = 2  # recordings of each label and fold
FOLDS = ("1", "2")
ESC10_LABELS = {
    line.rpartition(" ")[2].strip('"')
    for line in (ROOT / "data/esc10/segments.csv").read_text().splitlines()[2:]
}


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


@pytest.fixture(scope="module")
def few(params: Params, tmp_path_factory: pytest.TempPathFactory) -> ScenesParams:
    """Parameters with four scenes a fold, of a few recordings of ESC-10's first two folds."""
    folder = tmp_path_factory.mktemp("few")
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for line in (ROOT / "data/esc10/segments.csv").read_text().splitlines():
        key = (line[0], line.rpartition(" ")[2])
        seen[key] = seen.get(key, 0) + 1
        if line[0] in FOLDS and seen[key] <= SOME:
            lines.append(line)
    (folder / "segments.csv").write_text("\n".join(lines))
    return changed(
        params.sources.scenes,
        scenes_per_fold=4,
        recordings={
            "segments": {"*": str(folder / "segments.csv")},
            "folds": str(ROOT / "data/esc10/folds.csv"),
            "mirror": str(ROOT / "data/esc10/audio/{media_id}.ogg"),
        },
    )


def changed(params: ScenesParams, **changes: object) -> ScenesParams:
    return ScenesParams.model_validate(params.model_dump() | changes)


def made(params: ScenesParams, cache: Path) -> Scenes:
    source = Scenes(params, ONTOLOGY, cache)
    source.listing()
    return source


def mixed_csv(source: Scenes) -> pd.DataFrame:
    return pd.read_csv(source.folder / "mixed.csv", keep_default_na=False)


def contents(source: Scenes) -> dict[str, bytes]:
    files = (path for path in sorted(source.folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(source.folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def scenes(few: ScenesParams, tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    return made(changed(few, empty_share=0.3), tmp_path_factory.mktemp("cache"))


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


def test_the_lists_are_audiosets_and_fit_what_was_mixed(scenes: Scenes) -> None:
    listing = scenes.listing()
    mixed = mixed_csv(scenes)
    names = [media_id(fold, number) for fold in FOLDS for number in range(4)]
    assert listing.clips["media_id"].to_pylist() == names
    assert listing.clips["recording"].to_pylist() == names
    assert listing.clips["fold"].to_pylist() == ["1"] * 4 + ["2"] * 4
    assert set(listing.clips["end_s"].to_pylist()) == {10.0}
    assert not len(listing.rejected)
    events = mixed[mixed["label"] != ""].astype({"onset_s": float, "offset_s": float})
    for clip in listing.clips.to_pylist():
        assert clip["labels"] == sorted(
            set(events["label"][events["media_id"] == clip["media_id"]])
        )
    expected = [
        (f"{row.media_id}_0", row.label, row.onset_s, row.offset_s) for row in events.itertuples()
    ]
    found = [tuple(row.values()) for row in listing.events.to_pylist()]
    assert sorted(found) == sorted(expected)


def test_scenes_in_which_nothing_happens_are_clips_without_labels_that_the_filter_keeps(
    scenes: Scenes, params: Params
) -> None:
    listing = scenes.listing()
    empty = [row["clip_id"] for row in listing.clips.to_pylist() if not row["labels"]]
    assert 0 < len(empty) < len(listing.clips)
    for changes in ({}, {"max_per_label": 1}, {"balance": True}, {"top": 2}):
        rules = params.filter.model_copy(update=changes)
        kept = filter_clips(listing, ONTOLOGY, rules, 1)
        assert set(empty) <= set(kept.clips["clip_id"].to_pylist())
        assert kept.report["multi_label"]["labels_per_clip"]["0"] == len(empty)
        assert sum(kept.report["dropped"].values()) == len(listing.clips) - len(kept.clips)
    alone = listing.clips.filter(pa.compute.is_in(listing.clips["clip_id"], pa.array(empty)))
    only_empty = type(listing)(alone, listing.rejected, EVENTS.empty_table())
    rules = params.filter.model_copy(update={"max_per_label": 1, "balance": True})
    assert len(filter_clips(only_empty, ONTOLOGY, rules, 1).clips) == len(empty)


def test_a_fold_is_mixed_of_its_own_recordings(scenes: Scenes) -> None:
    mixed = mixed_csv(scenes)
    folds = pd.read_csv(ROOT / "data/esc10/folds.csv", dtype=str, index_col="media_id")["fold"]
    scene_fold = mixed["media_id"].str[1]
    assert (mixed["background"].map(folds) == scene_fold).all()
    events = mixed["label"] != ""
    assert (mixed["recording"][events].map(folds) == scene_fold[events]).all()
    assert mixed["recording"][events].nunique() > 2


def test_sound_is_ten_seconds_that_stand_out_where_the_labels_say(
    few: ScenesParams, tmp_path: Path
) -> None:
    rules = {"backgrounds": ["Rain"], "events": [1, 1], "snr_db": [20.0, 20.0], "empty_share": 0.0}
    source = made(changed(few, **rules, scenes_per_fold=8), tmp_path)
    ratios = []
    for row in mixed_csv(source).itertuples():
        samples, rate_hz = soundfile.read(source.locate(str(row.media_id)))
        assert (rate_hz, len(samples)) == (RATE_HZ, 10 * RATE_HZ)
        inside = np.zeros(len(samples), bool)
        inside[round(float(row.onset_s) * rate_hz) : round(float(row.offset_s) * rate_hz)] = True
        background_db = 10 * np.log10(np.mean(samples[~inside] ** 2))
        assert background_db == pytest.approx(float(row.background_dbfs), abs=2.0)
        ratios.append(10 * np.log10(np.mean(samples[inside] ** 2)) - background_db)
    assert np.median(ratios) == pytest.approx(20.0, abs=0.5)


def test_a_seed_gives_the_same_bytes_and_more_scenes_keep_the_earlier(
    few: ScenesParams, scenes: Scenes, tmp_path: Path
) -> None:
    same = contents(made(changed(few, empty_share=0.3), tmp_path / "same"))
    assert same == contents(scenes)
    assert len(same) == 4 + 8
    more = contents(made(changed(few, empty_share=0.3, scenes_per_fold=6), tmp_path / "more"))
    sound = {name for name in same if name.startswith("audio/")}
    assert all(more[name] == same[name] for name in sound)
    other = contents(made(changed(few, empty_share=0.3, seed=2), tmp_path / "other"))
    assert not any(other[name] == same[name] for name in sound)


def test_scenes_that_are_there_are_not_made_again(
    scenes: Scenes, few: ScenesParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "read_material", lambda *_: pytest.fail("made again"))
    again = Scenes(scenes.params, ONTOLOGY, scenes.cache)
    assert again.listing().clips == scenes.listing().clips
    # Any other value makes other scenes.
    assert Scenes(changed(few, active_db=31.0), ONTOLOGY, scenes.cache).folder != scenes.folder


def test_what_a_killed_run_leaves_is_not_taken_for_whole(few: ScenesParams, tmp_path: Path) -> None:
    slow = changed(few, scenes_per_fold=60)
    code = (
        "import sys; from pathlib import Path; from spikesound.data.ontology import Ontology;"
        "from spikesound.data.sources.scenes import Scenes;"
        "from spikesound.params import ScenesParams;"
        "Scenes(ScenesParams.model_validate_json(sys.argv[1]), Ontology.load(sys.argv[2]),"
        " Path(sys.argv[3])).listing()"
    )
    arguments = [slow.model_dump_json(), str(ROOT / "data/audioset/ontology.json"), str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL
    ) as run:
        while len(list(tmp_path.rglob("*.flac"))) < 3 and run.poll() is None:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
    source = Scenes(slow, ONTOLOGY, tmp_path)
    [left] = source.folder.parent.iterdir()
    assert left.suffix == ".part"
    with pytest.raises(SpikesoundError, match="no such scenes; the filter stage makes them"):
        source.locate("s1-00000")
    before = time.time() - 2 * make.STALE_S
    os.utime(left / "audio", (before, before))
    assert len(source.listing().clips) == 120
    assert len(list((source.folder / "audio").iterdir())) == 120
    assert list(source.folder.parent.iterdir()) == [source.folder]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backgrounds": ["Raim"]}, r"unknown label.*'Raim' .did you mean 'Rain'.*Bark, .*Crackle"),
        ({"backgrounds": ["Rain", "/m/nothing"]}, r"unknown label .*'/m/nothing'"),
        (
            {"backgrounds": sorted(ESC10_LABELS)},
            "fold '1' has no recording for events",
        ),
        ({"event_s": [6.0, 7.0]}, r"\.ogg: lasts 5 s; sources\.scenes\.event_s asks for 6 s"),
    ],
)
def test_mistakes_are_named(
    few: ScenesParams, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message):
        made(changed(few, **changes), tmp_path)
    assert not list(tmp_path.rglob("*.flac"))


def test_recordings_that_are_not_there_are_named(few: ScenesParams, tmp_path: Path) -> None:
    there = few.recordings.model_dump()
    nowhere = there | {"mirror": str(tmp_path / "{media_id}.ogg")}
    with pytest.raises(SpikesoundError, match=r"1-.*\.ogg: no such file"):
        made(changed(few, recordings=nowhere), tmp_path)
    unlisted = there | {"segments": {"*": "missing.csv"}}
    with pytest.raises(SpikesoundError, match=r"missing\.csv: no such file"):
        made(changed(few, recordings=unlisted), tmp_path)
    (tmp_path / "two.csv").write_text('1-100032-A, 0, 5, "/m/05tny_,/m/06mb1"\n')
    two = there | {"segments": {"*": str(tmp_path / "two.csv")}}
    with pytest.raises(SpikesoundError, match="'1-100032-A' has 2 labels"):
        made(changed(few, recordings=two), tmp_path)
    (tmp_path / "1.csv").write_text('1-100032-A, 0, 5, "/m/05tny_"\n')
    one = there | {"segments": {"*": str(tmp_path / "1.csv")}}
    with pytest.raises(SpikesoundError, match=r"unknown label.*'Rain'; valid: Bark$"):
        made(changed(few, recordings=one), tmp_path)


def test_damaged_lists_of_scenes_are_refused(scenes: Scenes, few: ScenesParams) -> None:
    text = (scenes.folder / "strong.tsv").read_text()
    try:
        (scenes.folder / "strong.tsv").write_text(text.replace("/m/", "/x/", 1))
        with pytest.raises(SpikesoundError, match="do not fit together; delete the folder"):
            scenes.listing()
    finally:
        (scenes.folder / "strong.tsv").write_text(text)


def test_the_backgrounds_of_a_fold_can_be_heard_alone(scenes: Scenes) -> None:
    waves = scenes.background_waves("2")
    assert len(waves) == 3 * SOME
    assert all(len(wave) >= RATE_HZ for wave in waves)
    with pytest.raises(SpikesoundError, match=r"unknown fold '9'.*valid: 1, 2"):
        scenes.background_waves("9")


EVENT = st.tuples(
    st.text("ab_-", min_size=1, max_size=4),
    st.integers(0, 10**9),
    st.sampled_from(["/m/a", "/t/b"]),
    st.floats(0, 9.9),
    st.floats(0.001, 1.0),
)


@given(rows=st.lists(EVENT, min_size=1, max_size=8))
def test_strong_labels_are_read_as_they_were_written(
    rows: list[tuple[str, int, str, float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    events = {
        (f"{media}_{start_ms}", label, onset, min(onset + lasts, 10.0))
        for media, start_ms, label, onset, lasts in rows
    }
    table = pa.Table.from_pylist(
        [dict(zip(EVENTS.names, row, strict=True)) for row in sorted(events)], schema=EVENTS
    )
    path = tmp_path_factory.mktemp("strong") / "strong.tsv"
    write_strong(table, path)
    _, read, rejected = read_strong(path)
    assert not len(rejected)
    assert read.to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("video", "/m/a", 0.0, 1.0), "'video' is not an id"),
        (("video_0", "a\tb", 0.0, 1.0), "cannot stand in a table"),
        (("video_0", "", 0.0, 1.0), "cannot stand in a table"),
        (("video_0", "/m/a", 2.0, 1.0), "from 2 s to 1 s is not within"),
        (("video_0", "/m/a", 2.0, 11.0), "is not within the clip's 10 s"),
    ],
)
def test_what_strong_labels_cannot_hold_is_refused(
    row: tuple[str, str, float, float], message: str, tmp_path: Path
) -> None:
    table = pa.Table.from_pylist([dict(zip(EVENTS.names, row, strict=True))], schema=EVENTS)
    with pytest.raises(SpikesoundError, match=message):
        write_strong(table, tmp_path / "strong.tsv")
    assert not list(tmp_path.iterdir())
