"""All of AudioSet from made lists (benchmarks/scale): hand-computed lines, sizes, measurement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
sys.path.append(str(ROOT / "benchmarks/scale"))
import scale_tables
from extrapolation import Line, costs, held, line
from preset_sizes import (
    PRESETS,
    SAME_STAGES,
    STRONG_CLIPS,
    Sizes,
    clips_of,
    preset_params,
    sizes_of,
)

from spikesound.core.errors import SpikesoundError
from spikesound.data.lists.whole import OFFICIAL


def row(stage: str, clips: int, seconds: float, peak_mb: float, **more: Any) -> dict[str, Any]:
    """Return a row of a list with a fifth of its clips for testing, ten labels, two epochs."""
    kind, _, model = stage.partition(" ")
    sides = {"train_clips": clips * 4 // 5, "test_clips": clips // 5, "labels": 10, "epochs": 2}
    about = {"preset": "p", "stage": stage, "kind": kind, "model": model, "clips": clips}
    measured = {"seconds": seconds, "peak_mb": peak_mb, "bytes": {"files": 0, "store": 0}}
    return about | sides | measured | more


SIZES = Sizes(train=8000, test=1000, labels=50)


def of(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the costs by stage: hours, GB, MB."""
    found = costs(rows, SIZES, {"a": 30, "b": 30}, **more)
    return {each.stage: (each.hours, each.disk_gb, each.memory_mb) for each in found}


def test_a_line_goes_through_the_shortest_and_the_longest_list() -> None:
    assert line([(500, 25.0), (100, 5.0 + 4.0), (300, 99.0)]) == Line(5.0, 0.04)
    assert line([(100, 9.0)]) == Line(0.0, 0.09), "one list: all is for the clips"
    assert line([(100, 9.0), (500, 5.0)]) == Line(0.0, 0.01), "no start that is longer than all"
    assert held([(100, 9.0)]) is None
    assert held([(100, 9.0), (500, 8.0)]) == Line(8.0, 0.0)
    assert held([(100, 9.0), (500, 13.0)]) == Line(8.0, 0.01)


def test_streamed_stages_are_lines_in_clips_with_level_memory() -> None:
    files = [{"bytes": {"features": clips * 1000, "store": clips * 500}} for clips in (100, 500)]
    found = of(
        [row("features", 100, 9.0, 800, **files[0]), row("features", 500, 25, 900, **files[1])]
    )
    # 5 s to start and 0.04 s a clip; 1500 bytes a clip
    assert found["features"] == pytest.approx(((5 + 0.04 * 9000) / 3600, 0.0135, 900))


def test_a_training_is_a_line_in_clips_times_the_presets_epochs() -> None:
    rows = [row("train a", 100, 26.0, 2000), row("train a", 500, 90.0, 2100)]
    for each, size in zip(rows, (700, 800), strict=True):
        each["bytes"] = {"models": size, "store": 200}
    # 160 and 800 presentations: 10 s to start, 0.1 s each; 8000 clips in 30 epochs
    expected = ((10 + 0.1 * 240_000) / 3600, 1000 / 1e9, 2100)
    assert of(rows)["train a"] == pytest.approx(expected), "a model is as large as it was"


def test_stages_that_hold_their_clips_grow_in_memory() -> None:
    rows = [row("evaluate a", 100, 12.0, 1000), row("evaluate a", 500, 20.0, 1080)]
    rows += [row("baseline x", 100, 3.0, 600), row("baseline x", 500, 7.0, 1000)]
    found = of(rows)
    # 20 and 100 test clips: 10 s and 0.1 s each, 980 MB and 1 MB each
    assert found["evaluate a"] == pytest.approx(((10 + 100) / 3600, 0.0, 980 + 1000))
    # 1,000 and 5,000 pairs of clip and label: 2 s and 1 ms each; 500 MB and 1 MB a clip
    assert found["baseline x"] == pytest.approx(((2 + 450) / 3600, 0.0, 500 + 9000))
    assert of(rows[:1])["evaluate a"][2] is None, "one list cannot tell"


def test_metrics_of_all_labels_count_for_each_network() -> None:
    rows = [row("evaluate a", 100, 1.0, 9), row("evaluate b", 100, 1.0, 9)]
    rows += [row("metrics", clips, s, 500, labels=40) for clips, s in ((100, 3.0), (500, 7.0))]
    # 800 and 4,000 pairs: 2 s to start, 1.25 ms each; 50,000 pairs, for two networks
    assert of(rows)["metrics"][0] == pytest.approx(2 * (2 + 62.5) / 3600)


def test_detection_is_evaluated_for_each_label() -> None:
    rows = [row("evaluate a", 100, 12.0, 1000), row("evaluate a", 500, 20.0, 1080)]
    # 200 and 1,000 pairs: 10 s to start, 10 ms each
    assert of(rows, detection=True)["evaluate a"][0] == pytest.approx((10 + 500) / 3600)


