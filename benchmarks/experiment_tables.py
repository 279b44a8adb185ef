"""Tables of the experiments that go on over many sessions: as many rows as are there."""

from collections.abc import Callable
from statistics import fmean
from typing import Any

from metric_files import ROOT
from metric_files import read as _read

from spikesound.evaluation.table import percent
from spikesound.experiments.claims import claims as _claims
from spikesound.experiments.fronts import ACCOUNTS, SIDES, Candidate, candidates, reached
from spikesound.experiments.resamples import difference
from spikesound.params.experiments import load_experiment

LABELS = ("strong", "both", "weak")
"""What detectors are trained on."""

EXPERIMENTS = ("sweep", "temporal", "sizes", "new_sounds", "pairings_full", "study")


def content(name: str) -> dict[str, Any]:
    """Return the content of an experiment's file of results; of none that there is no row."""
    path = f"metrics/experiments/{name}.json"
    if not (ROOT / path).is_file():
        return {"rows": [], "planned": None}
    found: dict[str, Any] = _read(path)
    return found


def _counted(name: str, table: str) -> str:
    """Return a table with how many rows of its experiment there are below it."""
    found = content(name)
    planned = found.get("planned")
    rows = f"{len(found['rows'])} of {planned} rows" if planned else "No row yet"
    return f"{table}\n{rows}: `dvc repro experiments/dvc.yaml:{name}`.\n"


def _tested(row: dict[str, Any]) -> str:
    low, high = percent(row["accuracy_low"]), percent(row["accuracy_high"])
    return f"{percent(row['accuracy'])} % [{low}–{high}]"


def _rate(row: dict[str, Any]) -> str:
    return "–" if row["spike_rate"] is None else f"{percent(row['spike_rate'])} %"


def _microjoules(nj: float) -> str:
    return f"{nj / 1000:.3g}" if nj < 999_500 else f"{nj / 1000:,.0f}"


def sweep() -> str:
    """Every row of the sweep, and every exit, in its own precision."""
    heads = "Setting | Side | Validation | Test [interval] | Firing rate | Operations and memory"
    lines = [f"| {heads} | All counted | Least | Greatest |\n|---|---|{'---:|' * 7}\n"]
    for row in content("sweep")["rows"]:
        name = row["setting"].removesuffix(", exits")
        name += "" if row["seed"] == 1 else f", seed {row['seed']}"
        parts = [(name, row), *_exits(name, row)]
        for each, figures in parts:
            own = figures["accounts"]["own"]
            cells = [each, row["side"], f"{percent(figures['validation_accuracy'])} %"]
            cells += [_tested(figures), _rate(row) if figures is row else "–"]
            cells += [
                _microjoules(own[key]) for key in ("plain_nj", "full_nj", "lowest_nj", "highest_nj")
            ]
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("sweep", "".join(lines))


def _exits(name: str, row: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}, exit at {each['confidence']:g} ({each['steps']:.2f} steps)", each)
        for each in row.get("exits", [])
    ]


def sweep_front() -> str:
    """The cheapest network of each side that reaches a validation accuracy, by account."""
    known = candidates(content("sweep")["rows"])
    heads = "Counted | Validation | Spiking | Test | µJ | Conventional | Test | µJ | Ratio"
    lines = [f"| {heads} |\n|---|---:|---|---:|---:|---|---:|---:|---:|\n"]
    for account, what in ACCOUNTS.items():
        for each in reached(known, account):
            cells = [what, f"{percent(each.validation)} %"]
            for side in SIDES:
                cells += _chosen(each.chosen[side], account)
            ratio = each.ratio(account)
            cells.append("–" if ratio is None else f"{ratio:.2f}")
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("sweep", "".join(lines))


def _chosen(each: Candidate | None, account: str) -> list[str]:
    if each is None:
        return ["–", "–", "–"]
    tested = f"{percent(each.accuracy)} % [{percent(each.low)}–{percent(each.high)}]"
    name = each.name if each.seeds == 1 else f"{each.name} ({each.seeds} seeds)"
    return [name, tested, _microjoules(each.of(account))]


