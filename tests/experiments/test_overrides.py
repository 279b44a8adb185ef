"""Settings of experiments: values of parameters by dotted keys, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.evaluation.robustness.conditions import CLEAN, UNITS
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import (
    ConditionName,
    ProbeParams,
    changed,
    load_experiment,
    params_of,
)

CONTENT = read_sections(ROOT / "params.yaml")
FILE = ROOT / "experiments/params.yaml"


def setting(tmp_path: Path, **row: Any) -> dict[str, Params]:
    """Parameters of an experiment ``e`` of one setting ``s``, from a file."""
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"e": {"settings": {"s": row}}}), encoding="utf-8")
    return params_of(CONTENT, "e", load_experiment(path, "e"))


@pytest.mark.slow
@pytest.mark.parametrize("name", read_sections(FILE))
def test_every_experiment_of_the_project_is_valid(name: str) -> None:
    experiment = load_experiment(FILE, name)
    assert list(params_of(CONTENT, name, experiment)) == list(experiment.settings)


def test_every_experiment_of_the_project_has_a_stage() -> None:
    stages = read_sections(ROOT / "experiments/dvc.yaml")["stages"]
    del stages["tones"]  # of a network that is no row of the table of models
    del stages["denoising"]  # whose settings are in a file of their own
    assert set(stages) == set(read_sections(FILE))
    for name, stage in stages.items():
        assert stage["cmd"] == f"python stages/experiment.py {name}"
        assert stage["params"] == [{"experiments/params.yaml": [name]}]
        assert stage["metrics"] == [
            {f"metrics/experiments/{name}.json": {"cache": False, "persist": True}}
        ], "without persist DVC deletes the rows of a killed run"


def test_values_are_changed_by_dotted_keys_and_mappings_key_by_key() -> None:
    augment = CONTENT["recipes"]["snn"]["augment"]
    found = changed(
        CONTENT,
        {
            "encoding": "latency",
            "encodings.latency.steps": 9,
            "recipes.snn": {"epochs": 3, "augment": {"roll": False}},
        },
    )
    assert found["encoding"] == "latency"
    assert found["encodings"]["latency"] == CONTENT["encodings"]["latency"] | {"steps": 9}
    assert found["recipes"]["snn"]["augment"] == augment | {"roll": False}
    assert found["recipes"]["snn"]["epochs"] == 3
    assert CONTENT["encoding"] == "direct", "the content itself stays as it is"


def test_the_setting_comes_after_the_experiment(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    experiment = {
        "set": {"recipes.snn.epochs": 3, "encoding": "rate"},
        "settings": {"s": {"model": "snn-cnn-surrogate", "set": {"recipes.snn.epochs": 5}}},
    }
    path.write_text(yaml.safe_dump({"e": experiment}), encoding="utf-8")
    found = params_of(CONTENT, "e", load_experiment(path, "e"))["s"]
    assert (found.recipes["snn"].epochs, found.encoding) == (5, "rate")


def test_a_setting_may_add_a_row_to_the_table_of_models(tmp_path: Path) -> None:
    row = CONTENT["models"]["snn-cnn-surrogate"] | {"method": "qcfs"}
    found = setting(tmp_path, model="mine", set={"models.mine": row})
    assert found["s"].model("mine").method == "qcfs"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"model": "snn-cnn-surogate"},
            "unknown model 'snn-cnn-surogate' .*did you mean",
        ),
        ({"model": "ann-cnn", "set": {"recipes.ann.epoch": 1}}, "unknown key .*epoch"),
        ({"model": "ann-cnn", "set": {"recipe.ann.epochs": 1}}, "unknown section 'recipe'"),
        ({"model": "ann-cnn", "set": {"recipes.an.epochs": 1}}, "unknown key of recipes 'an'"),
        ({"model": "ann-cnn", "set": {"seed.more": 1}}, "seed: not a section"),
        ({"model": "ann-cnn", "set": {"recipes.ann.epochs": 0}}, "recipes.ann.epochs"),
        ({"model": "ann-cnn", "set": {"encoding": "morse"}}, "unknown encoding 'morse'"),
        ({"model": "ann-cnn", "seeds": []}, "e.settings.s.seeds"),
        (
            {"model": "ann-cnn", "sets": {}},
            "unknown key of e\\.settings\\.s 'sets'.*valid: model, noise, probes, seeds, set",
        ),
        (
            {
                "model": "ann-cnn",
                "set": {"recipes.ann.teacher": {"temperature": 2.0, "weight": 0.5}},
            },
            r"recipes\.ann\.teacher: no teacher is named: set teachers, or recipes\.ann\.teacher",
        ),
        ({"model": "ann-cnn", "noise": {"noises": ["brown"], "snr_db": [0.0]}}, "noises"),
    ],
)
def test_what_is_wrong_is_said_with_experiment_and_setting(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpikesoundError, match=message) as caught:
        setting(tmp_path, **row)
    assert re.search(r"experiment e, setting 's': |[ :]e\.settings\.s", str(caught.value))


def test_an_unknown_experiment_and_an_unknown_setting_to_compare(tmp_path: Path) -> None:
    with pytest.raises(SpikesoundError, match=r"unknown experiment 'pairing'.*did you mean"):
        load_experiment(FILE, "pairing")
    path = tmp_path / "params.yaml"
    compare = {"equal_energy": [], "noise": [], "rate_of": "s", "share": 0.2, "rate_steps": [1]}
    content = {"settings": {"s": {"model": "ann-cnn"}}, "compare": {"against": "t", **compare}}
    path.write_text(yaml.safe_dump({"e": content}), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=r"e: unknown setting in compare 't'"):
        load_experiment(path, "e")
    settings = {"s": {"model": "ann-cnn"}, "t": {"model": "ann-cnn", "teachers": ["s"]}}
    path.write_text(yaml.safe_dump({"e": {"settings": settings}}), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=r"'t': teachers: recipes\.ann\.teacher is null"):
        params_of(CONTENT, "e", load_experiment(path, "e"))
    settings["u"] = {"model": "ann-cnn", "teachers": ["t"]}
    path.write_text(yaml.safe_dump({"e": {"settings": settings}}), encoding="utf-8")
    with pytest.raises(SpikesoundError, match="in teachers of 'u', 't'; valid: s"):
        load_experiment(path, "e")
    with pytest.raises(SpikesoundError, match="no such file"):
        load_experiment(tmp_path / "none.yaml", "e")


def test_later_probes_leave_the_text_of_rows_without_them_as_it_was() -> None:
    """Digests of rows are of that text."""
    before = {
        "times": None, "exits": [0.9], "new_sounds": None, "validation": False,
        "best_test_epoch": None,
    }  # fmt: skip
    assert ProbeParams.model_validate({"exits": [0.9]}).model_dump() == before
    robustness = {"levels": {"white": [10.0]}, "draws": 2}
    chosen = ProbeParams.model_validate({"ties": True, "robustness": robustness})
    assert chosen.chosen() == ["ties", "robustness"]
    assert chosen.model_dump() == before | {"exits": [], "ties": True, "robustness": robustness}


def test_conditions_of_the_probe_are_those_of_the_tests_of_robustness() -> None:
    assert list(get_args(ConditionName)) == [name for name in UNITS if name != CLEAN]