def test_the_filters_memory_has_a_long_list_for_its_line() -> None:
    rows = [row("filter", 100, 4.0, 150), row("filter", 500, 4.0, 149)]
    assert of(rows, filtered=(10_100, 250.0))["filter"][2] == pytest.approx(150 + 0.01 * 8900)


def test_the_clips_of_presets_are_those_of_audiosets_lists() -> None:
    known = {end.rpartition("/")[2]: each.rows for end, each in OFFICIAL.items()}
    balanced, evaluated = known["balanced_train_segments.csv"], known["eval_segments.csv"]
    assert sizes_of("audioset-balanced") == Sizes(balanced, evaluated, 527)
    whole = balanced + known["unbalanced_train_segments.csv"]
    assert sizes_of("audioset-full") == Sizes(whole, evaluated, 527)
    assert sizes_of("audioset-strong") == Sizes(*STRONG_CLIPS.values(), 456)
    for name, clips in STRONG_CLIPS.items():
        assert clips < known[name], "rows are events, of which a clip has several"
    with pytest.raises(SpikesoundError, match=r"unknown list 'x\.csv'; valid: balanced_train"):
        clips_of("http://example.org/x.csv")


@pytest.mark.parametrize(("preset", "measured"), SAME_STAGES.items())
def test_a_preset_computed_by_another_differs_in_lists_and_epochs_alone(
    preset: str, measured: str
) -> None:
    ours, others = (preset_params(name).model_dump() for name in (preset, measured))
    for content in (ours, others):
        content["sources"]["audioset"].pop("segments")
        content["models"] = {name: str(model) for name, model in content["models"].items()}
    for name in {model.row.recipe for model in preset_params(preset).table().values()}:
        epochs = (preset_params(each).recipes[name] for each in (preset, measured))
        same = [each.model_copy(update={"epochs": 1, "patience": 1}) for each in epochs]
        assert same[0] == same[1]
    for content in (ours, others):
        content.pop("recipes")
    assert ours == others


def test_tables_say_that_nothing_was_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_tables, "ROOT", tmp_path)
    for table in scale_tables.TABLES.values():
        assert "python benchmarks/scale" in table()


def test_tables_have_every_preset_and_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for clips in (100, 500):
        for stage in ("filter", "download", "baseline x", "train ann-cnn", "evaluate ann-cnn"):
            more: dict[str, Any] = {"preset": PRESETS[0], "served_bytes": clips * 100_000}
            if stage.startswith(("baseline", "evaluate")):
                more["metrics"] = {"map": clips / 1000}
            rows.append(row(stage, clips, clips / 10, 100 + clips, **more))
    changes = {PRESETS[0]: {"recipes.ann.epochs": [60, 2]}}
    content = {"rows": rows, "changes": changes, "machine": "M, 2 cores", "threads": 2}
    monkeypatch.setattr(scale_tables, "_content", lambda: content)
    text = scale_tables.scale()
    for preset in ("audioset-balanced", "audioset-full"):
        assert f"| **{preset}** | **all** |" in text
    assert "audioset-strong" not in text, "it was not measured"
    clips = sizes_of(PRESETS[0]).clips
    assert f"| audioset-balanced | download | {clips / 10 / 3600:,.2f} |" in text
    # 1 request a second; 100 kB a clip
    network = scale_tables.scale_network().splitlines()[2].split(" | ")
    assert network[3:5] == ["1", f"{clips / 3600:,.1f}"]
    assert network[-1] == f"{clips / 1e4:,.1f} |"
    assert (
        "| audioset-balanced | 500 | ann-cnn | 2 | 60 | 0.500 | – |"
        in scale_tables.scale_accuracy()
    )
    assert "| `recipes.ann.epochs` | `60` | `2` |" in scale_tables.scale_changes()
    assert "| train ann-cnn | 50.0 | 16.00 | 600 |" in scale_tables.scale_measured()


MEASURE = """
import json, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from child import measure
command = [sys.executable, "-c", sys.argv[2]]
found = measure(command, Path("."), Path("notes/it"))
print(json.dumps([found.seconds, found.attempts, found.peak_mb]))
"""


def measured(code: str, folder: Path) -> tuple[float, int, float]:
    """Return what a small process measures of a command."""
    command = [sys.executable, "-c", MEASURE, str(ROOT / "benchmarks/scale"), code]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True)
    seconds, attempts, peak_mb = json.loads(done.stdout)
    return seconds, attempts, peak_mb


@pytest.mark.slow
def test_a_command_is_timed_over_all_attempts_and_its_peak_is_its_own(tmp_path: Path) -> None:
    seconds, attempts, peak_mb = measured("import time; x = b'1' * 300_000_000", tmp_path)
    assert attempts == 1
    assert 280 < peak_mb < 600
    (tmp_path / "notes/it").write_text("1000.0 2")
    seconds, attempts, peak_mb = measured("import time; time.sleep(0.3)", tmp_path)
    assert 1000.3 < seconds < 1030
    assert attempts == 3
    assert peak_mb < 250
    assert not (tmp_path / "notes/it").exists()
