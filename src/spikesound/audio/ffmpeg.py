"""ffmpeg: which binary runs, what it may open, and its jobs, run with a time limit.

Jobs are built with ffmpeg-python. No other module runs ffmpeg, or imports ffmpeg-python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg

from spikesound.core.errors import SpikesoundError
from spikesound.core.states import STATES

PIECE_BYTES = 1 << 20
"""Largest piece of a job's output: a long recording is never held whole."""

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,live_flv,m4v,matroska,webm,mov,mp4,m4a,"
    "3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,ogg,opus,rm,tta,voc,w64,wav,wv"
)
"""Formats that may be opened. Above all no playlist, whose entries ffmpeg would open in turn: a
sound from elsewhere must not name files of this machine."""

Job = Any
"""A job of ffmpeg-python: inputs, filters and an output."""


class MediaError(Exception):
    """Failure of a recording: the state of its clips, and the reason.

    Attributes
    ----------
    state
        One of STATES.
    reason
        In words.
    retry
        Whether another attempt may help.
    refusal
        Whether it says something of the site or the network rather than of this recording: many in
        a row mean that going on is useless.
    wait_s
        How long the site asks to be left alone before that.
    """

    def __init__(
        self,
        state: str,
        reason: str,
        retry: bool = False,
        refusal: bool = False,
        wait_s: float = 0.0,
    ) -> None:
        assert state in STATES, state
        # All of them, as they came, so that an error can be sent from one process to another.
        super().__init__(state, reason, retry, refusal, wait_s)
        self.state = state
        self.reason = reason
        self.retry = retry
        self.refusal = refusal
        self.wait_s = wait_s

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}"


class JobError(Exception):
    """An ffmpeg job that ended with an error.

    Attributes
    ----------
    code
        Exit status.
    reason
        The last line that ffmpeg wrote.
    """

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.reason = text.strip().rpartition("\n")[2] or f"ffmpeg ended with {code}"
        super().__init__(code, self.reason)

    def __str__(self) -> str:
        return self.reason


@cache
def ffmpeg_binary() -> str:
    """Return the system's ffmpeg, or the one that the package imageio-ffmpeg brings along.

    Raises
    ------
    SpikesoundError
        If there is neither.
    """
    try:
        return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise SpikesoundError(f"no ffmpeg on PATH nor in imageio-ffmpeg: {error}") from error


def local_sound(path: Path, **options: Any) -> Job:
    """Return the first stream of sound of a local file, as the input of a job.

    Only formats of :data:`CONTAINERS` are opened, and no other file that the file names.
    """
    # "file:" keeps a colon in a name from being read as a protocol, a dash from being an option.
    # A path and no text: ffmpeg-python hashes texts, and takes them only in UTF-8.
    return sound(PurePosixPath(f"file:{path}"), "file", **options)


def sound(address: str | PurePosixPath, protocols: str, **options: Any) -> Job:
    """Return the first stream of sound at an address, as the input of a job.

    Parameters
    ----------
    address
        What ffmpeg opens.
    protocols
        Those that it may use for it, separated by commas.
    options
        Further options of the input.
    """
    return ffmpeg.input(
        address,
        threads=1,
        protocol_whitelist=protocols,
        format_whitelist=CONTAINERS,
        **options,
    )["a:0"]


def given_bytes(**options: Any) -> Job:
    """Return as the input of a job the bytes that :func:`run` gives it; ``format`` names theirs."""
    return ffmpeg.input("pipe:", threads=1, **options)


def stream(
    job: Job,
    log: IO[bytes],
    *,
    level: str = "error",
    piece_bytes: int = PIECE_BYTES,
    limit_s: float | None = None,
    stall_s: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[bytes]:
    """Run a job that writes to a pipe, and yield what it writes in pieces.

    The process is killed when it takes too long, and when the caller wants no more.

    Parameters
    ----------
    log
        A file that takes what ffmpeg reports; :func:`log_text` reads it meanwhile.
    level
        What it reports, as of ffmpeg's ``-v``.
    limit_s, stall_s
        Longest time in all, and from one piece to the next; None for no limit.
    environment
        Environment variables of the process; None for those of this one.

    Raises
    ------
    TimeoutError
        If a limit was reached.
    JobError
        If ffmpeg ends with an error.
    """
    late = threading.Event()
    with subprocess.Popen(
        _command(job, level),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
    ) as process:
        assert process.stdout is not None

        def give_up() -> None:
            late.set()
            process.kill()

        whole = _clock(limit_s, give_up)
        try:
            while True:
                stall = _clock(stall_s, give_up)
                try:
                    piece = process.stdout.read(piece_bytes)
                finally:
                    stall.cancel()
                if late.is_set() or not piece:
                    break
                yield piece
            code = process.wait()
        finally:
            whole.cancel()
            process.kill()
    if late.is_set():
        raise TimeoutError
    if code:
        raise JobError(code, log_text(log))


def pcm(
    job: Job, limit_s: float | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[bytes]:
    """Run a job that writes samples to a pipe, and yield what it writes in pieces.

    Parameters are those of :func:`stream`.

    Raises
    ------
    MediaError
        ``failed`` if ffmpeg reports an error (the reason is the last line that it wrote), even if
        it goes on without what it cannot decode; or if it is not done after ``limit_s``.
    """
    with tempfile.TemporaryFile() as log:
        try:
            yield from stream(job, log, limit_s=limit_s, environment=environment)
        except TimeoutError as error:
            raise MediaError("failed", f"timed out after {limit_s} s") from error
        except JobError as error:
            raise MediaError("failed", error.reason) from error
        if words := log_text(log):
            raise MediaError("failed", JobError(0, words).reason)


def run(job: Job, given: bytes = b"", limit_s: float | None = None) -> bytes:
    """Run a job to its end, and return what it writes to its pipe.

    Parameters
    ----------
    given
        What it reads from its pipe; see :func:`given_bytes`.
    limit_s
        Longest time.

    Raises
    ------
    TimeoutError
        If it takes longer.
    JobError
        If ffmpeg ends with an error.
    """
    try:
        done = subprocess.run(
            _command(job, "error"), input=given, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error
    if done.returncode:
        raise JobError(done.returncode, done.stderr.decode("utf-8", errors="replace"))
    return done.stdout


def log_text(log: IO[bytes]) -> str:
    """Return what is in a log to which ffmpeg may still be writing."""
    # Not read(): that would move the place in the file where ffmpeg writes.
    descriptor = log.fileno()
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", errors="replace")


def _command(job: Job, level: str) -> list[str]:
    quiet = job.global_args("-nostdin", "-hide_banner", "-nostats", "-v", level)
    command: list[str] = ffmpeg.compile(quiet, cmd=ffmpeg_binary())
    return command


def _clock(seconds: float | None, action: Any) -> threading.Timer:
    clock = threading.Timer(seconds or 0.0, action)
    if seconds is not None:
        clock.start()
    return clock
