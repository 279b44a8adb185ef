"""The graph says what is true: each stage's deps are exactly what its script imports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT, STAGES, all_imports


def stages(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"]
    return found


GRAPH = stages("dvc.yaml") | {
    f"detection/{name}": stage for name, stage in stages("detection/dvc.yaml").items()
}


def script(stage: str) -> Path:
    interpreter, path, *_ = GRAPH[stage]["cmd"].split()
    assert interpreter == "python"
    return ROOT / path


def listed(stage: str) -> set[str]:
    """Return the project's files among the deps; a folder stands for all files in it."""
    files: set[str] = set()
    for dep in GRAPH[stage]["deps"]:
        if dep.startswith(("src/", "stages/")):
            path = ROOT / dep
            inside = path.rglob("*") if path.is_dir() else [path]
            files |= {
                str(file.relative_to(ROOT))
                for file in inside
                if file.is_file() and file.suffix == ".py"
            }
    return files


@pytest.mark.parametrize("stage", GRAPH)
def test_deps_are_what_the_stage_imports(stage: str) -> None:
    imported = {str(path.relative_to(ROOT)) for path in all_imports(script(stage))}
    assert listed(stage) == imported, (
        f"dvc.yaml, {stage}: add {sorted(imported - listed(stage))}, "
        f"remove {sorted(listed(stage) - imported)}"
    )


def test_the_finder_of_imports_sees_every_form(tmp_path: Path) -> None:
    file = tmp_path / "stage.py"
    file.write_text(
        "import paths\n"
        "from spikesound import schema\n"
        "def main():\n"
        "    from spikesound.snn.encoding import ENCODERS\n"
    )
    found = {path.name for path in all_imports(file)}
    assert {"paths.py", "schema.py", "rate.py", "root.py", "__init__.py"} <= found
    assert "loop.py" not in found


def test_every_script_is_a_stage() -> None:
    used = {script(stage) for stage in GRAPH}
    apart = {STAGES / "paths.py"}
    assert used | apart == set(STAGES.glob("*.py"))


@pytest.mark.parametrize("stage", GRAPH)
def test_outputs_keep_the_run_cache(stage: str) -> None:
    entries = [*GRAPH[stage].get("outs", []), *GRAPH[stage].get("metrics", [])]
    for entry in entries:
        assert not (isinstance(entry, dict) and "persist" in str(entry))
    assert "always_changed" not in GRAPH[stage]
    assert GRAPH[stage]["deps"]


def test_the_conventional_side_does_not_know_the_encoding() -> None:
    own = [f"{what}_{kind}" for what in ("train", "evaluate") for kind in ("ann", "variant")]
    for stage in ("baseline", "robustness_ann", "robustness_variant", *own):
        assert not any("encoding" in str(name) for name in GRAPH[stage]["params"])
        assert not any(dep.startswith("data/spikes") for dep in GRAPH[stage]["deps"])


def test_detection_runs_in_the_root() -> None:
    assert {stage["wdir"] for stage in stages("detection/dvc.yaml").values()} == {".."}


def test_the_task_decides_what_the_last_stage_waits_for() -> None:
    assert GRAPH["result"]["deps"][-1] == "data/results/${task}.md"
    makers = {
        out: name
        for name, stage in GRAPH.items()
        for out in stage["outs"]
        if isinstance(out, str) and out.startswith("data/results/")
    }
    assert makers == {
        "data/results/classification.md": "compare",
        "data/results/detection.md": "detection/compare",
    }


def test_no_stage_of_classification_waits_for_one_of_detection() -> None:
    """A folder as a dep waits for all that is made below it."""
    made = [
        str(out if isinstance(out, str) else next(iter(out)))
        for name, stage in GRAPH.items()
        if name.startswith("detection/")
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    ]
    assert made
    for name, stage in GRAPH.items():
        if not name.startswith("detection/") and name != "result":
            for dep in stage["deps"]:
                assert not any(out == dep or out.startswith(f"{dep}/") for out in made), (name, dep)
