"""Archives: unpacked whole, or refused with the member that is at fault."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesound.core.errors import SpikesoundError
from spikesound.data.sources import archive as module
from spikesound.data.sources.archive import inside, unpack

FILES = {"top/a.wav": b"sound a" * 100, "top/b/c.wav": b"sound c", "top/empty.txt": b""}


def make_zip(path: Path, files: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo()
            entry.filename = name  # as it is: the constructor would mend it
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path: Path, *members: tuple[str, bytes | str, bytes], mode: str = "w:gz") -> Path:
    """Members are (name, type of tarfile, content); of links, the content is where they point."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind  # type: ignore[assignment]
            if kind == tarfile.REGTYPE:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                entry.linkname = content.decode()
                archive.addfile(entry)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_unpacked(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.bin"
    if kind == "zip":
        make_zip(path, {"top/": b""} | FILES)
    else:
        regular = [(name, tarfile.REGTYPE, content) for name, content in FILES.items()]
        make_tar(path, ("./", tarfile.DIRTYPE, b""), *regular, mode=kind)
    into = unpack(path, tmp_path / "out" / "x")
    assert contents(into) == FILES
    assert [entry.name for entry in into.parent.iterdir()] == ["x"]
    assert stat.S_IMODE(into.stat().st_mode) & 0o700 == 0o700


def test_a_folder_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert unpack(tmp_path / "none.zip", tmp_path / "x") == tmp_path / "x"


def refuse(archive: Path, tmp_path: Path, reason: str) -> None:
    with pytest.raises(SpikesoundError, match=reason) as raised:
        unpack(archive, tmp_path / "room" / "x")
    assert str(raised.value).startswith(f"{archive}: ")
    assert "\n" not in str(raised.value)
    assert contents(tmp_path).keys() == {archive.name}
    assert list((tmp_path / "room").glob("*")) == []


OUTSIDE = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "..",
    "C:\\b",
    "c:b",
    "..\\b",
    "\\\\h\\b",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_zip_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    archive = make_zip(tmp_path / "x.zip", {"fine.wav": b"1", name: b"2"})
    refuse(archive, tmp_path, f"refused: {name!r}: leads outside".replace("\\", r"\\"))


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_tar_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    archive = make_tar(tmp_path / "x.tgz", (name, tarfile.REGTYPE, b"2"))
    refuse(archive, tmp_path, f"refused: {name!r}: leads outside".replace("\\", r"\\"))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = make_tar(tmp_path / "x.tgz", ("dev", kind, b""))
    refuse(archive, tmp_path, "refused: 'dev': neither a file")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "nothing", "link", "sub"])
def test_links_to_no_file_of_the_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    archive = make_tar(
        tmp_path / "x.tgz", ("sub", tarfile.DIRTYPE, b""), ("link", kind, target.encode())
    )
    refuse(archive, tmp_path, "refused: 'link': points (outside|to)")


def test_links_inside_become_copies(tmp_path: Path) -> None:
    members = [
        ("a/early", tarfile.SYMTYPE, b"../b/real"),
        ("b/real", tarfile.REGTYPE, b"sound"),
        ("b/hard", tarfile.LNKTYPE, b"b/real"),
        ("b/far", tarfile.SYMTYPE, b"../a/early"),
    ]
    into = unpack(make_tar(tmp_path / "x.tar", *members, mode="w"), tmp_path / "x")
    assert contents(into) == dict.fromkeys(["a/early", "b/far", "b/hard", "b/real"], b"sound")
    assert not any(path.is_symlink() for path in into.rglob("*"))


