"""Files from the web: kept when whole and right, asked for again when that may help."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import Answer, Loopback, Request

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources.remote import obtain
from spikesound.params import RemoteFile

BODY = bytes(range(256)) * 400
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()

Serve = Callable[..., Loopback]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives the answers one after another, and the last one from then on."""
    started: list[Loopback] = []

    def start(*answers: Answer) -> Loopback:
        waiting = list(answers)

        def answer(_: Request) -> Answer:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        server = Loopback(answer, bytes_per_s=None, latency_s=0)
        started.append(server.__enter__())
        return server

    yield start
    for server in started:
        server.__exit__()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(BODY)
    assert obtain(str(path), tmp_path / "cache") == path
    assert obtain(RemoteFile(url=str(path), hash=SHA256), tmp_path / "cache") == path
    assert not (tmp_path / "cache").exists()


def test_a_missing_path_and_one_of_another_hash_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"none\.csv: no such file"):
        obtain(str(tmp_path / "none.csv"), tmp_path)
    (tmp_path / "a.csv").write_text("a")
    with pytest.raises(SpikesoundError, match=rf"a\.csv: expected hash {SHA256}, got sha256:ca97"):
        obtain(RemoteFile(url=str(tmp_path / "a.csv"), hash=SHA256), tmp_path)


@pytest.mark.parametrize("hash_", [SHA256, MD5, None])
def test_a_file_is_fetched_once(serve: Serve, tmp_path: Path, hash_: str | None) -> None:
    server = serve(Answer(body=BODY))
    file = RemoteFile(url=f"{server.url}/lists/eval.csv?x=1", hash=hash_)
    first = obtain(file, tmp_path / "cache")
    assert first.read_bytes() == BODY
    assert first.name.endswith("-eval.csv")
    assert obtain(file, tmp_path / "cache") == first
    assert len(server.entries) == 1
    assert names(tmp_path / "cache") == [first.name]


def test_files_of_one_name_from_two_addresses_lie_apart(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(body=b"one"), Answer(body=b"two"))
    one, two = (obtain(f"{server.url}/{part}/list.csv", tmp_path) for part in "ab")
    assert (one.read_bytes(), two.read_bytes()) == (b"one", b"two")


def test_a_file_without_a_hash_is_told_its_own(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(Answer(body=BODY))
    obtain(f"{server.url}/a.csv", tmp_path)
    assert f"{server.url}/a.csv: fetched; hash: {SHA256}\n" in capsys.readouterr().err
    obtain(f"{server.url}/a.csv", tmp_path)
    assert "hash" not in capsys.readouterr().err


def test_another_hash_is_refused_and_nothing_kept(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(body=b"something else"))
    other = "sha256:" + hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(SpikesoundError) as raised:
        obtain(RemoteFile(url=f"{server.url}/a.zip", hash=SHA256), tmp_path)
    assert str(raised.value) == f"{server.url}/a.zip: expected hash {SHA256}, got {other}"
    assert names(tmp_path) == []
    assert len(server.entries) == 1


def test_a_kept_file_that_has_been_damaged_is_fetched_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(body=BODY))
    file = RemoteFile(url=f"{server.url}/a.zip", hash=MD5)
    kept = obtain(file, tmp_path)
    kept.write_bytes(b"half")
    assert obtain(file, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("hash_", ["sha256:abc", "12ab", "crc32:00000000", SHA256.upper()])
def test_what_is_no_hash_is_refused_before_anything_is_fetched(tmp_path: Path, hash_: str) -> None:
    with pytest.raises(SpikesoundError, match=r"^http://127\.0\.0\.1:9/a: expected a hash md5:"):
        obtain(RemoteFile(url="http://127.0.0.1:9/a", hash=hash_), tmp_path)


def test_a_missing_file_is_asked_for_once(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(404, b"sorry"))
    with pytest.raises(SpikesoundError, match=r"/a\.zip: the server answers 404 Not Found$"):
        obtain(f"{server.url}/a.zip", tmp_path)
    assert len(server.entries) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "first", [Answer(503), Answer(429), Answer(body=BODY, fault="truncated"), Answer(500)]
)
def test_a_passing_fault_is_asked_again(serve: Serve, tmp_path: Path, first: Answer) -> None:
    server = serve(first, Answer(body=BODY))
    kept = obtain(f"{server.url}/a.zip", tmp_path, backoff_s=0.01)
    assert kept.read_bytes() == BODY
    assert len(server.entries) == 2


def test_a_body_that_always_breaks_off_is_never_kept(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(body=BODY, fault="truncated"))
    with pytest.raises(SpikesoundError, match=r"/a\.zip: .*\(4 attempts\)$") as raised:
        obtain(f"{server.url}/a.zip", tmp_path, backoff_s=0.01)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == []


@pytest.mark.slow
def test_the_servers_own_wait_is_kept(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(429, headers={"Retry-After": "1"}), Answer(body=BODY))
    began_s = time.monotonic()
    obtain(f"{server.url}/a.zip", tmp_path, backoff_s=0.01)
    assert 1.0 <= time.monotonic() - began_s < 5.0


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"^http://127\.0\.0\.1:9/a: ConnectionError.*\(4 "):
        obtain("http://127.0.0.1:9/a", tmp_path, backoff_s=0.01)


def test_an_address_of_no_known_protocol_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"^gopher://h/a: Unrecognized URL protocol"):
        obtain("gopher://h/a", tmp_path)


@pytest.mark.slow
def test_a_kill_leaves_no_half_file(serve: Serve, tmp_path: Path) -> None:
    server = serve(Answer(body=BODY, bytes_per_s=20_000), Answer(body=BODY))
    url, cache = f"{server.url}/a.zip", tmp_path / "cache"
    code = (
        "import sys; from pathlib import Path; from spikesound.data.sources.remote import obtain;"
        "obtain(sys.argv[1], Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, url, str(cache)])
    deadline_s = time.monotonic() + 60
    while not any(path.stat().st_size for path in cache.glob("*")):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(cache.glob("*-a.zip"))
    assert obtain(url, cache).read_bytes() == BODY
