"""The download: every clip ends in a state, runs can be killed, and bytes do not hang on chance."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from project import ROOT

import spikesound.data.fetch.obtain as module
from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import CLIPS, STATUS, read_table, write_table
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.store import Store
from spikesound.params import Params

RATE_HZ = 8000
PARAMS = Params.load(ROOT / "params.yaml").download.model_copy(
    update={"rate_hz": RATE_HZ, "max_failures": 1.0, "shard_clips": 3}
)
OGG = ROOT / "data/esc10/audio/1-100032-A.ogg"


def noise(seconds: float, seed: int = 0, peak: int = 9000) -> np.ndarray:
    draw = np.random.default_rng(seed).integers(-peak, peak + 1, round(seconds * RATE_HZ))
    return draw.astype(np.int16)


def write_wav(folder: Path, media_id: str, samples: np.ndarray) -> None:
    soundfile.write(folder / f"{media_id}.wav", samples, RATE_HZ, subtype="PCM_16")


def table(*rows: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [(f"{m}_{round(a * 1000)}", m, m, a, b, ["/m/a"], "1") for m, a, b in rows],
        columns=CLIPS.names,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


@pytest.fixture
def run(tmp_path: Path, mirror: Path) -> Callable[..., pd.DataFrame]:
    def go(
        clips: pd.DataFrame, out: str = "audio", store: str = "store", **changes: object
    ) -> pd.DataFrame:
        params = PARAMS.model_copy(update=changes)
        locate = lambda media_id: str(mirror / f"{media_id}.wav")  # noqa: E731
        return download(clips, locate, params, Store(tmp_path / store), tmp_path / out)

    return go


@pytest.fixture
def seven(mirror: Path) -> pd.DataFrame:
    for number in range(7):
        write_wav(mirror, f"r{number}", noise(1.0, number))
    return table(*[(f"r{number}", 0.25, 0.75) for number in range(7)])


@pytest.fixture
def troubled(mirror: Path) -> pd.DataFrame:
    """One clip for each thing that can go wrong, and one that is well."""
    write_wav(mirror, "well", noise(1.0))
    write_wav(mirror, "short", noise(0.8))
    write_wav(mirror, "quiet", noise(1.0, peak=30))
    write_wav(mirror, "nearly", noise(0.96))
    (mirror / "text.wav").write_text("no sound at all\n" * 100)
    (mirror / "empty.wav").write_bytes(b"")
    whole = OGG.read_bytes()
    (mirror / "cut.wav").write_bytes(whole[: len(whole) // 2])
    names = ("well", "short", "quiet", "nearly", "missing", "text", "empty")
    return table(*[(name, 0.0, 1.0) for name in names], ("cut", 0.0, 5.0))


def test_every_clip_ends_in_a_state_with_its_reason(
    run: Callable[..., pd.DataFrame], troubled: pd.DataFrame, tmp_path: Path
) -> None:
    status = run(troubled)
    pd.testing.assert_frame_equal(status, read_table(tmp_path / "audio/status.parquet", STATUS))
    assert status["clip_id"].tolist() == troubled["clip_id"].tolist()
    state_of = status.set_index("clip_id")
    assert state_of["state"].to_dict() == {
        "well_0": "ok",
        "short_0": "too_short",
        "quiet_0": "silent",
        "nearly_0": "ok",
        "missing_0": "unavailable",
        "text_0": "failed",
        "empty_0": "failed",
        "cut_0": "failed",
    }
    assert state_of.loc["cut_0", "reason"].startswith("cut off: its last Ogg page is incomplete")
    assert state_of.loc["short_0", "reason"] == "expected 1.000 s, got 0.800 s"
    assert state_of.loc["quiet_0", "reason"] == "peak -60.8 dB, not above -60 dB of full scale"
    assert "missing.wav" in state_of.loc["missing_0", "reason"]
    ok = state_of["state"] == "ok"
    assert (state_of.loc[ok, "reason"] == "").all()
    assert (state_of.loc[~ok, "reason"] != "").all()
    assert (state_of.loc[~ok, ["bytes", "seconds"]] == 0).all(axis=None)
    assert (state_of.loc[~ok, ["sha256", "path"]] == "").all(axis=None)
    assert state_of.loc["nearly_0", "seconds"] == 0.96


def test_only_whole_clips_reach_the_shards(
    run: Callable[..., pd.DataFrame], troubled: pd.DataFrame, tmp_path: Path
) -> None:
    run(troubled)
    audio = {clip_id: samples for clip_id, samples, _ in read_audio(tmp_path / "audio")}
    assert list(audio) == ["well_0", "nearly_0"]
    np.testing.assert_array_equal(audio["well_0"] * 32768, noise(1.0))
    np.testing.assert_array_equal(audio["nearly_0"][:7680] * 32768, noise(0.96))
    assert len(audio["nearly_0"]) == RATE_HZ
    assert not audio["nearly_0"][7680:].any()


@pytest.mark.slow
def test_clips_are_cut_to_the_sample_and_keep_their_order_and_shard(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    status = run(seven.iloc[::-1])
    audio = list(read_audio(tmp_path / "audio"))
    assert [clip_id for clip_id, _, _ in audio] == seven["clip_id"].tolist()[::-1]
    for clip_id, samples, rate_hz in audio:
        assert rate_hz == RATE_HZ
        np.testing.assert_array_equal(samples * 32768, noise(1.0, int(clip_id[1]))[2000:6000])
    assert status["path"].value_counts().to_dict() == {
        "shard-00000.parquet": 3,
        "shard-00001.parquet": 3,
        "shard-00002.parquet": 1,
    }


def test_two_clips_of_one_recording_are_two_clips(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(table(("r0", 0.0, 0.5), ("r0", 0.5, 1.0)))
    joined = np.concatenate([samples for _, samples, _ in read_audio(tmp_path / "audio")])
    np.testing.assert_array_equal(joined * 32768, noise(1.0))


@pytest.mark.slow
def test_the_bytes_do_not_hang_on_the_workers(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(seven, "one", "store-1", workers=1)
    run(seven, "four", "store-4", workers=4)
    assert contents(tmp_path / "one") == contents(tmp_path / "four")


def count_fetches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    fetched: list[str] = []
    real = module.local_file

    def counted(location: str, scratch: Path) -> AbstractContextManager[Path]:
        fetched.append(Path(location).stem)
        return real(location, scratch)

    monkeypatch.setattr(module, "local_file", counted)
    return fetched


@pytest.mark.slow
def test_a_second_run_fetches_nothing_and_a_longer_list_only_what_is_new(
    run: Callable[..., pd.DataFrame],
    seven: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched = count_fetches(monkeypatch)
    run(seven[:5])
    before = contents(tmp_path / "audio")
    run(seven[:5])
    assert len(fetched) == 5
    assert contents(tmp_path / "audio") == before
    run(seven)
    assert sorted(fetched[5:]) == ["r5", "r6"]


@pytest.mark.slow
def test_a_recording_or_parameter_that_changed_is_fetched_anew(
    run: Callable[..., pd.DataFrame],
    seven: pd.DataFrame,
    mirror: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched = count_fetches(monkeypatch)
    run(seven[:1])
    write_wav(mirror, "r0", noise(1.0, 99))
    run(seven[:1])
    assert len(fetched) == 2
    for number, changes in enumerate(
        [{"rate_hz": 16000}, {"tolerance_s": 0.1}, {"silence_db": -50.0}, {"crop_s": 0.25}],
        start=3,
    ):
        run(seven[:1], **changes)
        assert len(fetched) == number
    run(seven[:1], workers=1, shard_clips=1)
    assert len(fetched) == 6


@pytest.mark.slow
def test_another_crop_cuts_each_clip_anew_from_its_start(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(seven)
    run(seven, crop_s=0.25)
    for clip_id, samples, _ in read_audio(tmp_path / "audio"):
        np.testing.assert_array_equal(samples * 32768, noise(1.0, int(clip_id[1]))[2000:4000])
    run(seven, crop_s=10.0)
    assert {len(samples) for _, samples, _ in read_audio(tmp_path / "audio")} == {4000}


def test_a_recording_is_decoded_once_for_all_its_clips(
    run: Callable[..., pd.DataFrame],
    mirror: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched = count_fetches(monkeypatch)
    write_wav(mirror, "r", noise(3.0))
    starts = [2.5, 0.0, 0.25, 1.0, 2.9]
    status = run(table(*[("r", start, start + 0.5) for start in starts]))
    assert fetched == ["r"]
    assert status["state"].tolist() == ["ok"] * 4 + ["too_short"]
    whole = noise(3.0)
    for clip_id, samples, _ in read_audio(tmp_path / "audio"):
        first = int(clip_id.removeprefix("r_")) * RATE_HZ // 1000
        np.testing.assert_array_equal(samples * 32768, whole[first : first + 4000])


def test_a_disk_that_is_too_small_stops_it_before_any_work(
    run: Callable[..., pd.DataFrame],
    seven: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(SpikesoundError, match=r"0\.0 GB needed for 0\.0 h .* 0\.0 GB free"):
        run(seven.assign(end_s=5.25))
    assert not (tmp_path / "audio").exists()
    assert len(run(seven)) == 7, "what is small enough goes through"


def test_a_location_that_nothing_can_fetch_from_is_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"gopher://x/a: no way to fetch from gopher://"):
        download(
            table(("a", 0, 1)),
            lambda media_id: f"gopher://x/{media_id}",
            PARAMS,
            Store(tmp_path / "store"),
            tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_damaged_clip_in_the_store_is_made_again(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(seven)
    before = contents(tmp_path / "audio")
    for path in [path for path in (tmp_path / "store").rglob("*") if path.is_file()][:3]:
        path.write_bytes(path.read_bytes()[:-100])
    run(seven)
    assert contents(tmp_path / "audio") == before


@pytest.mark.slow
def test_a_shorter_list_leaves_no_shard_of_the_longer_one(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(seven)
    run(seven[:2])
    assert sorted(contents(tmp_path / "audio")) == ["shard-00000.parquet", "status.parquet"]


KILLED = """
    import contextlib, os, signal, sys
    from pathlib import Path
    from spikesound.core.schema import CLIPS, read_table
    from spikesound.data.download import download
    from spikesound.data.store import Store
    from spikesound.params import DownloadParams

    root = Path(sys.argv[1])
    params = DownloadParams.model_validate_json(sys.argv[2])
    clips = read_table(root / "clips.parquet", CLIPS)
    from spikesound.data import store as module

    written = []

    class Dying:
        # A file that is half written when the process is killed.

        def __init__(self, file):
            self.file = file

        def write(self, content):
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    aside = module.written_aside

    @contextlib.contextmanager
    def killed_in_the_sixth(path):
        written.append(path)
        with aside(path) as file:
            yield Dying(file) if len(written) == 6 else file

    module.written_aside = killed_in_the_sixth
    locate = lambda media_id: str(root / "mirror" / f"{media_id}.wav")
    download(clips, locate, params, Store(root / "killed"), root / "audio")
