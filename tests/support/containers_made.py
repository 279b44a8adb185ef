"""Two seconds of sound in any container, and how far in a decoded one lies."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from spikesound.audio.ffmpeg import ffmpeg_binary

RATE_HZ = 16000
SECONDS = 2.0


def sweep() -> np.ndarray:
    """A tone that rises from 200 Hz to 3 kHz: like itself at one place only [16 bit]."""
    times_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (200 * times_s + 700 * times_s**2)
    return (12000 * np.sin(phase)).astype(np.int16)


def ffmpeg(*arguments: object) -> None:
    subprocess.run([ffmpeg_binary(), "-v", "error", "-y", *map(str, arguments)], check=True)


def encoded(path: Path, *options: object) -> Path:
    """Write the sweep in the format of the path's suffix."""
    wav = path.with_name("sweep-of-" + path.name).with_suffix(".wav")
    soundfile.write(wav, sweep(), RATE_HZ)
    if path.suffix == ".wav" and not options:
        return wav.rename(path)
    ffmpeg("-i", wav, *options, path)
    wav.unlink()
    return path


def film(path: Path, after_s: float) -> Path:
    """Write four seconds of pictures, with the sweep from ``after_s`` on."""
    video, audio = {
        ".webm": ("libvpx", "libopus"),
        ".wmv": ("wmv2", "wmav2"),
        ".flv": ("flv", "aac"),
    }.get(path.suffix, ("mpeg4", "aac"))
    wav = encoded(path.with_suffix(".wav"))
    pictures = ("-f", "lavfi", "-i", "color=s=32x32:r=25:d=4")
    streams = ("-map", "0:v", "-map", "1:a", "-c:v", video, "-c:a", audio)
    ffmpeg(*pictures, "-itsoffset", after_s, "-i", wav, *streams, path)
    wav.unlink()
    return path


def begins_s(samples: np.ndarray) -> float:
    """Return where the sweep begins in samples, by their correlation."""
    size = len(samples) + len(sweep())
    spectrum = np.fft.rfft(samples.astype(float), size)
    likeness = np.fft.irfft(spectrum * np.conj(np.fft.rfft(sweep().astype(float), size)), size)
    best = int(likeness.argmax())
    return (best if best < size // 2 else best - size) / RATE_HZ
