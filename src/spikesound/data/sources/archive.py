"""Archives unpacked: all of one or nothing, and never a byte outside its folder."""

from __future__ import annotations

import gzip
import lzma
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Literal

from spikesound.core.atomic import beside
from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track

# Recorded sound seldom packs to a fifth; what unpacks to more than this is made to fill the disk.
MOST_TIMES = 100
SPARE_BYTES = 1 << 26  # a small archive of silence or of text may pass MOST_TIMES
_PIECE_BYTES = 1 << 20
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
)


@dataclass(frozen=True)
class _Member:
    name: str
    kind: Literal["file", "folder", "link", "other"]
    target: str = ""  # of a link, from the archive's top
    content: IO[bytes] | None = None


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a zip or tar (plain, gz, bz2, xz) into a folder that appears when it is whole.

    The folder is filled under another name, ending in ``.part``, and renamed; if it is there
    already, it is taken as it is. Links become copies of the file they point to.

    Raises
    ------
    SpikesoundError
        If the archive is damaged, or has a member that leads outside the folder, is a device, or
        stands there twice, or unpacks to more than MOST_TIMES its size; the message names the
        member, and nothing is left.
    """
    if into.is_dir():
        return into
    aside = beside(into)
    try:
        aside.mkdir(parents=True)
        _fill(archive, aside)
        try:
            aside.rename(into)
        except OSError:
            if not into.is_dir():  # else another process has been quicker
                raise
    except _DAMAGE as error:
        raise SpikesoundError(f"{archive}: not a whole zip or tar: {error}") from error
    except (OSError, RuntimeError, NotImplementedError) as error:
        raise SpikesoundError(f"{archive}: cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return into


def inside(name: str) -> str | None:
    """Return a relative path without ``.`` and empty parts, or None if it may lead outside.

    Windows' forms are refused everywhere (drives, backslashes before ``..``), so that an archive
    is good on all systems or on none.
    """
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts or "\0" in name:
        return None
    return posixpath.normpath(name)


def _fill(archive: Path, folder: Path) -> None:
    left = MOST_TIMES * archive.stat().st_size + SPARE_BYTES
    links: dict[str, str] = {}
    members = _tar_members if tarfile.is_tarfile(archive) else _zip_members
    what = f"unpack {archive.name}"
    for member in track(members(archive), total=None, what=what, unit="file"):
        name = inside(member.name)
        if name is None:
            raise _refused(archive, member.name, "leads outside the folder")
        if member.kind == "other":
            raise _refused(archive, member.name, "neither a file nor a folder nor a link")
        if member.kind == "link":
            links[name] = member.target
            continue
        path = folder / name
        if member.content is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise _refused(archive, member.name, "duplicate member")
        left = _copy(member.content, path, left)
        if left < 0:
            raise _refused(archive, member.name, f"unpacks to over {MOST_TIMES} times its size")
    for name, target in links.items():
        left = _copy_linked(archive, folder, name, target, links, left)


def _copy(source: IO[bytes], path: Path, left: int) -> int:
    """Copy until the end or until no bytes are left to be spent; return how many are left."""
    with path.open("xb") as file:
        while left >= 0 and (piece := source.read(_PIECE_BYTES)):
            left -= len(piece)
            file.write(piece)
    return left


def _copy_linked(
    archive: Path, folder: Path, name: str, target: str, links: dict[str, str], left: int
) -> int:
    seen = {name}
    while True:
        to = posixpath.normpath(target)
        if inside(to) is None:
            raise _refused(archive, name, f"points outside the folder, to {target}")
        if to not in links:
            break
        if to in seen:
            raise _refused(archive, name, "points to itself")
        seen.add(to)
        target = links[to]
    path = folder / name
    if not (folder / to).is_file() or path.exists():
        raise _refused(archive, name, f"points to {target}, which is no file of the archive")
    path.parent.mkdir(parents=True, exist_ok=True)
    with (folder / to).open("rb") as content:
        left = _copy(content, path, left)
    if left < 0:
        raise _refused(archive, name, f"unpacks to over {MOST_TIMES} times its size")
    return left


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.orig_filename  # filename is cut at a NUL
            form = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir():
                yield _Member(name, "folder")
            elif form == stat.S_IFLNK:
                with archive.open(entry) as content:
                    target = content.read(4096).decode("utf-8", errors="replace")
                yield _Member(name, "link", posixpath.join(posixpath.dirname(name), target))
            elif form not in (0, stat.S_IFREG):
                yield _Member(name, "other")
            else:
                with archive.open(entry) as content:
                    yield _Member(name, "file", content=content)


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for entry in archive:
            name = entry.name
            if entry.isdir():
                yield _Member(name, "folder")
            elif entry.issym():
                target = posixpath.join(posixpath.dirname(name), entry.linkname)
                yield _Member(name, "link", target)
            elif entry.islnk():
                yield _Member(name, "link", entry.linkname)
            elif entry.isreg():
                yield _Member(name, "file", content=archive.extractfile(entry))
            else:
                yield _Member(name, "other")
        # tarfile takes a damaged header for the end. The true end is a block of zeros; and what
        # follows has to be read for the check sum of the compression.
        assert archive.fileobj is not None
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(512) != bytes(512):
            raise tarfile.ReadError("it breaks off, or a header in it is damaged")
        while archive.fileobj.read(_PIECE_BYTES):
            pass


def _refused(archive: Path, member: str, reason: str) -> SpikesoundError:
    return SpikesoundError(f"{archive}: refused: {member!r}: {reason}")
