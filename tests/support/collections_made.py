"""Small copies of published collections, with a tone for each recording."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 8000


def wav(path: Path, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    times_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * times_s), RATE_HZ, format="WAV")
    return path


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def fsdd(top: Path) -> Path:
    for digit in (0, 7):
        for speaker in ("theo", "george"):
            for index in (0, 4, 5, 9, 10, 49, 50):
                name = f"{digit}_{speaker}_{index}.wav"
                wav(top / "recordings" / name, 0.1 + index / 100)
    return top


def esc50(top: Path) -> Path:
    rows = []
    for fold in range(1, 6):
        for take in "AB":
            name = f"{fold}-{fold}00-{take}-0.wav"
            wav(top / "audio" / name)
            kind = "crying_baby" if take == "A" else "dog"
            rows.append(f"{name},{fold},0,{kind},True,{fold}00,{take}")
    header = "filename,fold,target,category,esc10,src_file,take"
    table(top / "meta" / "esc50.csv", header, *rows)
    return top


def urbansound8k(top: Path) -> Path:
    rows = []
    for fold in range(1, 11):
        for cut in range(2):
            name = f"{fold}00-3-0-{cut}.wav"
            wav(top / "audio" / f"fold{fold}" / name, 0.25 * (cut + 1))
            rows.append(f"{name},{fold}00,{cut},{cut + 0.5},1,{fold},3,dog_bark")
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class"
    table(top / "metadata" / "UrbanSound8K.csv", header, *rows)
    return top


def speech_commands(top: Path) -> Path:
    for word in ("bed", "yes"):
        for speaker in ("0a7c2a8d", "1b2c", "ffff"):
            for take in range(2):
                wav(top / word / f"{speaker}_nohash_{take}.wav", 1.0)
    wav(top / "_background_noise_" / "pink_noise.wav", 2.0)
    parts = {"validation_list.txt": "1b2c", "testing_list.txt": "ffff"}
    for name, speaker in parts.items():
        lines = [f"{w}/{speaker}_nohash_{n}.wav\n" for w in ("bed", "yes") for n in range(2)]
        (top / name).write_text("".join(lines))
    (top / "README.md").write_text("words")
    return top


MAKERS = {
    "fsdd": fsdd,
    "esc50": esc50,
    "urbansound8k": urbansound8k,
    "speech_commands": speech_commands,
}


def change_row(path: Path, line: int, **cells: str) -> None:
    """Change cells of a CSV's row, by its 1-based line."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    for name, value in cells.items():
        rows[line - 2][header.index(name)] = value
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
