"""Names of labels in AudioSet's form ``mid_to_display_name.tsv``: an id, a tab, a name a line.

It comes with the strong lists, whose labels are not all in the ontology.
"""

from __future__ import annotations

from pathlib import Path

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.text_lines import blocks


def read_names(path: Path) -> dict[str, str]:
    """Read the name of each label id; a first line without an id is a header.

    Raises
    ------
    SpikesoundError
        If the file is missing or not text, or a line is not an id and a name, or has an id again.
    """
    names: dict[str, str] = {}
    for first, lines in blocks(path):
        for number, line in enumerate(lines.to_pylist(), first):
            label, _, name = (cell.strip() for cell in line.partition("\t"))
            if not line.strip() or (number == 1 and not label.startswith("/")):
                continue
            if not label.startswith("/") or not name or label in names:
                raise SpikesoundError(
                    f"{path}, line {number}: expected an id that is not there yet, a tab and a"
                    f" name, got {line[:80]!r}"
                )
            names[label] = name
    return names