def temporal() -> str:
    """Codes with spikes at other times, and the same codes trained on with shuffled times."""
    heads = "Code | Spikes moved | Test [interval] | Change, points [interval] | p"
    lines = [f"| {heads} |\n|---|---|---:|---:|---:|\n"]
    for row in content("temporal")["rows"]:
        shuffled = row["setting"].endswith(", shuffled")
        moved = "none; trained on shuffled times" if shuffled else "none"
        lines.append(f"| {row['setting']} | {moved} | {_tested(row)} | – | – |\n")
        for each in row.get("times", []):
            low, high = 100 * each["change_low"], 100 * each["change_high"]
            change = f"{100 * each['change']:+.1f} [{low:+.1f} to {high:+.1f}]"
            cells = [row["setting"], each["condition"], _tested(each), change, f"{each['p']:.2g}"]
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("temporal", "".join(lines))


def sizes() -> str:
    """Accuracy by the number of parameters, of both sides."""
    heads = "Setting | Parameters | Validation | Test [interval] | Firing rate"
    lines = [f"| {heads} |\n|---|---:|---:|---:|---:|\n"]
    for row in sorted(content("sizes")["rows"], key=lambda row: row["parameters"]):
        cells = [row["setting"], f"{row['parameters']:,}"]
        cells += [f"{percent(row['validation_accuracy'])} %", _tested(row), _rate(row)]
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("sizes", "".join(lines))


def new_sounds() -> str:
    """A new class from few recordings, a row for each network, rule and number of recordings."""
    heads = "Networks | Rule | Recordings | Found | Known before | Known after | Balanced"
    lines = [f"| {heads} |\n|---|---|---:|---:|---:|---:|---:|\n"]
    for row in content("new_sounds")["rows"]:
        for each in row["new_sounds"]:
            cells = [row["setting"], each["rule"].replace("_", " "), str(each["recordings"])]
            cells += [f"{percent(each[key])} %" for key in ("found", "before", "after", "balanced")]
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("new_sounds", "".join(lines))


