"""params.yaml: a wrong value is one line that names the key and the valid choices."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.serialize import dumps_yaml, loads_yaml
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.params import Params
from spikesound.params.base import read_sections

GOOD = (ROOT / "params.yaml").read_text(encoding="utf-8")

BAD = [  # section, what stands in the file, what is put there, what the message must say
    ("source", "source: esc10", "source: esc11", "unknown source 'esc11' .*valid: audioset, esc10"),
    ("encoding", "encoding: ", "encoding: x", "unknown encoding 'x.*: .*latency, .*rate"),
    ("tasks", "folds: ['1'", "folds: ['2'", "classification.folds: named twice: 2"),
    ("tasks", "folds: ['1'", "folds: [1", "folds.0: .*valid string, got 1"),
    ("seed", "seed: 1", "seed: one", "seed: .*valid integer, got 'one'"),
    ("store", "store: data/store", "store: 5", "store: .*valid string, got 5"),
    ("scheduler", "scheduler: #", "scheduler: host #", "scheduler: .*match pattern.*tcp.*'host'"),
    ("device", "accelerator: ", "acelerator: ", "key of device 'acelerator'.*'accelerator'"),
    ("models", "network: cnn", "network: cnm", "models.ann-cnn.network 'cnm'.*valid: .*, cnn, "),
    ("models", "neuron: lif,", "neuron: lyf,", "surrogate.neuron 'lyf'.*'lif'.*valid: alif"),
    (
        "models",
        "method: surrogate",
        "method: bptt",
        "models.snn-cnn-surrogate.method 'bptt'",
    ),
    ("models", "recipe: ann", "recipe: an", "unknown models.ann-cnn.recipe 'an'.*'ann'"),
    ("models", "method: int8", "method: int9", "ann-cnn-int8.method 'int9'.*'int8'"),
    ("models", "reads: spikes", "read: spikes", "'read' .*'reads'.*valid: labels, method"),
    ("models", "task: detection", "task: detect", "models.ann-tcn-strong.*'detect'"),
    ("models", "network: tcn", "network: cnn", "models.ann-tcn-strong"),
    (
        "models",
        "needs: models/classification/ann-cnn",
        "needs: models/classification/ann",
        "needs '",
    ),
    ("sources", "    mirror: ", "    miror: ", "'miror'.*'mirror'.*valid: archive.*, mirror"),
    ("sources", "      url: https://g", "      ulr: https://g", "'ulr'.*'url'.*valid: hash, url"),
    ("sources", "split: recordings", "split: words", "fsdd.split: .*'random', got 'words'"),
    ("sources", "train: data/", "train: {ulr: x, hash: } # data/", "'ulr'.*'url'.*: hash, url"),
    ("filter", "balance: false", "balance: maybe", "filter.balance: .*boolean, got 'maybe'"),
    ("download", "workers: 4", "workers: 0", "download.workers: .*greater than or equal to 1"),
    ("download", "pause_s: [0.5", "pause_s: [3.0", "pause_s .3.0, 2.0. is not from a shorter"),
    ("download", "extractor_args: {}", "extractor_args: {a: b}", "extractor_args.a: .*got 'b'"),
    ("features", "duplicates: keep", "duplicates: drp", "cleaning.duplicates: .*'drop', got 'drp'"),
    ("features", "kinds: [mel]", "kinds: [mell]", "features.kinds.0: .*'mel'.*got 'mell'"),
    ("features", "high_hz: 11025.0", "high_hz: 20000.0", "high_hz 20000 is above rate_hz / 2"),
    ("encodings", "gain: 1.0", "gain: -1.0", "encodings.rate.gain: .*greater than 0, got -1.0"),
    ("neurons", "surrogate: atan", "surrogate: tan", "neurons.lif.surrogate: .*'atan'.*got 'tan'"),
    (
        "methods",
        "qcfs:\n    levels: 4",
        "qcfs:\n    levels: 0",
        "methods.qcfs.levels: input should be",
    ),
    ("networks", "pool: average", "pool: median", "networks.cnn.pool: .*got 'median'"),
    ("recipes", "patience: ", "patiense: ", "key of recipes.ann 'patiense'.*'patience'"),
    ("methods", "activation_bits: 8", "activation_bits: 0", "methods.int8.activation_bits: "),
    ("methods", "kind: fine_tune", "kind: finetune", "methods.int8.kind 'finetune'.*'fine_tune'"),
    ("latency", "budget_s: 15.0", "budget_s: 0.0", "latency.budget_s: .*greater than 0"),
    ("robustness", "talkers: 4", "talkers: none", "robustness.sound.talkers: .*valid integer"),
    ("costs", "profile: fp32_45nm", "profile: int9", "unknown costs.profile 'int9'.*fp32_45nm"),
    ("costs", "on_chip_kib: 1024", "on_chip_kib: 2048", "costs.memory: on_chip_kib is above"),
    ("costs", "dram_pj: 1300", "dram_pj: 13", "costs.memory: dram_pj is below"),
    ("costs", "dataflow: output_", "dataflow: out_", "costs.dataflow: .*output_stationary"),
    ("costs", "fetch: step", "fetch: once", "costs.account.fetch: .*'clip', got 'once'"),
    ("costs", "zeros: [bitmap", "zeros: [bits", "costs.accounts.zeros.0: .*'addresses'"),
    ("costs", "own_precision: int8", "own_precision: fp32", "one of the integer profiles, int8"),
    ("costs", "front_end: fp32_45", "front_end: fp33_45", "unknown costs.front_end 'fp33_45nm'"),
    (
        "costs",
        "zero_skipping: [ann-cnn-s",
        "zero_skipping: [ann-cnn-d",
        "skipping 'ann-cnn-dp",
    ),
    ("task", "task: classification", "task: detecting", "task: .*'detection', got 'detecting'"),
    ("sources", "events: [1, 5]", "events: [5, 1]", r"events \[5, 1\] is not from the lower"),
    ("tasks", "source: scenes", "source: scene", "tasks.detection.source 'scene'.*scenes"),
    (
        "tasks",
        "source: scenes",
        "source: esc50",
        "'esc50'; valid: audioset, folder, kaggle, scenes$",
    ),
    ("seed", "seed: 1", "seed: 1\nseed: 2", 'found duplicate key "seed"'),
    ("networks", "    kernel: 3\n    hidden", "    kernel: 4\n    hidden", "kernel: 4 is not odd"),
    ("networks", "pools: [4, 4]", "pools: [4]", "channels .16, 32. and pools .4. differ"),
    (
        "evaluate",
        "confidence: 0.95",
        "confidence: 95",
        "evaluate.confidence: .*than 1, got 95",
    ),
]


def test_the_projects_own_parameters_are_good(params: Params) -> None:
    assert params.source == "esc10"


def test_every_section_has_a_bad_value_here() -> None:
    assert {section for section, *_ in BAD} == set(Params.model_fields)


@pytest.mark.slow
@pytest.mark.parametrize(("section", "old", "new", "message"), BAD)
def test_a_bad_value_is_named(
    section: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    assert old in GOOD, f"params.yaml no longer says {old!r}"
    path = tmp_path / "params.yaml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=message) as caught:
        Params.load(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [("- a", "not a mapping"), ("a: [", "not YAML"), ("", "not a mapping"), (None, "no such file")],
)
def test_a_file_that_is_none(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SpikesoundError, match=message):
        Params.load(path)


def dvc_writes(text: str) -> str:
    """Return YAML as ``dvc exp run -S`` leaves it in params.yaml."""
    return str(dumps_yaml(loads_yaml(text, typ="rt")))


@pytest.mark.slow
@pytest.mark.parametrize("number", ["1e-05", "1E-5", "1e-5", "0.00001", "+1.0e-5", ".1e-4"])
def test_numbers_are_read_as_dvc_reads_and_writes_them(number: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    text = GOOD.replace("    learning_rate: 0.004", f"    learning_rate: {number}", 1)
    for content in (text, dvc_writes(text)):
        path.write_text(content, encoding="utf-8")
        assert Params.load(path).methods["sparse"].learning_rate == 1e-5  # type: ignore[attr-defined]
    assert "learning_rate: 1e-05" in dumps_yaml({"learning_rate": 0.00001})


def test_params_yaml_is_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "sections.yaml"
    path.write_text("a: {octal: 0o17, decimal: 017, text: no, time: 1:30, none: ~}\n")
    parsed = {"octal": 15, "decimal": 17, "text": "no", "time": "1:30", "none": None}
    assert read_sections(path) == loads_yaml(path.read_text()) == {"a": parsed}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: 2\na: 3\n", 'line 3: not YAML: found duplicate key "a"'),
        (b"a:\n  b: {c: 1}\n  b: {c: 2}\n", 'line 3: not YAML: found duplicate key "b"'),
        (b"a: {b: 1, b: 1}\n", 'line 1: not YAML: found duplicate key "b"'),
        ("a: 1\n# für".encode("latin-1"), "line 2: invalid UTF-8 (invalid start byte)"),
        (b"\xff\xfea\x00:\x00", "line 1: invalid UTF-8 (invalid start byte)"),
        (b"a: [1,\n", "line 2: not YAML: expected the node content"),
        (b"a: 1\n---\nb: 2\n", "line 2: not YAML: but found another document"),
    ],
)
def test_a_file_that_is_damaged_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(SpikesoundError) as caught:
        Params.load(path)
    assert str(caught.value).startswith(f"{path}, {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_missing_section_is_named(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD.replace("\nevaluate:", "\nevaluation:"))
    with pytest.raises(SpikesoundError, match="unknown section 'evaluation'"):
        Params.load(path)
    path.write_text(GOOD[: GOOD.index("\nevaluate:")])
    with pytest.raises(SpikesoundError, match="evaluate: missing"):
        Params.load(path)


ARGUMENTS = {
    "baseline": ["classification"],
    "check": [],
    "compare": ["classification"],
    "costs": ["classification"],
    "denoising": [],
    "disturb": ["classification"],
    "download": ["classification"],
    "encode": [],
    "evaluate": ["ann-cnn"],
    "experiment": ["pairings"],
    "features": ["classification"],
    "filter": ["classification"],
    "latency": ["classification"],
    "report": ["classification"],
    "result": ["detection"],
    "robustness": ["ann-cnn"],
    "ship": ["classification", "ann-cnn"],
    "tones": [],
    "train": ["ann-cnn"],
}
"""Of each stage's script."""

HELPERS = {"paths", "places", "reads"}
"""What several stages share."""


def test_every_stage_has_its_arguments_here() -> None:
    stages = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert set(ARGUMENTS) <= stages
    assert stages - HELPERS == set(ARGUMENTS)


@pytest.mark.slow
def test_the_check_stage_checks_what_the_task_needs(tmp_path: Path) -> None:
    detecting = GOOD.replace("task: classification", "task: detection", 1)
    (tmp_path / "params.yaml").write_text(detecting.replace("expand: false", "expand: true"))
    command = [sys.executable, ROOT / "stages/check.py"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: filter.expand: ancestors have no events")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ARGUMENTS)
def test_every_stage_checks_all_parameters_before_it_works(stage: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(GOOD.replace("confidence: 0.95", "confidence: 95"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    result = subprocess.run(
        [sys.executable, ROOT / "stages" / f"{stage}.py", *ARGUMENTS[stage]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: params.yaml: evaluate.confidence")
    assert result.stderr.count("\n") == 1
    worked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert worked < 5, "seconds of the processor, which another process does not lengthen"
