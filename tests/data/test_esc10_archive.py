"""ESC-10 where its files are not in the checkout: from ESC-50's archive, by address and hash."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from collections_made import esc50, wav
from loopback import Answer, Loopback
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.audioset import read_segments
from spikesound.data.ontology import Ontology
from spikesound.data.sources.esc10 import LABELS, Esc10
from spikesound.data.sources.folds import read_folds
from spikesound.data.sources.scenes import Scenes
from spikesound.params import Params, RemoteFile

ONTOLOGY = Ontology.load(ROOT / "data/audioset/ontology.json")


@pytest.fixture
def server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Loopback, RemoteFile]]:
    """A server of a small ESC-50, for a folder that has nothing of it."""
    top = esc50(tmp_path / "made" / "ESC-50-master")
    for path in [*(top / "audio").iterdir(), top / "audio/1-999-A-49.wav"]:
        wav(path, 5.0)
    with (top / "meta/esc50.csv").open("a") as table:
        table.write("1-999-A-49.wav,1,49,hand_saw,False,999,A\n")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "made", arcname=".")
    content = (tmp_path / "x.tar.gz").read_bytes()
    shutil.rmtree(tmp_path / "made")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    digest = hashlib.sha256(content).hexdigest()
    with Loopback(lambda _: Answer(body=content), bytes_per_s=None, latency_s=0) as served:
        yield served, RemoteFile(url=f"{served.url}/x.tar.gz", hash=f"sha256:{digest}")


def test_the_labels_are_those_of_the_repository() -> None:
    segments, _ = read_segments(ROOT / "data/esc10/segments.csv")
    assert set(LABELS.values()) == {
        label for row in segments["labels"].to_pylist() for label in row
    }
    names = [ONTOLOGY.name(LABELS[key]) for key in ("clock_tick", "rooster", "crackling_fire")]
    assert names == ["Tick-tock", "Crowing, cock-a-doodle-doo", "Crackle"]


def test_lists_and_recordings_come_from_the_archive(
    server: tuple[Loopback, RemoteFile], params: Params, tmp_path: Path
) -> None:
    section = params.sources.esc10.model_copy(update={"archive": server[1]})
    source = Esc10(section, ONTOLOGY, tmp_path / "cache")
    clips = source.listing().clips.to_pylist()
    assert len(clips) == 10, "and not the one that is no part of ESC-10"
    first = clips[0]
    assert (first["media_id"], first["recording"], first["fold"]) == ("1-100-A", "100", "1")
    assert (first["start_s"], first["end_s"], first["labels"]) == (
        0.0,
        5.0,
        [LABELS["crying_baby"]],
    )
    assert source.listing().rejected.num_rows == 0
    again = Esc10(section, Ontology({}, {}), tmp_path / "cache")
    places = [Path(again.locate(clip["media_id"])) for clip in clips]
    assert all(place.is_file() for place in places)
    assert places[0].name == "1-100-A-0.wav"
    assert len(server[0].entries) == 1
    with pytest.raises(SpikesoundError, match="ESC-50 has no recording '1-999-A'"):
        again.locate("1-999-A")


def test_recordings_alone_come_from_the_archive(
    server: tuple[Loopback, RemoteFile], params: Params, tmp_path: Path
) -> None:
    (tmp_path / "empty/data/esc10").mkdir(parents=True)
    Path("data/esc10/segments.csv").write_text('2-200-A, 0, 4.5, "/m/06mb1"\n')
    Path("data/esc10/folds.csv").write_text("media_id,fold\n2-200-A,own\n")
    section = params.sources.esc10.model_copy(update={"archive": server[1]})
    source = Esc10(section, ONTOLOGY, tmp_path / "cache")
    (clip,) = source.listing().clips.to_pylist()
    assert (clip["end_s"], clip["fold"], clip["labels"]) == (4.5, "own", ["/m/06mb1"])
    assert server[0].entries == [], "for lists that are here nothing is fetched"
    assert Path(source.locate("2-200-A")).name == "2-200-A-0.wav"
    assert len(server[0].entries) == 1


def test_what_is_here_is_used_and_nothing_fetched(params: Params, tmp_path: Path) -> None:
    here = {
        "segments": {"*": str(ROOT / "data/esc10/segments.csv")},
        "folds": str(ROOT / "data/esc10/folds.csv"),
        "mirror": str(ROOT / "data/esc10/audio/{media_id}.ogg"),
        "archive": RemoteFile(url="http://127.0.0.1:9/x.zip", hash=None),
    }
    source = Esc10(params.sources.esc10.model_copy(update=here), ONTOLOGY, tmp_path)
    assert source.listing().clips.num_rows == 400
    assert source.locate("1-100032-A") == str(ROOT / "data/esc10/audio/1-100032-A.ogg")
    folds = read_folds(ROOT / "data/esc10/folds.csv")
    assert len(source.files()) == 2 + len(folds)


def test_another_hash_or_no_archive_is_an_error(
    server: tuple[Loopback, RemoteFile], params: Params, tmp_path: Path
) -> None:
    other = RemoteFile(url=server[1].url, hash=f"md5:{'0' * 32}")
    section = params.sources.esc10.model_copy(update={"archive": other})
    with pytest.raises(SpikesoundError, match=r"expected hash md5:0000.*, got md5:"):
        Esc10(section, ONTOLOGY, tmp_path / "cache").listing()
    none = section.model_copy(update={"archive": None})
    with pytest.raises(SpikesoundError, match=r"data/esc10/segments\.csv: no such file"):
        Esc10(none, ONTOLOGY, tmp_path / "cache").listing()


@pytest.mark.slow
def test_scenes_are_mixed_of_what_the_archive_has(
    server: tuple[Loopback, RemoteFile], params: Params, tmp_path: Path
) -> None:
    section = params.sources.scenes
    recordings = section.recordings.model_copy(update={"archive": server[1]})
    changes = {
        "recordings": recordings,
        "backgrounds": ["Bark"],
        "events": [1, 1],
        "scenes_per_fold": 1,
    }
    source = Scenes(section.model_copy(update=changes), ONTOLOGY, tmp_path / "cache")
    clips = source.listing().clips.to_pylist()
    assert Path(source.locate(clips[0]["media_id"])).is_file()
    assert {label for clip in clips for label in clip["labels"]} <= {LABELS["crying_baby"]}
