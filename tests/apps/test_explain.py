"""``spikesound check --explain KEY``, and the page of all parameters."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import pytest
from project import ROOT
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from spikesound.apps.cli import app
from spikesound.core.errors import SpikesoundError
from spikesound.params import Params
from spikesound.params.base import Count, Distinct, Positive, Section, Share
from spikesound.params.describe import described, explain, find, sections_in, valid_values
from spikesound.params.root import ENTRIES

sys.path.append(str(ROOT / "benchmarks"))
import parameters

PARAMS = str(ROOT / "params.yaml")


class Cell(Section):
    """A cell."""

    width: Count = Field(description="Width, um.")
    kind: Literal["soma", "axon"] | None = Field(description="Part; null: any.")


class Dish(Section):
    cells: dict[str, Cell]
    sizes: dict[int, float] = Field(description="Number by size, um.")
    lid: Cell = Field(description="Cover.")


DISH = Dish(
    cells={"mine": Cell(width=3, kind=None)},
    sizes={8: 1.5},
    lid=Cell(width=1, kind="axon"),
)


def explained(key: str) -> str:
    result = CliRunner().invoke(app, ["check", PARAMS, "--explain", key], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.slow
def test_a_value_has_its_meaning_its_valid_values_and_what_the_file_says() -> None:
    assert explained("features.rate_hz") == (
        "features.rate_hz: 22050\n"
        "  Sampling rate to which clips are resampled, Hz.\n"
        "  Valid: integer from 4000 to 192000\n"
    )
    assert explained("filter.top").startswith("filter.top: null\n")
    assert explained("filter.strict").endswith("Valid: true or false\n")


@pytest.mark.slow
def test_a_section_has_its_keys_with_a_line_each() -> None:
    first, *keys = explained("costs.memory").splitlines()
    assert first == "costs.memory: Energies of memory accesses."
    assert [key.split()[0] for key in keys] == [
        "sram_pj",
        "dram_pj",
        "on_chip_kib",
        "source",
        "address_pj",
        "leakage_pw_per_bit",
        "leakage_source",
    ]
    assert all(key.endswith(".") for key in keys)


@pytest.mark.slow
def test_a_key_may_lead_through_an_entry_that_the_user_named() -> None:
    assert explained("costs.profiles.int8_45nm.mac_pj").startswith(
        "costs.profiles.int8_45nm.mac_pj: 0.23\n  Energy of a multiply-accumulate"
    )
    assert explain(DISH, "cells") == "cells: A cell.\n  mine  {width: 3, kind: null}"
    assert explain(DISH, "cells.mine") == (
        "cells.mine: A cell.\n  width  Width, um.\n  kind   Part; null: any."
    )
    assert explain(DISH, "cells.mine.kind") == (
        "cells.mine.kind: null\n  Part; null: any.\n  Valid: one of soma, axon, or null"
    )


@pytest.mark.slow
def test_an_entry_has_its_kind() -> None:
    assert explained("networks.crnn_gru.kind").startswith("networks.crnn_gru.kind: crnn_gru\n")
    assert "  kind  " in explained("encodings.direct")
    assert explained("encodings.burst.interval_min").endswith("Valid: integer >= 1\n")


@pytest.mark.slow
def test_entries_of_one_class_show_their_values() -> None:
    assert "  ann-cnn            {task: classification, network: cnn, neu" in explained("models")


def test_a_key_of_a_plain_mapping_has_the_type_of_its_values() -> None:
    assert explain(DISH, "sizes") == (
        "sizes: {8: 1.5}\n  Number by size, um.\n  Valid: mapping of integer to number"
    )
    assert explain(DISH, "sizes.8") == "sizes.8: 1.5\n  Number by size, um.\n  Valid: number"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "lid.wdith",
            "unknown key 'lid.wdith' (did you mean lid.width?); valid keys of lid: width, kind",
        ),
        (
            "width",
            "unknown key 'width' (did you mean cells.mine.width or lid.width?); valid sections: "
            "cells, sizes, lid",
        ),
        (
            "lid.width.um",
            "unknown key 'lid.width.um' (did you mean lid.width?); lid.width has no keys",
        ),
    ],
)
def test_an_unknown_key_lists_the_valid_ones_the_closest_first(key: str, message: str) -> None:
    with pytest.raises(SpikesoundError) as caught:
        find(DISH, key)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (Share, "number from 0 to 1"),
        (Annotated[int, Field(ge=1, lt=3)], "integer >= 1 and < 3"),
        (Positive | None, "number > 0, or null"),
        (Literal["one"], "one"),
        (Literal["a", "b"], "one of a, b"),
        (
            Annotated[list[str], Field(min_length=1), Distinct],
            "list (length >= 1, all different) of text",
        ),
        (
            Annotated[list[Count], Field(min_length=2, max_length=2)],
            "list (length 2) of integer >= 1",
        ),
        (Annotated[str, Field(pattern="^tcp://")] | None, "text matching ^tcp://, or null"),
        (str | Cell, "text, or section (width, kind)"),
        (dict[str, list[str]], "mapping of text to list of text"),
    ],
)
def test_valid_values_are_in_words(annotation: object, words: str) -> None:
    assert valid_values(annotation) == words


def sections(cls: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a section's class and those below it, of every kind of entry."""
    below = [each for field in cls.model_fields.values() for each in sections_in(field.annotation)]
    if cls is Params:
        below += [each for registry in ENTRIES.values() for each in registry.values()]
    return {cls}.union(*map(sections, below))


def test_every_parameter_is_described() -> None:
    found = sections(Params)
    assert len(found) > 40
    for section in found:
        for name, field in section.model_fields.items():
            assert described(field).endswith("."), f"{section.__name__}.{name}: no sentence"


def test_the_page_of_parameters_is_generated() -> None:
    page = (ROOT / "docs/reference/parameters.md").read_text(encoding="utf-8")
    assert page == parameters.page(), "run: make tables"
    assert "| `rate_hz` | integer from 4000 to 192000 | Sampling rate to which clips are" in page
    assert page.count("## `costs.profiles.<name>`\n") == 1
