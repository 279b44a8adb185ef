"""The choice of settings for unknown speakers: by other speakers alone, and its tables."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import pytest
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.json_files import write_json
from spikesound.params import Params
from spikesound.params.base import read_sections
from spikesound.params.experiments import changed

sys.path.insert(0, str(ROOT / "benchmarks"))
import fsdd_speakers
import speaker_tables


def row(name: str, side: str, **accuracies: float) -> dict[str, Any]:
    found = {speaker[1:]: score for speaker, score in accuracies.items()}
    return {
        "setting": name, "side": side, "without": list(found), "accuracies": found,
        "spike_rate": 0.1, "parameters": 10, "operations_dense": 2e6, "operations_by_spikes": 1e6,
    }  # fmt: skip


SEARCH = [
    row("good for 2", "spiking", s1=0.2, s2=0.9),
    row("good for 1", "spiking", s1=0.9, s2=0.2),
    row("good for 1", "spiking", s1=0.9, s3=0.3),
    row("good for 2", "spiking", s1=0.2, s3=0.8),
    row("twin", "conventional", s1=0.99, s2=0.99),
]


def test_a_speaker_has_no_part_in_the_choice_for_it() -> None:
    content = {"search": SEARCH}
    # Of pairs without speaker 1 the accuracies of 2 and 3 count, and not those of 1.
    assert fsdd_speakers.chosen(content, "1", "spiking") == ("good for 2", pytest.approx(0.85))
    assert fsdd_speakers.chosen(content, "2", "spiking") == ("good for 1", pytest.approx(0.9))
    assert fsdd_speakers.chosen(content, "1", "conventional") == ("twin", pytest.approx(0.99))
    with pytest.raises(SpikesoundError, match="no conventional search without 3"):
        fsdd_speakers.chosen(content, "3", "conventional")


def test_rows_of_settings_that_have_changed_do_not_count() -> None:
    known = fsdd_speakers.settings(argparse.Namespace(settings=None))
    today = row("integer", "spiking", s1=0.9) | {"key": fsdd_speakers.key_of(known["integer"])}
    before = today | {"key": fsdd_speakers.key_of(known["integer"] | {"seed": 7})}
    gone = today | {"setting": "another name"}
    assert fsdd_speakers.current([before, today, gone]) == [today]


def test_a_setting_with_fewer_pairs_is_not_chosen() -> None:
    content = {"search": [*SEARCH, row("tried once", "spiking", s1=0.0, s2=1.0)]}
    assert fsdd_speakers.chosen(content, "1", "spiking")[0] == "good for 2"


def test_a_mean_is_of_all_six_speakers() -> None:
    tested = [
        row("any", "spiking", **{f"s{speaker}": 0.1 * int(speaker)})
        | {"speaker": speaker, "seed": 1}
        for speaker in "123456"
    ]
    expected = {"spiking": {"accuracy": pytest.approx(0.35), "seeds": 1}}
    assert fsdd_speakers.means(tested) == expected
    assert fsdd_speakers.means([*tested, tested[0] | {"seed": 2}]) == expected
    assert fsdd_speakers.means(tested[1:]) == {}


def test_each_pair_of_speakers_is_left_out_once() -> None:
    assert len(set(fsdd_speakers.pairs(15))) == 15
    assert sorted(speaker for pair in fsdd_speakers.pairs(3) for speaker in pair) == list("123456")


def test_settings_are_parameters_of_the_pipeline() -> None:
    found = fsdd_speakers.settings(argparse.Namespace(settings=None))
    sections = read_sections(ROOT / "params.yaml")
    for name, changes in found.items():
        model = Params.of(changed(sections, changes)).model("speakers")
        assert model.spiking == (fsdd_speakers.side_of(name) == "spiking"), name
        assert model.recipe.keep == "last", "nothing is chosen by the speakers left out"
    with pytest.raises(SpikesoundError, match="no setting 'intger'; valid: integer, "):
        fsdd_speakers.settings(argparse.Namespace(settings=["intger"]))


def test_tables(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker_tables, "ROOT", tmp_path)
    assert "No row yet: `python benchmarks/fsdd_speakers.py search`" in speaker_tables.search()
    first, second = {"speaker": "1", "seed": 1}, {"speaker": "2", "seed": 1}
    tested = [
        row("good for 2", "spiking", s1=0.8) | first | {"validation_accuracy": 0.85},
        row("good for 1", "spiking", s2=0.6) | second | {"validation_accuracy": 0.9},
    ]
    content = {"search": SEARCH, "test": tested}
    write_json(tmp_path / speaker_tables.PATH, content)
    monkeypatch.setattr(speaker_tables, "read", lambda path: content)
    search = speaker_tables.search()
    expected = "| spiking | good for 1 | 2 | 57.5 % | 20.0 %, 90.0 % | 10.0 % | 10 | 2.0 | 1.0 |"
    assert expected in search
    assert "| conventional | twin | 1 | 99.0 % | 99.0 %, 99.0 % | – | 10 | 2.0 | 1.0 |" in search
    found = speaker_tables.tested()
    assert "| spiking | 1 | **70.0 %** of 2 speakers | 1: 80.0 % (85.0 %, good for 2); 2: " in found