def pairings_full() -> str:
    """Encodings by training methods at the default's length."""
    heads = "Encoding | Method | Steps | Validation | Test [interval] | Firing rate"
    more = "Spikes per clip | Energy, µJ | Steps until stable"
    lines = [f"| {heads} | {more} |\n|---|---|{'---:|' * 7}\n"]
    for row in content("pairings_full")["rows"]:
        encoding, method = row["setting"].split(", ", 1)
        stable = row.get("stable_steps_median")
        cells = [encoding, method, str(row["steps"])]
        cells += [f"{percent(row['validation_accuracy'])} %", _tested(row), _rate(row)]
        cells += [
            f"{row['spikes_per_clip']:,.0f}",
            _microjoules(row["accounts"]["own"]["plain_nj"]),
        ]
        cells += ["–" if stable is None else f"{stable:g}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("pairings_full", "".join(lines))


def scratch() -> str:
    """Every row of the long recipe, and the mean of each setting over its seeds."""
    return _with_folds("scratch")


def yamnet() -> str:
    """Every row of the experiment on YAMNet."""
    return _with_folds("yamnet")


def distilled() -> str:
    """Every row of a small spiking network with a teacher and without."""
    return _with_folds("distilled")


def _with_folds(name: str) -> str:
    """Return rows with the accuracy of each fold, the firing rate, and energy by account."""
    heads = "Setting | Seed | Parameters | Test [interval] | By fold | Firing rate"
    heads += " | Operations and memory, INT8, µJ | All counted | Greatest"
    lines = [f"| {heads} |\n|---|---:|---:|---:|---|---:|---:|---:|---:|\n"]
    found = content(name)
    for row in found["rows"]:
        folds = ", ".join(percent(share) for share in row["fold_accuracies"].values())
        cells = [row["setting"], str(row["seed"]), f"{row['parameters']:,}", _tested(row), folds]
        account = row["accounts"]["int8_45nm"]
        kinds = ("plain", "full", "highest")
        cells += [_rate(row), *(_microjoules(account[f"{kind}_nj"]) for kind in kinds)]
        lines.append(f"| {' | '.join(cells)} |\n")
    for setting, mean in found.get("settings", {}).items():
        seeds = sum(row["setting"] == setting for row in found["rows"])
        if seeds > 1:
            cells = [setting, f"mean of {seeds}", f"{mean['parameters']:,}"]
            cells += [f"{percent(mean['accuracy'])} %", *[""] * 5]
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted(name, "".join(lines))


def detectors() -> str:
    """Every row of the detectors with a look-ahead, and the mean of each setting over its seeds."""
    heads = "Setting | Seed | PSDS 1 [interval] | PSDS 2 | Event F1 | mAP | Delay, s"
    heads += " | False alarms/h | Firing rate | Power in sound, µW | silence"
    lines = [f"| {heads} |\n|---|---:|{'---:|' * 9}\n"]
    rows = content("detectors")["rows"]
    for row in rows:
        interval = f"[{row['psds1_low']:.3f}–{row['psds1_high']:.3f}]"
        cells = [row["setting"], str(row["seed"]), f"{row['psds1']:.3f} {interval}"]
        cells += [f"{row[name]:.3f}" for name in ("psds2", "event_f1", "map")]
        cells += [f"{row['delay_median_s']:.2f}", f"{row['false_alarms_per_hour']:.0f}"]
        rate = row.get("spike_rate")
        cells += ["–" if rate is None else f"{percent(rate)} %"]
        cells += [f"{row[f'{sound}_uw']:.1f}" for sound in ("events", "silence")]
        lines.append(f"| {' | '.join(cells)} |\n")
    for setting, own in _by_setting(rows).items():
        if len(own) > 1:
            means = [
                f"{fmean(row[name] for row in own):.3f}"
                for name in ("psds1", "psds2", "event_f1", "map")
            ]
            cells = [setting, f"mean of {len(own)}", *means, *[""] * 5]
            lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("detectors", "".join(lines))


def detector_differences() -> str:
    """Differences of detectors' PSDS 1, over all seeds that both have."""
    strong = [f"{side}, strong" for side in ("conventional", "spiking")]
    pairs = [(f"spiking, {labels}", f"conventional, {labels}") for labels in LABELS]
    pairs += [(f"{each}, negatives", each) for each in strong]
    pairs += [(f"{strong[0]}, {without}", strong[0]) for without in ("no look-ahead", "two blocks")]
    pairs += [(f"{strong[1]}, one spike a frame", strong[1])]
    lines = ["| Setting | Minus | Seeds | Difference in PSDS 1 [interval] |\n|---|---|---:|---:|\n"]
    settings = _by_setting(content("detectors")["rows"])
    for pair in pairs:
        sides = [settings.get(setting, []) for setting in pair]
        shared = set.intersection(*({row["seed"] for row in rows} for rows in sides))
        ours, theirs = ([row for row in rows if row["seed"] in shared] for rows in sides)
        if shared:
            value, low, high = difference(ours, theirs, "psds1", 0.95)
            found = f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
            lines.append(f"| {' | '.join(pair)} | {len(shared)} | {found} |\n")
    return "".join(lines)


def _by_setting(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["setting"], []).append(row)
    return found


def ablation() -> str:
    """The long recipe without each of its ingredients, on validation clips."""
    rows = content("ablation")["rows"]
    lines = ["| Recipe | Clips | Accuracy | Change, points | Loss |\n|---|---:|---:|---:|---:|\n"]
    whole = next((each for row in rows[:1] for each in row["validation"]), None)
    for row in rows:
        (each,) = row["validation"]
        change = 100 * (each["accuracy"] - whole["accuracy"]) if whole else 0.0
        cells = [row["setting"], str(each["clips"]), f"{percent(each['accuracy'])} %"]
        cells += [f"{change:+.1f}" if row is not rows[0] else "–", f"{each['loss']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("ablation", "".join(lines))


def best_test_epoch() -> str:
    """The long recipe as papers count, beside our figure: it overstates."""
    heads = "Setting | Last epoch, whole clips: ours | Last epoch, ten crops"
    more = "Best test epoch, whole clips: overstates | Best test epoch, ten crops: overstates"
    lines = [f"| {heads} | {more} | Best epochs, by fold |\n|---|---:|---:|---:|---:|---|\n"]
    for row in content("best_test_epoch")["rows"]:
        (each,) = row["best_test_epoch"]
        assert each["crops"] == 10
        kinds = ("last_epoch", "best_test_epoch")
        shares = [each[f"{kind}_{of}"] for kind in kinds for of in ("whole", "crops")]
        cells = [row["setting"], *(f"{percent(share)} %" for share in shares)]
        cells.append(", ".join(str(epoch) for epoch in each["best_epochs"].values()))
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("best_test_epoch", "".join(lines))


_CONDITIONS = {
    "white": "White noise, {} dB",
    "weight_noise": "Weights off by {} of their deviation",
    "stuck_silent": "{} of neurons silent",
    "stuck_firing": "{} of neurons firing",
}


def codes() -> str:
    """Four codes by STDP: accuracy, steps to a decision, operations, noise, faults."""
    settings = load_experiment(ROOT / "experiments/params.yaml", "guo").settings
    (levels,) = {
        tuple((name, tuple(values)) for name, values in each.probes.robustness.levels.items())
        for each in settings.values()
        if each.probes.robustness is not None
    }
    heads = "Code | Steps | Test [interval] | Steps until stable | Spikes per clip | ACs, M"
    more = [
        _CONDITIONS[name].format(", ".join(f"{level:g}" for level in values))
        for name, values in levels
    ]
    lines = [f"| {heads} | Energy, µJ | {' | '.join(more)} |\n|---|{'---:|' * (6 + len(more))}\n"]
    for row in content("guo")["rows"]:
        known = {(each["condition"], each["level"]): each["accuracy"] for each in row["robustness"]}
        cells = [row["setting"], str(row["steps"]), _tested(row)]
        cells += [f"{row['stable_steps_median']:g}", f"{row['spikes_per_clip']:,.0f}"]
        cells += [f"{row['effective_acs'] / 1e6:.2f}"]
        cells += [_microjoules(row["accounts"]["own"]["plain_nj"])]
        cells += [
            ", ".join(percent(known[name, level]) for level in values) + " %"
            for name, values in levels
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("guo", "".join(lines))


def proxy() -> str:
    """Proxy learning as in its paper, and without each of its details; both scores of ties."""
    heads = "Setting | Steps | Validation | Test [interval] | Ties as right: overstates"
    lines = [f"| {heads} | Tied | All classes tied | Firing rate | ACs, M |\n"]
    lines += [f"|---|{'---:|' * 8}\n"]
    for row in content("kheradpisheh")["rows"]:
        (each,) = row["ties"]
        cells = [row["setting"], str(row["steps"]), f"{percent(row['validation_accuracy'])} %"]
        shares = (each[name] for name in ("accuracy_ties_right", "tied", "tied_all"))
        cells += [_tested(row), *(f"{percent(share)} %" for share in shares)]
        cells += [_rate(row), f"{row['effective_acs'] / 1e6:.2f}"]
        lines.append(f"| {' | '.join(cells)} |\n")
    return _counted("kheradpisheh", "".join(lines))


def claims() -> str:
    """Each advantage that is claimed for spiking networks, with its verdict."""
    lines = ["| Claim | Experiment | Opponent | Figure | Verdict |\n|---|---|---|---|---|\n"]
    for each in _claims({name: content(name) for name in EXPERIMENTS}):
        cells = (each.claim, each.experiment, each.opponent, each.figure, each.verdict)
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


TABLES: dict[str, Callable[[], str]] = {
    "sweep": sweep,
    "sweep_front": sweep_front,
    "temporal": temporal,
    "sizes": sizes,
    "new_sounds": new_sounds,
    "pairings_full": pairings_full,
    "scratch": scratch,
    "yamnet": yamnet,
    "detectors": detectors,
    "detector_differences": detector_differences,
    "ablation": ablation,
    "best_test_epoch": best_test_epoch,
    "distilled": distilled,
    "codes": codes,
    "proxy": proxy,
    "claims": claims,
}
