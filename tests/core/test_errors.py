"""Errors as a person sees them: one line on stderr, whatever the console and the error."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spikesound.core.errors import SpikesoundError, run, short, unknown

COMMAND = Path(sys.executable).parent / "spikesound"
LONG = "a" * 5000


def failed(capsys: pytest.CaptureFixture[str], error: Exception) -> str:
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(fail)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_an_error_about_a_file_is_one_line_with_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/a.csv")
    assert failed(capsys, full) == "error: out/a.csv: No space left on device\n"
    long = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), LONG.encode())
    line = failed(capsys, long)
    assert line.endswith("aaa: File name too long\n")
    assert len(line) < 300
    with pytest.raises(OSError, match="of no file"):
        run(lambda: (_ for _ in ()).throw(OSError("of no file")))


def test_a_message_of_megabytes_is_shown_without_its_middle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = failed(capsys, SpikesoundError(f"a.csv:7: {10**7 * 'x'}: expected a number"))
    assert line.startswith("error: a.csv:7: xxx")
    assert line.endswith("xxx: expected a number\n")
    assert len(line) < 2100
    assert short("abc", 3) == "abc"
    assert len(str(unknown("model", LONG, ["a"]))) < 300


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_console_of_another_encoding_gets_replacement_characters(
    tmp_path: Path, encoding: str
) -> None:
    """Of the output and of an error; and of a name that is not UTF-8 on any console."""
    params = tmp_path / "params.yaml"
    params.write_text("a: [\N{EN DASH}\N{DOG FACE}")
    name = os.fsdecode(b"M\xfcnchen \xe2\x80\x93.json")
    ontology = [{"id": "/m/0", "name": "Caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{EN DASH} dog"}]
    rest = {"description": "", "citation_uri": "", "positive_examples": [], "child_ids": []}
    (tmp_path / name).write_text(json.dumps([ontology[0] | rest | {"restrictions": []}]))
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments, code in (
        (["labels", "dog", "--ontology", name], 0),
        (["labels", "\N{DOG FACE}", "--ontology", name], 1),
        (["check", "params.yaml"], 1),
        (["table", f"{name}{name}"], 1),
    ):
        done = subprocess.run(
            [COMMAND, *arguments], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert b"Traceback" not in done.stderr
        text = (done.stderr if code else done.stdout).decode(encoding)
        assert text.count("\n") == 1
        if code == 0:
            lost = "Caf\xe9 \u2013 dog".encode(encoding, "replace").decode(encoding)
            assert lost in text


def test_output_that_is_not_a_console_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    run(lambda: print("\N{DOG FACE}"))
    assert written.getvalue() == "\N{DOG FACE}\n"
