"""Tables of what people do with trained models: folders, taught sounds, waiting."""

from collections.abc import Callable

from metric_files import read as _read


def learn() -> str:
    """Sounds taught to frozen networks: a row for each group, model and rule."""
    content = _read("benchmarks/results/learn.json")
    counts = " / ".join(map(str, content["counts"]))
    heads = "Trained on, taught | Model | Rule | Recordings | Found | False alarms, known classes"
    lines = [f"| {heads} | False alarms, unknown sounds | Balanced |\n"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|\n"]
    rows: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for row in content["test"]:
        rows.setdefault((row["group"], row["model"], row["rule"]), []).append(row)
    for (group, model, rule), of in rows.items():
        cells = [_GROUPS[group], model, rule, counts]
        for key in ("found", "false_known", "false_unknown", "balanced"):
            cells.append(" / ".join(f"{each[key]:.3f}" for each in of))
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


_GROUPS = {
    "classes": "five classes, the other five",
    "digits": "five classes, spoken digits",
    "detectors": "four classes of events, the other three and spoken digits",
}


def folders() -> str:
    """A folder of thousands of files, killed twice."""
    content = _read("benchmarks/results/folders.json")
    kills = [run for run in content["runs"] if run["exit"] < 0]
    seconds = content["seconds_of_each"]
    rows = {
        "files, three of them damaged": f"{content['files']:,}",
        "length of each, s": f"{seconds:g}",
        "kills, after outputs": ", ".join(f"{run['outputs']:,}" for run in kills),
        "files missing in the table": content["missing"],
        "files there twice": content["twice"],
        "sounds computed twice": content["computed_twice"],
        "damaged ones named with their reason": len(content["failed"]),
        "events": f"{content['events']:,}",
        "events there twice": content["events_twice"],
    }
    lines = ["| folder of files | |\n", "|---|---:|\n"]
    return "".join([*lines, *(f"| {name} | {value} |\n" for name, value in rows.items())])


def stopwatch() -> str:
    """What a newcomer waits for."""
    content = _read("benchmarks/results/stopwatch.json")
    seconds, sizes = content["seconds"], content["megabytes"]
    rows = {
        "`pip install` of the wheel (without extras)": seconds["install"],
        "`spikesound --help`": seconds["help"],
        "events of five minutes of sound, the first time": seconds["detect, first"],
        "the same again": seconds["detect"],
        "a new sound taught by six recordings": seconds["learn"],
        "`pip install` of the extra `pipeline`": seconds["install pipeline"],
        "the first network of 60 recordings": seconds["train, first model"],
        "two networks, five folds each, compared, with report": seconds["train"],
    }
    lines = ["| from nothing | s |\n", "|---|---:|\n"]
    lines += [f"| {name} | {value:,.1f} |\n" for name, value in rows.items()]
    lines += [
        f"| site-packages, MB | {sizes['light']:,} |\n",
        f"| the same with `pipeline`, MB | {sizes['with pipeline']:,} |\n",
    ]
    return "".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "learn": learn,
    "folders": folders,
    "stopwatch": stopwatch,
}
