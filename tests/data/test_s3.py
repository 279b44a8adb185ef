"""Store, sound and features on a server that speaks S3's protocol, beside the same on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest
from fetch_all import SOUNDS, fetch_all, parameters, steady, whole
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from sounds import Sounds, content, small
from upath import UPath

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.data.audio_shards import STATUS_FILE, clear, read_audio
from spikesound.data.executor import executor
from spikesound.data.store import Store, digest
from spikesound.features import normalisation
from spikesound.features.shards import Shards
from spikesound.params import FeatureParams, Params

KEY = digest("a")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    # Whatever credentials there are on this machine, these go to the server below.
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (keys | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def bucket(endpoint: str, request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """A bucket of the test's own."""
    name = f"test-{abs(hash(request.node.name))}"
    fsspec.filesystem("s3", endpoint_url=endpoint).mkdir(name)
    return UPath(f"s3://{name}", endpoint_url=endpoint)


@pytest.fixture
def features(params: Params) -> FeatureParams:
    return small(params.features)


def objects(bucket: UPath) -> dict[str, int]:
    """Ask the server itself, past every cache."""
    client = boto3.client("s3", endpoint_url=bucket.storage_options["endpoint_url"])
    answer = client.list_objects_v2(Bucket=bucket.path.strip("/").partition("/")[0])
    return {entry["Key"]: entry["Size"] for entry in answer.get("Contents", [])}


@pytest.mark.slow
def test_what_is_put_is_got(bucket: UPath) -> None:
    store = Store(bucket / "store")
    assert (store.get(KEY), store.size(KEY), store.read(KEY)) == (None, None, None)
    path = store.put(KEY, b"sound")
    assert path.read_bytes() == b"sound"
    assert (store.size(KEY), store.read(KEY)) == (5, b"sound")
    store.put(KEY, b"other sound")
    assert store.read(KEY) == b"other sound"
    assert objects(bucket) == {f"store/{KEY[:2]}/{KEY[2:4]}/{KEY}": 11}


@pytest.mark.slow
def test_a_large_piece_comes_back_whole(bucket: UPath) -> None:
    large = os.urandom(120_000_000)  # in several parts
    store = Store(bucket / "store")
    store.put(KEY, large)
    assert store.read(KEY) == large


class Died(Exception):
    """The connection, or this process, is gone."""


@pytest.mark.slow
@pytest.mark.parametrize("size", [1000, 120_000_000])
def test_a_put_that_dies_in_the_middle_leaves_no_object(
    bucket: UPath, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    call = S3FileSystem._call_s3

    async def dying(self: S3FileSystem, method: str, *args: object, **kwargs: object) -> object:
        calls.append(method)
        if method == "put_object" or calls.count("upload_part") > 1:
            raise Died
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", dying)
    store = Store(bucket / "store")
    with pytest.raises(Died):
        store.put(KEY, bytes(size))
    assert calls
    monkeypatch.undo()
    assert objects(bucket) == {}
    assert store.read(KEY) is None


@pytest.mark.slow
def test_a_file_that_is_given_up_while_it_is_made_leaves_no_object(bucket: UPath) -> None:
    with pytest.raises(KeyboardInterrupt):
        give_up(bucket / "half")
    assert objects(bucket) == {}


def give_up(path: Path) -> None:
    with written_aside(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


@pytest.mark.slow
def test_features_there_are_those_here_byte_for_byte(
    bucket: UPath, tmp_path: Path, features: FeatureParams
) -> None:
    here = Sounds(tmp_path, 13)
    here.extract(features, tmp_path)
    there = Sounds(bucket / "project", 13)
    assert content(there.audio) == content(here.audio)
    outcome = there.extract(features, bucket / "project")
    assert (outcome.computed, outcome.kept) == (13, 0)
    folder = bucket / "project" / "features"
    assert content(folder) == content(tmp_path / "features")
    assert len(content(folder)) == 8  # index, ranges, spec, cleaning, four shards
    again = there.extract(features, bucket / "project")
    assert (again.computed, again.kept) == (0, 13)
    assert content(folder) == content(tmp_path / "features")


@pytest.mark.slow
def test_shards_and_ranges_there_are_read_as_here(
    bucket: UPath, tmp_path: Path, features: FeatureParams
) -> None:
    sounds = Sounds(bucket, 9)
    sounds.extract(features, bucket)
    shards = Shards(bucket / "features")
    Sounds(tmp_path, 9).extract(features, tmp_path)
    assert (shards.load(["clip-7", "clip-2"]) == shards.load()[[7, 2]]).all()
    assert (shards.load() == Shards(tmp_path / "features").load()).all()
    low, high = normalisation.load(bucket / "features" / "normalisation.json", "1")
    assert (low < high).all()
    with pytest.raises(SpikesoundError, match=r"unknown fold in s3://.*normalisation\.json"):
        normalisation.load(bucket / "features" / "normalisation.json", "9")
    (bucket / "features" / "shard-00001.npz").unlink()
    with pytest.raises(SpikesoundError, match=r"s3://.*shard-00001\.npz: missing"):
        Shards(bucket / "features").load()


@pytest.mark.slow
def test_fewer_shards_leave_none_of_the_earlier_run(bucket: UPath, features: FeatureParams) -> None:
    sounds = Sounds(bucket, 9)
    sounds.extract(features, bucket)
    sounds.extract(features, bucket, sounds.without("clip-8"))
    shards = [name for name in objects(bucket) if "features/shard" in name]
    assert shards == ["features/shard-00000.npz", "features/shard-00001.npz"]


@pytest.mark.slow
def test_an_audio_folder_there_is_read_and_cleared(bucket: UPath) -> None:
    sounds = Sounds(bucket, 7)
    assert {clip_id for clip_id, _, _ in read_audio(sounds.audio)} == set(sounds.flacs)
    clear(sounds.audio)
    assert list(objects(bucket)) == ["clips.parquet"]
    with pytest.raises(SpikesoundError, match=f"s3://.*{STATUS_FILE}: no such table"):
        list(read_audio(sounds.audio))


@pytest.mark.slow
def test_threads_share_the_connection(bucket: UPath) -> None:
    store = Store(bucket / "store")
    keys = [digest(n) for n in range(60)]
    with executor(None, 8) as (pool, _):
        list(pool.map(lambda key: store.put(key, key.encode()), keys))
        assert list(pool.map(store.read, keys)) == [key.encode() for key in keys]


@pytest.mark.slow
def test_recordings_in_a_bucket_are_fetched_and_a_missing_one_is_told(
    bucket: UPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(bucket.storage_options["endpoint_url"]))
    ids = [*steady(3), "gone"]
    for name in ids[:3]:
        (bucket / "sounds" / f"{name}.ogg").write_bytes((SOUNDS / f"{name}.ogg").read_bytes())
    clips = [(name, 0.5, 2.0) for name in ids]
    address = f"s3://{bucket.drive}/sounds/{{media_id}}.ogg"
    go = lambda: fetch_all(clips, address, parameters(), tmp_path / "store", tmp_path / "out")  # noqa: E731
    assert go()["state"].tolist() == ["ok", "ok", "ok", "unavailable"]
    assert len(whole(tmp_path / "out", clips)) == 3
    other = (SOUNDS / f"{ids[1]}.ogg").read_bytes()
    (bucket / "sounds" / f"{ids[0]}.ogg").write_bytes(other)
    status = go().set_index("clip_id")
    first, second = (f"{name}_500" for name in ids[:2])
    assert status.loc[first, "sha256"] == status.loc[second, "sha256"], "another object, cut anew"
