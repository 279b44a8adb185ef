"""The mirror that downloads are tested against does what its plan says, and tells what it did."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import read_log
from mirror import FAULTS, Mirror, Pace, Plan
from project import ROOT

FOLDER = ROOT / "data/esc10/audio"
NAME = "1-100032-A.ogg"
WHOLE = (FOLDER / NAME).read_bytes()
QUICK = Pace(bytes_per_s=None, latency_s=0.0, drip_s=0.2, retry_after_s=1)


def ask(
    url: str, method: str = "GET", timeout_s: float = 5.0, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, method=method, headers=names)
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def one_fault(fault: str, names: int = 8) -> tuple[dict[str, Path], Plan]:
    """Return recordings that all suffer the fault, and their plan."""
    recordings = {f"{number}.ogg": FOLDER / NAME for number in range(names)}
    return recordings, Plan(recordings, faults={fault: 1.0})


def test_a_recording_comes_whole_in_parts_and_as_headers_alone() -> None:
    with Mirror(FOLDER, pace=QUICK) as mirror:
        url = mirror.address(NAME)
        status, headers, body = ask(url)
        assert (status, body) == (200, WHOLE)
        assert headers["Content-Type"] == "audio/ogg"
        assert headers["Content-Length"] == str(len(WHOLE))
        status, headers, body = ask(url, "HEAD")
        assert (status, headers["Content-Length"], body) == (200, str(len(WHOLE)), b"")
        status, headers, body = ask(url, Range="bytes=100-199")
        assert (status, body) == (206, WHOLE[100:200])
        assert headers["Content-Range"] == f"bytes 100-199/{len(WHOLE)}"
        assert ask(url, Range="bytes=13000-")[2] == WHOLE[13000:]
        assert ask(url, Range="bytes=-7")[2] == WHOLE[-7:]
        assert ask(url, Range=f"bytes={len(WHOLE)}-")[0] == 416
        tag = headers["ETag"]
        assert ask(url, Range="bytes=5-", If_Range=tag)[2] == WHOLE[5:]
        assert ask(url, Range="bytes=5-", If_Range='"another"')[::2] == (200, WHOLE)
        assert ask(mirror.address("nothing.ogg"))[0] == 404
        assert ask(url, "DELETE")[0] == 405


def test_one_connection_carries_many_requests() -> None:
    with Mirror(FOLDER, pace=QUICK) as mirror:
        connection = http.client.HTTPConnection(mirror.url.removeprefix("http://"), timeout=5)
        connection.connect()
        before = connection.sock
        for _ in range(3):
            connection.request("GET", f"/{NAME}")
            assert connection.getresponse().read() == WHOLE
            assert connection.sock is before
        connection.close()


@pytest.mark.slow
@given(
    names=st.sets(st.text("abc123", min_size=1), max_size=60),
    seed=st.integers(0, 9),
    removed=st.floats(0.0, 0.5),
)
def test_a_plan_hangs_on_names_and_seed_alone(names: set[str], seed: int, removed: float) -> None:
    faults = {"removed": removed, "busy": 0.3}
    plan, again = Plan(sorted(names), seed, faults), Plan(sorted(names)[::-1], seed, faults)
    assert [plan.fault(name) for name in names] == [again.fault(name) for name in names]
    found = Counter(plan.expected(name) for name in names)
    assert found["removed"] == round(removed * len(names))
    assert found["ok"] == len(names) - found["removed"]
    assert {plan.times(name) for name in names if plan.fault(name) == "busy"} <= {1, 2}


def test_each_fault_has_its_share_and_another_seed_takes_others() -> None:
    names = [path.name for path in FOLDER.iterdir()]
    plan, other = Plan(names, seed=1), Plan(names, seed=2)
    counts = Counter(plan.fault(name) for name in names)
    assert counts == {"": 308} | {fault: round(share * 400) for fault, share in FAULTS.items()}
    assert {name for name in names if plan.fault(name)} != {
        name for name in names if other.fault(name)
    }


def test_a_busy_recording_says_when_to_come_again_and_is_then_well() -> None:
    recordings, plan = one_fault("busy")
    with Mirror(recordings, plan=plan, pace=QUICK) as mirror:
        for name in recordings:
            url = mirror.address(name)
            replies = [ask(url) for _ in range(plan.times(name) + 1)]
            assert [status for status, _, _ in replies] == [429] * plan.times(name) + [200]
            assert replies[0][1]["Retry-After"] == "1"
            assert replies[-1][2] == WHOLE
            if plan.times(name) == 2:
                date = parsedate_to_datetime(replies[1][1]["Retry-After"])
                assert -1.5 < date.timestamp() - time.time() < 1.5
        assert {plan.times(name) for name in recordings} == {1, 2}


def test_a_removed_recording_stays_removed() -> None:
    recordings, plan = one_fault("removed")
    with Mirror(recordings, plan=plan, pace=QUICK) as mirror:
        found = [ask(mirror.address(name))[0] for name in recordings for _ in range(3)]
        assert set(found) == {404, 410}
        assert {plan.expected(name) for name in recordings} == {"removed"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [("reset", ConnectionResetError), ("truncated", http.client.IncompleteRead)],
)
def test_a_broken_body_breaks_once(fault: str, error: type[Exception]) -> None:
    recordings, plan = one_fault(fault, names=1)
    with Mirror(recordings, plan=plan, pace=QUICK) as mirror:
        assert ask(mirror.address("0.ogg"), "HEAD")[0] == 200  # does not use the fault up
        with pytest.raises(error):
            ask(mirror.address("0.ogg"))
        assert ask(mirror.address("0.ogg"))[2] == WHOLE
    _, broken, well = sorted(mirror.entries, key=lambda entry: entry.t_s)
    assert (broken.fault, broken.complete, broken.bytes) == (fault, False, len(WHOLE) // 2)
    assert (well.fault, well.complete, well.bytes) == ("", True, len(WHOLE))


@pytest.mark.slow
def test_a_slow_body_outlasts_a_client_that_waits_for_the_whole() -> None:
    recordings, plan = one_fault("slow", names=1)
    with Mirror(recordings, plan=plan, pace=QUICK) as mirror:
        with socket.create_connection(("127.0.0.1", int(mirror.url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /0.ogg HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.9)
            got = client.recv(1 << 20)
        body = got.partition(b"\r\n\r\n")[2]
        assert f"Content-Length: {len(WHOLE)}".encode() in got
        assert 3 <= len(body) <= 5  # a byte each 0.2 s
        assert ask(mirror.address("0.ogg"))[2] == WHOLE
    assert [
        (entry.fault, entry.complete) for entry in sorted(mirror.entries, key=lambda e: e.t_s)
    ] == [("slow", False), ("", True)]


@pytest.mark.slow
def test_the_pace_is_kept_by_each_connection() -> None:
    pace = Pace(bytes_per_s=len(WHOLE), latency_s=0.2)
    recordings = {f"{number}.ogg": FOLDER / NAME for number in range(16)}
    with Mirror(recordings, pace=pace) as mirror, ThreadPoolExecutor(16) as pool:
        began_s = time.monotonic()
        found = list(pool.map(lambda name: ask(mirror.address(name))[2], recordings))
        seconds = time.monotonic() - began_s
        assert found == [WHOLE] * 16
        assert 1.2 <= seconds < 2.5
        assert mirror.peak == 16


def test_traps_are_served_with_and_without_an_ending() -> None:
    with Mirror(FOLDER, pace=QUICK) as mirror:
        client = http.client.HTTPConnection(mirror.url.removeprefix("http://"), timeout=5)

        def look(path: str) -> tuple[int, str | None, bytes]:
            client.request("GET", path)
            reply = client.getresponse()
            return reply.status, reply.headers["Location"], reply.read()

        assert look("/redirect-file") == look("/redirect-file.ogg")
        assert look("/redirect-file")[:2] == (302, "file:///etc/passwd")
        assert look("/redirect-loop")[:2] == (302, "/redirect-loop")
        assert b"file:///etc/passwd" in look("/playlist.ogg")[2]
        assert look("/page.ogg")[2].startswith(b"<!doctype html>")
        assert look("/empty.ogg")[::2] == (200, b"")
        client.close()


@pytest.mark.slow
def test_a_mirror_of_its_own_process_logs_what_killed_clients_asked(tmp_path: Path) -> None:
    port_file, log = tmp_path / "port", tmp_path / "log.jsonl"
    command = [sys.executable, str(ROOT / "tests/support/mirror.py"), "--folder", str(FOLDER)]
    command += ["--port-file", str(port_file), "--log", str(log), "--seed", "1"]
    command += ["--latency-s", "0", "--bytes-per-s", "20000"]
    plan = Plan([path.name for path in FOLDER.iterdir()], 1)
    name = next(
        path.name
        for path in sorted(FOLDER.iterdir())
        if not plan.fault(path.name) and path.stat().st_size > 60_000
    )
    with subprocess.Popen(command) as server:
        try:
            while not port_file.exists():
                assert server.poll() is None
                time.sleep(0.05)
            url = f"http://127.0.0.1:{port_file.read_text()}/{name}"
            fetch = f"import urllib.request as r; r.urlopen({url!r}).read()"
            client = subprocess.Popen([sys.executable, "-c", fetch])
            time.sleep(1.0)
            client.send_signal(signal.SIGKILL)
            client.wait()
            until_s = time.monotonic() + 5.0
            while not read_log(log) and time.monotonic() < until_s:
                time.sleep(0.05)
        finally:
            server.terminate()
    (entry,) = read_log(log)
    assert (entry.method, entry.path, entry.complete) == ("GET", f"/{name}", False)
    assert entry.bytes < (FOLDER / name).stat().st_size