"""


@pytest.mark.slow
def test_a_run_killed_in_a_write_goes_on_where_it_stopped_and_gives_the_same_bytes(
    run: Callable[..., pd.DataFrame],
    mirror: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(12):
        write_wav(mirror, f"r{number:02d}", noise(1.0, number))
    clips = table(*[(f"r{number:02d}", 0.0, 1.0) for number in range(12)])
    write_table(clips, CLIPS, tmp_path / "clips.parquet")
    params = PARAMS.model_copy(update={"workers": 2}).model_dump_json()
    script = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), params]
    done = subprocess.run(script, stderr=subprocess.DEVNULL, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "audio").exists()
    left = [path for path in (tmp_path / "killed").rglob("*") if path.is_file()]
    survived = [path for path in left if path.suffix != ".part"]
    assert 4 <= len(survived) <= 6  # of the first six writes, two at a time
    assert any(path.suffix == ".part" for path in left)

    fetched = count_fetches(monkeypatch)
    run(clips, "resumed", "killed")
    assert len(fetched) == 12 - len(survived)
    run(clips, "undisturbed", "other")
    assert contents(tmp_path / "resumed") == contents(tmp_path / "undisturbed")


def test_too_many_failures_stop_the_stage_after_the_table_is_written(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, mirror: Path, tmp_path: Path
) -> None:
    (mirror / "r3.wav").unlink()
    (mirror / "r4.wav").write_bytes(b"")
    assert len(run(seven, max_failures=2 / 7)) == 7
    with pytest.raises(SpikesoundError) as error:
        run(seven, max_failures=0.2)
    message = str(error.value)
    assert message.startswith("2 of 7 clips are missing")
    assert "5 ok, 1 unavailable, 1 failed" in message
    assert "r3_250" in message
    assert str(tmp_path / "audio/status.parquet") in message
    assert (tmp_path / "audio/status.parquet").is_file()


def test_nothing_at_all_is_an_error_whatever_is_allowed(
    run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    with pytest.raises(SpikesoundError, match=r"2 of 2 clips are missing, all of them"):
        run(table(("a", 0.0, 1.0), ("b", 0.0, 1.0)), max_failures=1.0)
    assert (tmp_path / "audio/status.parquet").is_file()
    with pytest.raises(SpikesoundError, match="no clips"):
        run(table())


def test_a_source_without_a_mirror_stops_before_any_work(tmp_path: Path) -> None:
    def locate(media_id: str) -> str:
        raise SpikesoundError("sources.audioset.mirror: null")

    with pytest.raises(SpikesoundError, match=r"sources\.audioset\.mirror"):
        download(table(("a", 0, 1)), locate, PARAMS, Store(tmp_path / "store"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_error_that_is_not_a_clips_own_stops_the_run(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(module, "keep", full)
    with pytest.raises(OSError, match="no space left"):
        run(seven)


def test_an_unfinished_or_damaged_audio_folder_is_named(
    run: Callable[..., pd.DataFrame], seven: pd.DataFrame, tmp_path: Path
) -> None:
    run(seven)
    shard = tmp_path / "audio/shard-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(SpikesoundError, match=r"shard-00001\.parquet"):
        list(read_audio(tmp_path / "audio"))
    (tmp_path / "audio/status.parquet").unlink()
    with pytest.raises(SpikesoundError, match=r"status\.parquet"):
        list(read_audio(tmp_path / "audio"))
