"""An experiment, row by row: each lands in a file as soon as it is there, and is not done again."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from spikesound.core.json_files import read_mapping, write_json
from spikesound.core.source import code_digest
from spikesound.data.store import digest
from spikesound.experiments.compare import compared
from spikesound.experiments.data import Folders
from spikesound.experiments.figures import run_row
from spikesound.experiments.row import Row
from spikesound.experiments.seeds import over_trainings
from spikesound.experiments.time_left import TimeLeft
from spikesound.params import Params
from spikesound.params.experiments import ExperimentParams


def run_experiment(
    name: str,
    experiment: ExperimentParams,
    params: dict[str, Params],
    default: Params,
    folders: Folders,
    out: Path,
    most: int | None = None,
) -> dict[str, Any]:
    """Run what is missing of an experiment, and return its file's content.

    Settings are run in their order with their first seed, then with their second; what is missing
    comes before what is there and was made by other code or with other parameters.

    Parameters
    ----------
    params : of each setting (:func:`spikesound.params.experiments.params_of`)
    default : the pipeline's
    out : file of the results. ``rows``: of each setting and seed the figures of
        :func:`~.figures.run_row`, what was ``set``, and the ``digest`` of all that they depend on;
        rows without one are replaced. ``settings``: of each setting what its trainings give in the
        mean. ``planned``: the number of rows. Then, if the experiment compares and all rows are
        there, what is compared (:func:`~.compare.compared`).
    most : rows that are computed at most; None: all
    """
    content: dict[str, Any] = read_mapping(out) if out.is_file() else {}
    rows = rows_of(name, experiment, params, default, folders)
    digests = {(row.name, row.seed): row.digest() for row in rows}
    order = {key: number for number, key in enumerate(digests)}
    known = {_key(each): each for each in content.get("rows", []) if _key(each) in order}
    finished = _comparison_digest(experiment, digests)
    compares = experiment.compare is not None and content.get("digest") != finished

    def save() -> None:
        content["rows"] = [known[key] for key in sorted(known, key=order.__getitem__)]
        content["settings"] = over_trainings(content["rows"])
        write_json(out, content)

    content["planned"] = len(rows)
    timed, done, fresh = TimeLeft(), 0, 0
    for row in sorted(_by_rounds(rows), key=lambda row: (row.name, row.seed) in known):
        key = row.name, row.seed
        # Comparisons read the predictions, which a fresh clone has not.
        there = not compares or _left(row) == digests[key]
        if known.get(key, {}).get("digest") != digests[key] or not there:
            if most is not None and fresh == most:
                break
            changes = experiment.set | experiment.settings[row.name].set
            began = time.monotonic()
            known[key] = run_row(row) | {"set": changes, "digest": digests[key]}
            timed.add(row, time.monotonic() - began)
            fresh += 1
            write_json(row.out / "digest.json", {"digest": digests[key]})
            save()
            left = [each for each in rows if not _done(each, known, digests)]
            print(
                f"{name}: {row.name}, seed {row.seed}: {out}; row {len(rows) - len(left)} of "
                f"{len(rows)}, about {timed.hours(left):.1f} h left",
                flush=True,
            )
        done += 1
    if experiment.compare is not None and compares and done == len(rows):
        content.pop("code", None)
        content |= compared(experiment.compare, rows, known) | {"digest": finished}
    save()
    return content


def rows_of(
    name: str,
    experiment: ExperimentParams,
    params: dict[str, Params],
    default: Params,
    folders: Folders,
) -> list[Row]:
    """Return a row for each setting and seed, in their order."""
    settings = experiment.settings

    def of(setting: str, seed: int) -> Row:
        each, own = settings[setting], params[setting]
        teachers = (of(one, other) for one in each.teachers for other in settings[one].seeds)
        return Row(
            setting, seed, own, default, own.model(each.model), each.noise, each.probes,
            tuple(teachers), folders, folders.work / name / _slug(setting) / f"seed-{seed}",
        )  # fmt: skip

    return [of(setting, seed) for setting, each in settings.items() for seed in each.seeds]


def _by_rounds(rows: list[Row]) -> list[Row]:
    """Return the rows in the order of work: all settings with their first seed, then the second."""
    seen: Counter[str] = Counter()
    rounds = []
    for row in rows:
        rounds.append(seen[row.name])
        seen[row.name] += 1
    return [row for _, row in sorted(zip(rounds, rows, strict=True), key=lambda pair: pair[0])]


def _key(row: dict[str, Any]) -> tuple[str, int]:
    return row["setting"], row["seed"]


def _left(row: Row) -> str | None:
    """Return the digest of the row whose results lie in the folder of this one."""
    path = row.out / "digest.json"
    return read_mapping(path)["digest"] if path.is_file() else None


def _comparison_digest(experiment: ExperimentParams, digests: dict[tuple[str, int], str]) -> str:
    if experiment.compare is None:
        return ""
    return digest(experiment.compare.model_dump_json(), *digests.values(), code_digest([compared]))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.=-]+", "_", name)


def _done(
    row: Row, known: dict[tuple[str, int], dict[str, Any]], digests: dict[tuple[str, int], str]
) -> bool:
    key = row.name, row.seed
    return bool(known.get(key, {}).get("digest") == digests[key])
