"""Downloads from a slow and faulty mirror by yt-dlp: right states, whole sound, resumption."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from fetch_all import (
    RATE_HZ,
    SOUNDS,
    Killed,
    clips_of,
    fetch_all,
    name_of,
    parameters,
    steady,
    whole,
)
from mirror import SPECIAL, Mirror, Pace, Plan
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import STATUS, read_table
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.fetch import policy
from spikesound.data.fetch.rates import Rates
from spikesound.data.fetch.recording import Recording, place_of
from spikesound.data.store import Store, digest

pytestmark = pytest.mark.slow

FAST = Pace(bytes_per_s=None, latency_s=0.0, drip_s=0.3, retry_after_s=0)


def mirror_of(media_ids: list[str], **more: object) -> Mirror:
    return Mirror({f"{name}.ogg": SOUNDS / f"{name}.ogg" for name in media_ids}, **more)  # type: ignore[arg-type]


def requests(mirror: Mirror) -> Counter[str]:
    return Counter(entry.path.removeprefix("/").removesuffix(".ogg") for entry in mirror.entries)


def test_every_fault_ends_in_the_right_state_with_whole_sound(tmp_path: Path) -> None:
    media_ids = steady(60)
    faults = {"busy": 0.2, "reset": 0.1, "removed": 0.1, "truncated": 0.1, "slow": 0.05}
    plan = Plan([f"{name}.ogg" for name in media_ids], 3, faults)
    clips = [(name, 0.5, 4.0) for name in media_ids]
    params = parameters(workers=16, timeout_s=1.0, backoff_s=0.05, rate_hz=RATE_HZ)
    with mirror_of(media_ids, plan=plan, pace=FAST) as mirror:
        status = fetch_all(
            clips, mirror.url + "/{media_id}.ogg", params, tmp_path / "s", tmp_path / "o"
        )
    expected = {name: plan.expected(f"{name}.ogg") for name in media_ids}
    found = dict(zip(media_ids, status["state"], strict=True))
    assert found == expected
    assert Counter(found.values()) == {"ok": 54, "removed": 6}
    kept = whole(tmp_path / "o", clips)
    assert kept == status.loc[status["state"] == "ok", "clip_id"].tolist()
    gone = status[status["state"] == "removed"]
    assert gone["reason"].str.contains("HTTP Error 404: Not Found|HTTP Error 410: Gone").all()
    assert (gone["attempts"] == 1).all(), "what is gone is not asked for again"
    hit = [plan.times(f"{name}.ogg") > 0 for name in media_ids]
    assert (status.loc[hit, "attempts"] > 1).all()
    assert (status.loc[[not one for one in hit], "attempts"] == 1).all()
    assert not list((tmp_path / "s/recordings").iterdir()), "no recording is left lying about"


def test_the_same_bytes_come_of_any_number_of_workers(tmp_path: Path) -> None:
    clips = [(name, 0.0, 2.0) for name in steady(12)]
    shards = []
    with mirror_of([name for name, _, _ in clips], pace=FAST) as mirror:
        for workers in (1, 8):
            out = tmp_path / f"out-{workers}"
            store = tmp_path / f"store-{workers}"
            fetch_all(
                clips, mirror.url + "/{media_id}.ogg", parameters(workers=workers), store, out
            )
            shards.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert shards[0] == shards[1]


def test_a_second_run_asks_for_nothing_and_a_longer_list_only_for_what_is_new(
    tmp_path: Path,
) -> None:
    media_ids = steady(10)
    plan = Plan([f"{name}.ogg" for name in media_ids[:8]], 3, {"removed": 0.25})
    clips = [(name, 0.0, 2.0) for name in media_ids]
    with mirror_of(media_ids, plan=plan, pace=FAST) as mirror:
        go = lambda some, **more: fetch_all(  # noqa: E731
            some, mirror.url + "/{media_id}.ogg", parameters(**more), tmp_path / "s", tmp_path / "o"
        )
        first = go(clips[:8])
        asked = requests(mirror)
        assert set(asked.values()) == {1}
        pd.testing.assert_frame_equal(
            go(clips[:8]).drop(columns="attempts"), first.drop(columns="attempts")
        )
        assert requests(mirror) == asked, "neither what is there nor what is known to be gone"
        go(clips)
        assert requests(mirror) - asked == Counter(media_ids[8:])
        go(clips[:8], remember_days=0.0)
        gone = first.loc[first["state"] != "ok", "clip_id"].str.rpartition("_")[0]
        assert requests(mirror) - asked == Counter([*media_ids[8:], *gone])


def test_kept_recordings_are_cropped_anew_without_the_network(tmp_path: Path) -> None:
    media_ids = steady(6)
    clips = [(name, 1.0, 4.0) for name in media_ids]
    with mirror_of(media_ids, pace=FAST) as mirror:
        go = lambda **more: fetch_all(  # noqa: E731
            clips,
            mirror.url + "/{media_id}.ogg",
            parameters(keep_recordings=True, **{"rate_hz": RATE_HZ, **more}),
            tmp_path / "s",
            tmp_path / "o",
        )
        go()
        asked = requests(mirror)
        go(crop_s=0.75)
        assert requests(mirror) == asked
        assert {len(x) for _, x, _ in read_audio(tmp_path / "o")} == {round(0.75 * RATE_HZ)}
        go(crop_s=0.5, rate_hz=16000)
        assert requests(mirror) == asked


def test_a_long_recording_is_fetched_by_section_and_cut_to_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_ids = steady(4)
    clips = [(name, 1.25, 3.5) for name in media_ids]
    with mirror_of(media_ids, pace=FAST) as mirror:
        # Any recording is long on a line that is slow enough.
        slow = Rates(native_bytes_per_s=1e-3, section_s=5.0)
        monkeypatch.setattr(policy, "FIRST_RATES", slow)
        fetch_all(
            clips,
            mirror.url + "/{media_id}.ogg",
            parameters(rate_hz=RATE_HZ),
            tmp_path / "s",
            tmp_path / "o",
        )
        ranged = [entry for entry in mirror.entries if entry.range]
    assert ranged, "ffmpeg asked for parts"
    assert whole(tmp_path / "o", clips) == [f"{name}_1250" for name in media_ids]


def test_cookies_of_a_person_are_in_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = steady(1)[0]
    cookies = tmp_path / "cookies.txt"
    cookies.write_text(
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t2000000000\tSID\tsecret\n"
    )
    commands: list[str] = []
    popen = subprocess.Popen

    def noted(command: list[str], **more: object) -> object:
        commands.append(" ".join(map(str, command)))
        return popen(command, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", noted)
    slow = Rates(native_bytes_per_s=1e-3, section_s=5.0)
    monkeypatch.setattr(policy, "FIRST_RATES", slow)
    with mirror_of([name], pace=FAST) as mirror:
        status = fetch_all(
            [(name, 1.0, 3.0)],
            mirror.url + "/{media_id}.ogg",
            parameters(cookies=str(cookies)),
            tmp_path / "s",
            tmp_path / "o",
        )
    assert status["state"].tolist() == ["ok"]
    assert commands
    assert not [command for command in commands if "secret" in command]


@pytest.mark.parametrize("extra", [b"", b"what is not of this recording"])
def test_a_transfer_that_was_killed_before_it_got_its_name(tmp_path: Path, extra: bytes) -> None:
    name = steady(1)[0]
    clips = [(name, 0.0, 4.0)]
    with mirror_of([name], pace=FAST) as mirror:
        address = mirror.url + "/{media_id}.ogg"
        place = tmp_path / "s/recordings" / digest("recording", address.format(media_id=name))
        place.parent.mkdir(parents=True)
        part = place.with_name(place.name + ".part")
        part.write_bytes((SOUNDS / f"{name}.ogg").read_bytes() + extra)
        params = parameters(backoff_s=0.01)
        status = fetch_all(clips, address, params, tmp_path / "s", tmp_path / "o")
    assert status["state"].tolist() == ["ok"], status["reason"].tolist()
    assert whole(tmp_path / "o", clips) == [f"{name}_0"]
    sent = sum(entry.bytes for entry in mirror.entries)
    assert (sent == 0) == (extra == b""), "what had come whole is not fetched again"


@pytest.mark.parametrize("special", ["redirect-file", "redirect-loop", "playlist", "page", "empty"])
def test_what_would_take_a_client_in_is_refused(tmp_path: Path, special: str) -> None:
    assert special in SPECIAL
    good = steady(1)[0]
    with mirror_of([good], pace=FAST) as mirror:
        status = fetch_all(
            [(special, 0.0, 1.0), (good, 0.0, 1.0)],
            mirror.url + "/{media_id}.ogg",
            parameters(attempts=2, backoff_s=0.01),
            tmp_path / "s",
            tmp_path / "o",
        )
    state = "refused" if special.startswith("redirect") else "failed"
    assert status["state"].tolist() == [state, "ok"], status["reason"].tolist()
    assert "root:" not in (tmp_path / "o/status.parquet").read_bytes().decode("latin-1")


@pytest.mark.parametrize("name", ["a;touch x", "$(touch x)", "a b&c", "`id`", "x%2f..%2fy", "ü"])
def test_an_id_with_characters_of_a_shell_is_only_a_name(tmp_path: Path, name: str) -> None:
    from urllib.parse import quote

    sound = SOUNDS / f"{steady(1)[0]}.ogg"
    with Mirror({f"{name}.ogg": sound}, pace=FAST) as mirror:
        status = download(
            clips_of([(name, 0.0, 1.0)]),
            lambda media_id: mirror.address(quote(f"{media_id}.ogg", safe="")),
            parameters(),
            Store(tmp_path / "s"),
            tmp_path / "o",
        )
    assert status["state"].tolist() == ["ok"]
    assert not list(ROOT.glob("x"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o", "s"]


def test_a_site_that_begins_to_refuse_stops_the_run_with_its_state_kept(tmp_path: Path) -> None:
    media_ids = steady(40)
    plan = Plan([f"{name}.ogg" for name in media_ids[10:]], 1, {"busy": 1.0})
    clips = [(name, 0.0, 1.0) for name in media_ids]
    with mirror_of(media_ids, plan=plan, pace=FAST) as mirror:
        params = parameters(workers=1, stop_after_refusals=5, backoff_s=30.0)
        go = lambda: fetch_all(  # noqa: E731
            clips, mirror.url + "/{media_id}.ogg", params, tmp_path / "s", tmp_path / "o"
        )
        with pytest.raises(SpikesoundError) as error:
            go()
        assert sum(requests(mirror).values()) == 15
        message = str(error.value)
        assert message.startswith("stopped: the site refused 5 times in a row")
        assert "HTTP Error 429" in message
        assert "10 ok, 5 throttled, 25 pending" in message
        status = read_table(tmp_path / "o/status.parquet", STATUS)
        assert Counter(status["state"]) == {"ok": 10, "throttled": 5, "pending": 25}
        mirror.plan = Plan((), faults={})
        assert (go()["state"] == "ok").all()
    assert max(requests(mirror).values()) == 2
    assert all(requests(mirror)[name] == 1 for name in media_ids[:10]), "what was there stayed"


def test_a_run_that_is_killed_again_and_again_loses_and_repeats_nothing(tmp_path: Path) -> None:
    media_ids = steady(48)
    plan = Plan([f"{name}.ogg" for name in media_ids], 5)
    clips = [(name, 0.5, 4.5) for name in media_ids]
    rng = random.Random(4)
    pace = Pace(bytes_per_s=400_000, latency_s=0.05, drip_s=0.3, retry_after_s=0)
    with mirror_of(media_ids, plan=plan, pace=pace) as mirror:
        run = Killed(tmp_path, clips, mirror.url + "/{media_id}.ogg", timeout_s=2.0, backoff_s=0.1)
        seen_complete: list[tuple[float, set[str]]] = []
        for _ in range(3):
            run.kill_after(rng.randint(3, 12))
            seen_complete.append((time.time(), run.complete()))
        assert 0 < run.kept() < len(media_ids)
        assert run.start().wait(timeout=60) == 0
        for when, there in seen_complete:
            late = {name_of(entry.path) for entry in mirror.entries if entry.t_s > when}
            assert there
            assert not late & there, "what was complete is not asked for again"
        status = read_table(run.out / "status.parquet", STATUS)
    assert dict(zip(media_ids, status["state"], strict=True)) == {
        name: plan.expected(f"{name}.ogg") for name in media_ids
    }
    assert whole(run.out, clips) == status.loc[status["state"] == "ok", "clip_id"].tolist()
    assert not list(run.store.glob("recordings/*")), "not even a part is left"


@pytest.mark.parametrize("known", [True, False])
def test_what_a_kill_left_beside_a_whole_recording_goes_too(tmp_path: Path, known: bool) -> None:
    [media_id] = steady(1)
    clips = [(media_id, 0.5, 4.5), (media_id, 1.0, 3.0)]
    store = tmp_path / "store"
    with mirror_of([media_id]) as mirror:
        address = mirror.url + "/{media_id}.ogg"
        place = place_of(
            Recording(media_id, address.format(media_id=media_id), ()), store / "recordings"
        )
        if known:  # killed between the last clip and the removal
            fetch_all(clips, address, parameters(), store, tmp_path / "first")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((SOUNDS / f"{media_id}.ogg").read_bytes())  # or before the note went
        place.with_name(place.name + ".tag").write_text("a version")
        fetch_all(clips, address, parameters(), store, tmp_path / "out")
        assert sum(requests(mirror).values()) == int(known), "the recording was there"
    assert len(whole(tmp_path / "out", clips)) == 2
    assert not list(place.parent.iterdir())