def test_a_file_below_a_link_does_not_follow_it(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    members = [
        ("door", tarfile.SYMTYPE, str(tmp_path / "victim").encode()),
        ("door/in", tarfile.REGTYPE, b"x"),
    ]
    refuse(make_tar(tmp_path / "x.tgz", *members), tmp_path, "refused: 'door': points outside")


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd"])
def test_links_out_of_a_zip_are_refused(tmp_path: Path, target: str) -> None:
    archive = make_zip(
        tmp_path / "x.zip", {"link": target.encode()}, {"link": stat.S_IFLNK | 0o777}
    )
    refuse(archive, tmp_path, "refused: 'link': points outside")


def test_links_inside_a_zip_become_copies(tmp_path: Path) -> None:
    archive = make_zip(
        tmp_path / "x.zip", {"a/link": b"real", "a/real": b"1"}, {"a/link": stat.S_IFLNK | 0o777}
    )
    assert contents(unpack(archive, tmp_path / "x")) == {"a/link": b"1", "a/real": b"1"}


@pytest.mark.slow
@pytest.mark.parametrize("make", ["zip", "tar", "link"])
def test_what_unpacks_to_far_more_than_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: str
) -> None:
    monkeypatch.setattr(module, "SPARE_BYTES", 1000)
    content = bytes(3_000_000)
    if make == "zip":
        archive = make_zip(tmp_path / "x", {"zeros": content})
    elif make == "tar":
        archive = make_tar(tmp_path / "x", ("zeros", tarfile.REGTYPE, content))
    else:
        links = [(f"zeros{n}", tarfile.LNKTYPE, b"real") for n in range(3000)]
        real = ("real", tarfile.REGTYPE, os.urandom(10_000))
        archive = make_tar(tmp_path / "x", real, *links)
    refuse(archive, tmp_path, r"refused: 'zeros\d*': unpacks to over 100 times")


def test_a_member_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    twice = [("a", tarfile.REGTYPE, b"1"), ("./a", tarfile.REGTYPE, b"2")]
    refuse(make_tar(tmp_path / "x.tgz", *twice), tmp_path, r"'\./a': duplicate member")


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.8])
def test_a_truncated_archive_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path, files = tmp_path / "x.bin", {f"{n}.wav": os.urandom(3000) for n in range(20)}
    if kind == "zip":
        make_zip(path, files)
    else:
        make_tar(path, *((n, tarfile.REGTYPE, c) for n, c in files.items()), mode=kind)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    refuse(path, tmp_path, "not a whole zip or tar")


def test_a_tar_cut_between_two_members_is_refused(tmp_path: Path) -> None:
    members = [(f"{n}", tarfile.REGTYPE, bytes(512)) for n in range(9)]
    path = make_tar(tmp_path / "x.tar", *members, mode="w")
    path.write_bytes(path.read_bytes()[: 5 * 1024])
    refuse(path, tmp_path, "not a whole zip or tar: it breaks off")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_changed_byte_is_noticed(tmp_path: Path, kind: str) -> None:
    path, sound = tmp_path / "x", os.urandom(5000)
    if kind == "zip":
        make_zip(path, {"a": sound})
    else:
        make_tar(path, ("a", tarfile.REGTYPE, sound))
    content = bytearray(path.read_bytes())
    content[2500] ^= 255
    path.write_bytes(content)
    refuse(path, tmp_path, "not a whole zip or tar")


def test_what_is_no_archive_and_what_is_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("<html>sorry</html>")
    refuse(tmp_path / "x.zip", tmp_path, "not a whole zip or tar")
    with pytest.raises(SpikesoundError, match=r"none\.zip: cannot be unpacked: .*No such file"):
        unpack(tmp_path / "none.zip", tmp_path / "y")


@pytest.mark.slow
def test_a_kill_leaves_no_folder_that_looks_whole(tmp_path: Path) -> None:
    files = [(f"{n:05}.wav", tarfile.REGTYPE, bytes(20_000)) for n in range(4000)]
    archive = make_tar(tmp_path / "x.tar", *files, mode="w")
    code = (
        "import sys; from pathlib import Path; from spikesound.data.sources.archive import unpack;"
        "unpack(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    into = tmp_path / "room" / "x"
    process = subprocess.Popen([sys.executable, "-c", code, str(archive), str(into)])
    deadline_s = time.monotonic() + 60
    while not list((tmp_path / "room").glob("*.part/00050.wav")):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not into.exists()
    assert len(contents(unpack(archive, into))) == 4000


@given(st.text(alphabet="ab./\\:\0 ", max_size=12))
def test_a_name_that_is_let_through_stays_inside(name: str) -> None:
    path = inside(name)
    if path is not None:
        assert not os.path.isabs(path)  # noqa: PTH117
        assert ".." not in path.replace("\\", "/").split("/")
        assert os.path.normpath(f"/x/y/{path}").startswith("/x/y")
