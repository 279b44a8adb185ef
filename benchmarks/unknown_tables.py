"""Tables of sound that no model knows, of unknown.json and unknown_detectors.json in results."""

from metric_files import ROOT, read

PATH = "benchmarks/results/unknown.json"
DETECTORS = "benchmarks/results/unknown_detectors.json"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def unknown() -> str:
    """Calibration, refused sounds and false alarms, before and after."""
    heads = ["Model", "Training", "Folds", "Accuracy", "ECE before", "after", "Known refused"]
    heads += ["Foreign: alarms before", "after", "refused"]
    heads += ["Quiet rooms: alarms before", "after", "refused", "Silence refused"]
    lines = [f"| {' | '.join(heads)} |\n|---|---|{'---:|' * (len(heads) - 2)}\n"]
    for row in read(PATH)["test"]:
        cells = [row["model"], row["training"], str(len(row["folds"])), _percent(row["accuracy"])]
        cells += [f"{row[key]:.3f}" for key in ("ece_raw", "ece")]
        keys = ["refused"]
        keys += [
            f"{kind}_{key}"
            for kind in ("foreign", "rooms")
            for key in ("alarms_raw", "alarms", "refused")
        ]
        cells += [_percent(row[key]) for key in (*keys, "silence_refused")]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def unknown_scores() -> str:
    """Scores compared on validation clips: area and refused share by kind of other sound."""
    rows = read(PATH)["validation"]
    sounds = sorted({row["sound"] for row in rows})
    heads = [f"{sound}: {key}" for sound in sounds for key in ("area", "refused")]
    lines = [f"| Model | Score | {' | '.join(heads)} | Area, mean |\n"]
    lines += [f"|---|---|{'---:|' * (len(heads) + 1)}\n"]
    found = {(row["model"], row["score"], row["sound"]): row for row in rows}
    for model, score in dict.fromkeys((row["model"], row["score"]) for row in rows):
        each = [found[model, score, sound] for sound in sounds]
        cells = [model, score]
        for row in each:
            cells += [f"{row['area']:.3f}", _percent(row["refused"])]
        cells.append(f"{sum(row['area'] for row in each) / len(each):.3f}")
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def unknown_detectors() -> str:
    """Events an hour that detectors find where none of their classes sounds, before and after."""
    kinds = {"foreign": "Foreign sounds", "background": "Backgrounds", "rooms": "Quiet rooms"}
    heads = ["Detector", "Folds", "True events refused"]
    heads += [f"{kind}: an hour, before | after" for kind in kinds.values()]
    heads += ["Foreign files with an event, before | after", "Silence: events"]
    columns = " | ".join(heads)
    lines = [f"| {columns} |\n|---|{'---:|' * columns.count(' | ')}\n"]
    rows = read(DETECTORS)["rows"] if (ROOT / DETECTORS).is_file() else []
    for row in rows:
        cells = [row["setting"], str(len(row["folds"])), _percent(row["true_events_refused"])]
        for kind in kinds:
            cells += [f"{row[kind][f'per_hour_{when}']:.0f}" for when in ("before", "after")]
        cells += [
            _percent(row[f"foreign_files_with_events_{when}"]) for when in ("before", "after")
        ]
        lines.append(f"| {' | '.join([*cells, str(row['silence']['events_before'])])} |\n")
    if not rows:
        lines.append("\nNo row yet: `python benchmarks/unknown_detectors.py --foreign FOLDER`.\n")
    return "".join(lines)


TABLES = {
    "unknown": unknown,
    "unknown_scores": unknown_scores,
    "unknown_detectors": unknown_detectors,
}
