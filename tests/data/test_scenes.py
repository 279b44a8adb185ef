"""The source of scenes: folds stay apart, a seed gives the bytes, the lists are AudioSet's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import EVENTS
from spikesound.data.filtering.choose import filter_clips
from spikesound.data.lists.strong_labels import read_strong
from spikesound.data.lists.strong_writing import write_strong
from spikesound.data.ontology import Ontology
from spikesound.data.scenes import make
from spikesound.data.scenes.make import media_id
from spikesound.data.sources.scenes import Scenes
from spikesound.params import Params, ScenesParams

RATE_HZ = 22050
ONTOLOGY = Ontology.load(ROOT / "data/audioset/ontology.json")
SOME = 2  # recordings of each label and fold
FOLDS = ("1", "2")
ESC10_LABELS = {
    line.rpartition(" ")[2].strip('"')
    for line in (ROOT / "data/esc10/segments.csv").read_text().splitlines()[2:]
}


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
            "archive": None,
            "folder": "none",
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


@pytest.mark.slow
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
    used = {(f"{row.media_id}_0", row.background) for row in mixed.itertuples()}
    used |= {(f"{row.media_id}_0", row.recording) for row in events.itertuples()}
    assert {tuple(row.values()) for row in listing.mixtures.to_pylist()} == used


@pytest.mark.slow
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
        assert set(kept.mixtures["clip_id"].to_pylist()) == set(kept.clips["clip_id"].to_pylist())
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_seed_gives_the_same_bytes_and_more_scenes_keep_the_earlier(
    few: ScenesParams, scenes: Scenes, tmp_path: Path
) -> None:
    same = contents(made(changed(few, empty_share=0.3), tmp_path / "same"))
    assert same == contents(scenes)
    assert len(same) == 4 + 8
    more = contents(made(changed(few, empty_share=0.3, scenes_per_fold=6), tmp_path / "more"))
    sound = {name for name in same if name.startswith("audio/")}
    assert len(sound) == 8
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


@pytest.mark.slow
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
    with pytest.raises(SpikesoundError, match="no such folder; the filter stage makes the scenes"):
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
        (
            {"event_s": [6.0, 7.0]},
            r"\.ogg: too short: got 5 s; sources\.scenes\.event_s requires 6 s",
        ),
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
        with pytest.raises(SpikesoundError, match="inconsistent; delete the folder"):
            scenes.listing()
    finally:
        (scenes.folder / "strong.tsv").write_text(text)
    mixed = scenes.folder / "mixed.csv"
    kept = mixed.read_text()
    try:
        mixed.write_text(kept.replace("background", "behind"))
        with pytest.raises(SpikesoundError, match=r"mixed\.csv: missing or damaged"):
            scenes.listing()
    finally:
        mixed.write_text(kept)


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


@pytest.mark.slow
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
        (("video", "/m/a", 0.0, 1.0), "expected a clip id .*got 'video'"),
        (("video_0", "a\tb", 0.0, 1.0), "not allowed in a table"),
        (("video_0", "", 0.0, 1.0), "not allowed in a table"),
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
