"""A disk that is full or read only: one line with the file's name, whatever writes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spikesound.core.atomic import written_aside
from spikesound.core.errors import SpikesoundError
from spikesound.core.writing import failed_file

WRITERS = {
    "to_csv": "import pandas as pd; pd.DataFrame({'a': range(99999)}).to_csv(path)",
    "write_text": "path.write_text('x' * 999999)",
    "write_json": (
        "from spikesound.core.json_files import write_json\n    write_json(path, ['x'] * 99999)"
    ),
    "savez": "import numpy as np; np.savez(path.open('wb'), x=np.zeros(99999))",
    "torch.save": "import torch; torch.save({'x': torch.zeros(99999)}, path)",
    "copyfile": "import shutil; shutil.copyfile(os.__file__, path)",
    "written_aside": (
        "from spikesound.core.atomic import written_aside\n"
        "    with written_aside(path) as file:\n"
        "        file.write(bytes(999999))"
    ),
    "write_table": (
        "import pandas as pd; from spikesound.core.schema import CLIPS, write_table\n"
        "    rows = [(os.urandom(32).hex(), 'm', 'r', 0.0, 1.0, ['a'], '1') for _ in range(9999)]\n"
        "    write_table(pd.DataFrame(rows, columns=CLIPS.names), CLIPS, path)"
    ),
}
PROGRAM = """
import os, resource, sys
from pathlib import Path
from spikesound.core.errors import run

def main(name):
    path = Path(name)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    {}

run(main, *sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_cannot_be_written_is_named_in_one_line(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "out.bin"
    code = PROGRAM.format(WRITERS[writer])
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: {path}: "), done.stderr
    assert "File too large" in done.stderr or "is the disk full?" in done.stderr


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_an_atomic_write_names_its_file_and_leaves_nothing(tmp_path: Path, code: int) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(SpikesoundError) as error, written_aside(path):
        raise OSError(code, os.strerror(code))
    assert str(error.value) == f"{path}: {os.strerror(code)}"
    assert not list(tmp_path.iterdir())


def test_an_error_in_reading_another_file_is_not_the_written_ones(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), written_aside(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "b"))


def test_the_file_of_an_error_is_named_and_other_errors_are_left_alone() -> None:
    read_only = OSError(errno.EROFS, "Read-only file system", "/x/status.parquet")
    assert failed_file(read_only) == ("/x/status.parquet", "Read-only file system")
    denied = PermissionError(errno.EACCES, "Permission denied", b"/x/a")
    assert failed_file(denied) == ("/x/a", "Permission denied")
    copied = OSError(errno.ENOSPC, "No space left on device", "/from", None, "/to")
    assert failed_file(copied) == ("/to", "No space left on device")
    for other in (
        PermissionError(errno.EACCES, "Permission denied"),  # of a connection
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        RuntimeError("a bug"),
    ):
        assert failed_file(other) is None
