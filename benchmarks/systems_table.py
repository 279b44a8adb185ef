"""The table of published systems beside ours: experiments/published.yaml, files of results."""

from typing import Any

from metric_files import ROOT, read

from spikesound.core.errors import SpikesoundError
from spikesound.params.base import read_sections

PUBLISHED = ROOT / "experiments/published.yaml"
HEADS = ("System", "Published (source)", "Ours", "Split", "Seeds", "What differs", "Command")
KEYS = {
    "published", "source", "figures", "ours", "split", "seeds", "differs", "command", "why",
}  # fmt: skip
FOLDERS = ("metrics", "benchmarks/results")


def systems() -> str:
    """Return the table; a row whose figures are not all there says why."""
    lines = [f"| {' | '.join(HEADS)} |\n", f"|{'---|' * len(HEADS)}\n"]
    for name, row in read_sections(PUBLISHED).items():
        missing = sorted(KEYS - {"why"} - row.keys()) or sorted(row.keys() - KEYS)
        if missing:
            raise SpikesoundError(f"{PUBLISHED}: {name}: key {missing[0]!r} missing or unknown")
        cells = (
            name, f"{row['published']} ({row['source']})", ours(name, row), row["split"],
            row["seeds"], row["differs"], command(row["command"]),
        )  # fmt: skip
        lines.append(f"| {' | '.join(' '.join(str(cell).split()) for cell in cells)} |\n")
    return "".join(lines)


def ours(name: str, row: dict[str, Any]) -> str:
    """Return a row's own figures in words, or why they are not there.

    Raises
    ------
    SpikesoundError
        If some are not there and the row does not say why.
    """
    found = {key: figure(path) for key, path in row["figures"].items()}
    absent = sorted(key for key, value in found.items() if value is None)
    if not absent:
        return str(row["ours"]).format(**found)
    if "why" not in row:
        raise SpikesoundError(f"{PUBLISHED}: {name}: no figure {absent[0]!r}, and no `why`")
    if len(absent) == len(found):
        return f"not run: {row['why']}"
    shown = Partly({key: value for key, value in found.items() if value is not None})
    return f"{str(row['ours']).format_map(shown)} (– : {row['why']})"


class Partly(dict[str, Any]):
    """Figures of which some are not there: those are a dash, whatever their form."""

    def __missing__(self, key: str) -> "Absent":
        return Absent()


class Absent:
    """A figure that is not there."""

    def __format__(self, form: str) -> str:
        return "–"


def figure(path: list[str | int]) -> Any:
    """Return a value of a file of results, by the keys that lead to it; None: not there.

    In a list a key is the setting of a row, or a number from 0.
    """
    file, *keys = path
    for folder in FOLDERS:
        if (ROOT / folder / file).is_file():
            value = read(f"{folder}/{file}")
            for key in keys:
                if isinstance(value, list) and isinstance(key, int):  # figures of a probe
                    value = dict(enumerate(value))
                elif isinstance(value, list):  # rows of an experiment
                    value = {each["setting"]: each for each in value}
                if not isinstance(value, dict) or key not in value:
                    return None
                value = value[key]
            return value
    return None


def command(text: str) -> str:
    """Return a command in code style, unless it is words with code in them already."""
    return text if "`" in text or text == "–" else f"`{text}`"


TABLES = {"systems": systems}
