"""JSON files: each mistake is one error that names the file and what to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import parse_untrusted, read_json, read_mapping, write_json


def test_what_is_written_is_read(tmp_path: Path) -> None:
    content = {"name": "Straße", "values": [1, 2.5, None]}
    write_json(tmp_path / "new" / "a.json", content)
    assert read_json(tmp_path / "new" / "a.json") == content
    assert "Straße" in (tmp_path / "new" / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a\.json: no such file; run the costs stage$"),
        (b"{", r"a\.json: invalid JSON: .*; run the costs stage$"),
        (b"\xff\xfe", r"a\.json: invalid JSON: .*; run the costs stage$"),
        (b"[" * 100_000, r"a\.json: invalid JSON: .*; run the costs stage$"),
        (b"[1]", r"a\.json: expected a mapping; run the costs stage$"),
        ("folder", r"a\.json: cannot be read: Is a directory$"),
    ],
    ids=["missing", "half", "encoding", "deep", "list", "folder"],
)
def test_a_file_that_is_none_is_named(
    content: bytes | str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    with pytest.raises(SpikesoundError, match=message):
        read_mapping(path, "run the costs stage")


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b"[NaN]",
        b"[1e999]",
        b"\xff",
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b"[" + b"0," * 10_000 + b"0]",
    ],
    ids=["twice", "nan", "infinite", "encoding", "endless", "deep", "long"],
)
def test_untrusted_json_is_finite_distinct_and_neither_deep_nor_long(text: bytes) -> None:
    with pytest.raises(SpikesoundError, match=r"a header: (invalid JSON|JSON nested)"):
        parse_untrusted(text, "a header")
