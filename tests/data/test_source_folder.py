"""Sound files of your own: labels from folders or a table, and folds dealt evenly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from collections_made import table, wav
from containers_made import RATE_HZ, begins_s, encoded, film
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT

from spikesound.audio.ffmpeg import ffmpeg_binary
from spikesound.audio.lengths import length_s
from spikesound.audio.reading import blocks
from spikesound.audio.recordings import read_recordings
from spikesound.core.errors import SpikesoundError
from spikesound.core.names import check_names
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.ontology import Ontology
from spikesound.data.sources import SOURCES, Source
from spikesound.data.sources.dealing import deal
from spikesound.data.sources.folder import media_id_of
from spikesound.data.sources.tables import SAFE_NAME
from spikesound.data.store import Store
from spikesound.params import FolderParams, Params


def source(folder: Path, csv: Path | None = None, folds: int = 2) -> Source:
    params = FolderParams(
        folder=str(folder), table=csv and str(csv), folds=folds, events=None, cut_s=None
    )
    return SOURCES["folder"](params, Ontology({}, {}), folder.parent / "cache")


def frames(made: Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    listing = made.listing()
    return listing.clips.to_pandas(), listing.rejected.to_pandas()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    for name in ("Dog bark/a.wav", "Dog bark/kennel/b c.WAV", "rain/a.wav", "rain/é.flac"):
        wav(folder / name)
    return folder


def test_a_sub_folder_is_a_label_whatever_lies_below_it(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "rain" / "notes.txt").write_text("x")
    made = source(own)
    clips, rejected = frames(made)
    assert rejected.empty
    assert sorted(label for row in clips["labels"] for label in row) == [
        "dog_bark",
        "dog_bark",
        "rain",
        "rain",
    ]
    assert made.ontology.name("dog_bark") == "Dog bark"
    found = {str(Path(made.locate(name)).relative_to(own)) for name in clips["media_id"]}
    assert found == {"Dog bark/a.wav", "Dog bark/kennel/b c.WAV", "rain/a.wav", "rain/é.flac"}
    assert clips["media_id"].map(SAFE_NAME.fullmatch).all()
    assert (clips["end_s"] == 0.5).all()
    assert "1 files are no recordings: rain/notes.txt" in capsys.readouterr().err


def test_another_run_locates_what_this_one_listed(own: Path) -> None:
    clips, _ = frames(source(own))
    assert len(clips)
    assert all(Path(source(own).locate(name)).is_file() for name in clips["media_id"])
    with pytest.raises(SpikesoundError, match=r"has no recording '\.\./\.\./etc/passwd'"):
        source(own).locate("../../etc/passwd")


def test_files_without_a_label_and_links_to_folders_are_rejected(own: Path, tmp_path: Path) -> None:
    wav(own / "loose.wav")
    (own / "rain" / "far").symlink_to(tmp_path, target_is_directory=True)
    _, rejected = frames(source(own))
    assert dict(zip(rejected["row"], rejected["reason"], strict=True)) == {
        "loose.wav": "in no sub-folder, so it has no label",
        "far": "a link to a folder, not followed",
    }


def test_hidden_files_and_folders_are_left_out_and_counted(own: Path) -> None:
    for name in (".ipynb_checkpoints/a.wav", ".Trash-1000/files/a.wav", "rain/.git/a.wav"):
        wav(own / name)
    wav(own / "rain" / "._a.wav")
    made = source(own)
    clips, rejected = frames(made)
    assert list(made.ontology) == ["dog_bark", "rain"]
    assert len(clips) == 4
    assert Counter(rejected["reason"]) == {"a hidden folder, not entered": 3, "a hidden file": 1}
    assert (rejected["line"] == 0).all(), "no damage, which would stop a strict run"


def test_names_need_not_be_utf_8(own: Path) -> None:
    folder = os.fsencode(own)
    Path(os.fsdecode(folder + b"/M\xfcnchen")).mkdir()
    sounds = [b"rain/z\xfc.wav", b"rain/z\xfd.wav", b"M\xfcnchen/tr\xe4m.wav", b"l\xfcse.wav"]
    for name in sounds:
        shutil.copy(own / "rain/a.wav", folder + b"/" + name)
    Path(os.fsdecode(folder + b"/.\xff")).mkdir()
    made = source(own)
    clips, rejected = frames(made)
    expected = {r"rain/z\xfc.wav", r"rain/z\xfd.wav", r"M\xfcnchen/tr\xe4m.wav"}
    assert expected < set(clips["recording"])
    assert clips["clip_id"].is_unique
    assert made.ontology.name("m_xfcnchen") == r"M\xfcnchen"
    located = {os.fsencode(made.locate(name)) for name in clips["media_id"]}
    assert {folder + b"/" + name for name in sounds[:3]} < located
    assert set(rejected["row"]) == {r"l\xfcse.wav", r".\xff"}


def test_a_name_that_dvc_cannot_track_is_named_before_it_stops(own: Path) -> None:
    check_names(own)
    shutil.copy(own / "rain/a.wav", os.fsencode(own) + b"/rain/z\xfc.wav")
    with pytest.raises(SpikesoundError, match=r"own/rain/z\\xfc\.wav: a name that is not UTF-8"):
        check_names(own)


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"^sources\.folder\.folder: .*none: no such folder"):
        source(tmp_path / "none").listing()
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpikesoundError, match=r"^sources\.folder: no recordings in .*empty"):
        source(tmp_path / "empty").listing()


def test_two_folders_that_make_one_label_are_named(own: Path) -> None:
    wav(own / "dog_bark" / "x.wav")
    with pytest.raises(SpikesoundError, match=r"'dog_bark' is the same label as 'Dog bark'"):
        source(own).listing()


def test_a_table_tells_labels_times_folds_and_recordings(own: Path, tmp_path: Path) -> None:
    csv = table(
        tmp_path / "x.csv",
        "recording,file,label,start_s,end_s,fold,notes",
        'field,rain/a.wav,"rain, Dog bark",,,one,x',
        "field,rain/a.wav,rain,0.25,0.5,one,",
        "yard,Dog bark/a.wav,Dog bark,0,0.25,two,",
    )
    made = source(own, csv)
    clips, rejected = frames(made)
    assert rejected.empty
    columns = ["recording", "start_s", "end_s", "fold"]
    assert clips[columns].to_numpy().tolist() == [
        ["yard", 0.0, 0.25, "two"],
        ["field", 0.0, 0.5, "one"],
        ["field", 0.25, 0.5, "one"],
    ]
    assert [list(row) for row in clips["labels"]] == [["dog_bark"], ["dog_bark", "rain"], ["rain"]]
    assert clips["clip_id"].tolist()[2] == clips["media_id"][2] + "_250"
    assert made.locate(clips["media_id"][2]) == str(own / "rain/a.wav")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("../../etc/passwd,x,,,1", r"refused: '\.\./\.\./etc/passwd' leads outside the folder"),
        ("/etc/passwd,x,,,1", r"refused: '/etc/passwd' leads outside the folder"),
        (",x,,,1", "no file"),
        ("rain/a.wav,,,,1", "no label"),
        ('rain/a.wav," , ",,,1', "no label"),
        ("rain/a.wav,x,,,", "no fold"),
        ("rain/a.wav,x,one,,1", "start_s: 'one' is not a number of seconds"),
        ("rain/a.wav,x,0.5,0.5,1", "not a stretch of time: 0.5 s to 0.5 s"),
        ("rain/a.wav,x,nan,1,1", "not a stretch of time"),
        ("rain/a.wav,x,0,inf,1", "not a stretch of time"),
        ("rain/a.wav,x,-1,1,1", "not a stretch of time"),
        ("rain/none.wav,x,,,1", r"rain/none\.wav: no such file"),
        ("rain/a.wav,x", "2 cells, not 5"),
        ("Dog bark/a.wav,x,,,1", "duplicate: the clip stands at line 2 already"),
        ("Dog bark/a.wav,x,0.1,0.2,2", "in two folds: the recording is in '1'"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected(
    own: Path, tmp_path: Path, row: str, reason: str
) -> None:
    csv = table(
        tmp_path / "x.csv", "file,label,start_s,end_s,fold", "Dog bark/a.wav,x,,,1", "", row
    )
    clips, rejected = frames(source(own, csv))
    assert len(clips) == 1
    assert rejected[["file", "line", "row"]].to_numpy().tolist() == [[str(csv), 4, row]]
    assert pd.Series(rejected["reason"]).str.match(reason).all()


def test_a_table_that_is_not_one_is_named(own: Path, tmp_path: Path) -> None:
    for header, complaint in (
        ("name,label", r"x\.csv: no column 'file'; columns: name, label"),
        ("file,label,start_s", r"x\.csv: one of start_s and end_s has no column"),
        ("File,label,file", r"x\.csv: two columns 'file'"),
        ("file;label;fold", r"x\.csv: no column 'file'.*; expected commas between columns"),
    ):
        with pytest.raises(SpikesoundError, match=complaint):
            source(own, table(tmp_path / "x.csv", header, "a.wav,x,0")).listing()
    with pytest.raises(SpikesoundError, match=r"none\.csv: no such file"):
        source(own, tmp_path / "none.csv").listing()


@pytest.mark.parametrize("header", ["File,Label", "FILENAME , class", "path,LABEL"])
def test_columns_may_have_the_names_that_others_give_them(
    own: Path, tmp_path: Path, header: str
) -> None:
    csv = table(tmp_path / "x.csv", header, "rain/a.wav,rain", "Dog bark/a.wav,dog")
    clips, rejected = frames(source(own, csv))
    assert rejected.empty
    assert sorted(clips["recording"]) == ["Dog bark/a.wav", "rain/a.wav"]


def test_a_column_of_its_own_name_goes_before_an_alias(own: Path, tmp_path: Path) -> None:
    header = "path,class,file,label"
    csv = table(tmp_path / "x.csv", header, "x,x,rain/a.wav,rain", "y,y,Dog bark/a.wav,dog")
    clips, _ = frames(source(own, csv))
    assert [list(row) for row in clips["labels"]] == [["dog"], ["rain"]]


def test_rows_that_differ_in_the_label_alone_are_one_clip(own: Path, tmp_path: Path) -> None:
    csv = table(
        tmp_path / "x.csv",
        "file,label,start_s,end_s",
        "rain/a.wav,rain,0,0.5",
        "Dog bark/a.wav,dog,,",
        'rain/a.wav,"storm,wind",0,0.5',
        "rain/a.wav,rain,0.25,0.5",
        "rain/a.wav,wind,0,0.5",
    )
    clips, rejected = frames(source(own, csv))
    assert [list(row) for row in clips["labels"]] == [["dog"], ["rain", "storm", "wind"], ["rain"]]
    assert rejected[["line", "reason"]].to_numpy().tolist() == [
        [6, "duplicate: the clip stands at line 2 already"]
    ]


def test_fewer_recordings_than_folds_are_named(own: Path) -> None:
    assert len(frames(source(own, folds=4))[0]) == 4
    with pytest.raises(
        SpikesoundError,
        match=r"^sources\.folder\.folds: 5 folds for 4 recordings leave some empty; .* at most 4",
    ):
        source(own, folds=5).listing()


def test_folds_are_dealt_by_recording(own: Path, tmp_path: Path) -> None:
    rows = [f"rain/a.wav,{'xy'[n % 2]},{n / 100},0.5,r{n // 2}" for n in range(12)]
    csv = table(tmp_path / "x.csv", "file,label,start_s,end_s,recording", *rows)
    clips, rejected = frames(source(own, csv, folds=3))
    assert rejected.empty
    assert clips.groupby("recording")["fold"].nunique().max() == 1
    assert clips["fold"].value_counts().to_dict() == {"1": 4, "2": 4, "3": 4}


@pytest.mark.slow
@given(
    st.dictionaries(st.text(max_size=5), st.sets(st.sampled_from("abc"), min_size=1), max_size=60),
    st.integers(2, 10),
)
def test_dealt_folds_are_even_in_every_combination(labels: dict[str, set[str]], folds: int) -> None:
    dealt = deal(labels, folds)
    assert dealt == deal(dict(reversed(labels.items())), folds)
    names = [str(n + 1) for n in range(folds)]
    for chosen in [labels, *({k: v for k, v in labels.items() if v == c} for c in labels.values())]:
        counts = Counter(dealt[name] for name in chosen)
        sizes = [counts[name] for name in names]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == len(chosen)


@pytest.mark.slow
@given(st.lists(st.text(min_size=1, max_size=30), unique=True, max_size=20))
def test_media_ids_are_safe_and_distinct(files: list[str]) -> None:
    made = [media_id_of(file) for file in files]
    assert all(SAFE_NAME.fullmatch(name) for name in made)
    assert len(set(made)) == len(files)


@pytest.mark.slow
def test_sound_is_measured_and_read_under_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    whole = wav(tmp_path / "a.wav", 2.0)
    for name in (b"\xfc.wav", b"\xfc.m4a"):
        target = os.fsencode(tmp_path) + b"/" + name
        subprocess.run([ffmpeg_binary(), "-v", "error", "-i", whole, target], check=True)
        path = Path(os.fsdecode(target))
        assert length_s(path) == pytest.approx(2.0, abs=0.15)
        samples = sum(len(block) for block in blocks(path, 8000))
        assert samples == pytest.approx(16000, abs=1200)
    (tmp_path / "noise").mkdir()
    shutil.copy(whole, os.fsencode(tmp_path) + b"/noise/\xfc.wav")
    (tmp_path / "noise" / "._a.wav").write_bytes(b"no sound")
    assert len(read_recordings(tmp_path / "noise", 8000)) == 1


@pytest.mark.slow
def test_a_format_that_libsndfile_cannot_read_is_measured_by_ffmpeg(tmp_path: Path) -> None:
    whole = wav(tmp_path / "a.wav", 2.0)
    for name in ("a.m4a", "a.wma"):
        command = [ffmpeg_binary(), "-v", "error", "-i", whole, tmp_path / name]
        subprocess.run(command, check=True)
        assert length_s(tmp_path / name) == pytest.approx(2.0, abs=0.15)
    (tmp_path / "b.m4a").write_bytes(b"no sound")
    assert str(length_s(tmp_path / "b.m4a")).startswith("no sound can be read from it: ")
    assert length_s(wav(tmp_path / "empty.wav", 0.0)) == "no sound in it"


@pytest.mark.slow
def test_films_and_wma_become_clips_as_long_as_they_are_listed(tmp_path: Path) -> None:
    """Sound that begins 0.1 s or more after the picture, and WMA, once were ``too_short``."""
    (tmp_path / "own/a").mkdir(parents=True)
    for name in ("film.mp4", "film.mkv", "film.mov", "film.webm", "film.wmv"):
        film(tmp_path / "own/a" / name, 0.5)
    encoded(tmp_path / "own/a/sound.wma")
    made = source(tmp_path / "own")
    clips, rejected = frames(made)
    assert rejected.empty
    params = Params.load(ROOT / "params.yaml").download.model_copy(update={"rate_hz": RATE_HZ})
    status = download(clips, made.locate, params, Store(tmp_path / "s"), tmp_path / "audio")
    assert (status["state"] == "ok").all(), status["reason"].tolist()
    for clip_id, samples, _ in read_audio(tmp_path / "audio"):
        after_s = 0.5 if "film" in clip_id else 0.0
        assert begins_s(samples) == pytest.approx(after_s, abs=0.035)


def test_a_damaged_file_is_rejected_with_the_words_of_predict(own: Path) -> None:
    encoded(own / "rain/whole.opus")
    content = (own / "rain/whole.opus").read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    (own / "rain/damaged.opus").write_bytes(flipped)
    clips, rejected = frames(source(own))
    assert len(clips) == 5
    [reason] = rejected["reason"]
    with pytest.raises(SpikesoundError) as error:
        list(blocks(own / "rain/damaged.opus", RATE_HZ))
    assert reason == str(error.value).replace(f"{own}/", "")
    assert reason.startswith("rain/damaged.opus: damaged: ")
