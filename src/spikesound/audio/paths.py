"""Sound files given by a user: files, folders of them, and the standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikesound.audio.lengths import SUFFIXES
from spikesound.core.errors import SpikesoundError, short

STDIN = "-"


@dataclass(frozen=True)
class SoundFile:
    """A sound file to process.

    Attributes
    ----------
    path : None for the standard input
    name : its place in a folder that was given, else the file's own name; ``stdin``
    """

    path: Path | None
    name: str

    def __str__(self) -> str:
        return self.name if self.path is None else str(self.path)


def find_sounds(arguments: Sequence[str]) -> list[SoundFile]:
    """Return the sounds of files, folders and ``-``, each once.

    Of a folder all files beneath it are taken that have a suffix of sound, sorted by path; hidden
    ones are not.

    Raises
    ------
    SpikesoundError
        If there is no such file, or no sound in a folder.
    """
    by_path: dict[Path | None, SoundFile] = {}
    for argument in arguments:
        for sound in _sounds(argument):
            by_path.setdefault(None if sound.path is None else sound.path.resolve(), sound)
    return list(by_path.values())


def _sounds(argument: str) -> Iterator[SoundFile]:
    path = Path(argument)
    if argument == STDIN:
        yield SoundFile(None, "stdin")
    elif _is_dir(path):
        files = [file for file in sorted(path.rglob("*")) if _is_sound(file, path)]
        if not files:
            raise SpikesoundError(f"{path}: no sound file in this folder or beneath")
        yield from (SoundFile(file, file.relative_to(path).as_posix()) for file in files)
    elif path.exists():
        yield SoundFile(path, path.name)
    else:
        raise SpikesoundError(f"{short(argument)}: no such file or folder{_hint(argument)}")


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # its name is too long
        name = str(path)
        raise SpikesoundError(f"{short(name)}: {error.strerror}{_hint(name)}") from error


def _hint(argument: str) -> str:
    return "; give several sounds as several arguments, not in one" if "\n" in argument else ""


def _is_sound(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in SUFFIXES and file.is_file()
