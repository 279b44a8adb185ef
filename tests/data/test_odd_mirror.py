"""Downloads from servers that answer oddly: no clip in a wrong state, and no wrong sound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import fetch_all as program
import pytest
from fetch_all import RATE_HZ, SOUNDS, fetch_all, parameters, steady, whole
from odd_mirror import FAULTS, LASTING, PASSING, OddMirror

from spikesound.core.schema import STATUS, read_table

NAMES = steady(2 * len(FAULTS))
GOOD = NAMES[: len(FAULTS)]
FAULTY = dict(zip(NAMES[len(FAULTS) :], FAULTS, strict=True))
CLIPS = [(name, 0.5, 4.0) for name in NAMES]
EXPECTED = {name: LASTING[fault][1] if fault in LASTING else "ok" for name, fault in FAULTY.items()}


def mirror() -> OddMirror:
    return OddMirror({name: (SOUNDS / f"{name}.ogg").read_bytes() for name in NAMES}, FAULTY)


def check(out: Path) -> None:
    status = read_table(out / "status.parquet", STATUS)
    found = {
        FAULTY.get(name, "none"): (state, reason)
        for name, state, reason in zip(NAMES, status["state"], status["reason"], strict=True)
        if state != EXPECTED.get(name, "ok")
    }
    assert not found
    assert whole(out, CLIPS) == status.loc[status["state"] == "ok", "clip_id"].tolist()


def lying(store: Path) -> list[str]:
    return [path.suffix for path in (store / "recordings").iterdir()]


@pytest.mark.slow
def test_every_fault_of_a_server_ends_in_the_right_state_with_the_right_sound(
    tmp_path: Path,
) -> None:
    params = parameters(workers=8, backoff_s=0.02, rate_hz=RATE_HZ, timeout_s=2.0, attempts=4)
    with mirror() as server:
        go = lambda: fetch_all(  # noqa: E731
            CLIPS, server.url + "/{media_id}.ogg", params, tmp_path / "s", tmp_path / "o"
        )
        go()
        check(tmp_path / "o")
        assert {server.asked[name] for name in GOOD} == {1}
        assert lying(tmp_path / "s") == [".part"], "of the one whose length is too great"
        before = server.asked.copy()
        go()
        again = {FAULTY.get(name, "none") for name in NAMES if server.asked[name] > before[name]}
    assert again == {fault for fault, (_, state) in LASTING.items() if state == "failed"}
    assert set(PASSING) | set(LASTING) == set(FAULTS)


@pytest.mark.slow
def test_two_runs_with_one_store_at_once_share_the_work(tmp_path: Path) -> None:
    params = parameters(workers=8, backoff_s=0.02, rate_hz=RATE_HZ, timeout_s=2.0, attempts=4)
    with mirror() as server:
        runs = []
        for run in ("a", "b"):
            job = {
                "clips": CLIPS,
                "address": server.url + "/{media_id}.ogg",
                "params": params.model_dump(),
                "store": str(tmp_path / "store"),
                "out": str(tmp_path / run),
            }
            file = tmp_path / f"{run}.json"
            file.write_text(json.dumps(job), encoding="utf-8")
            command = [sys.executable, program.__file__, str(file)]
            runs.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        assert [run.wait(timeout=120) for run in runs] == [0, 0]
        for run in ("a", "b"):
            check(tmp_path / run)
        asked = {server.asked[name] for name in GOOD}
    assert asked == {1}, "what one run has fetched the other does not ask for"
    assert lying(tmp_path / "store") == [".part"]
