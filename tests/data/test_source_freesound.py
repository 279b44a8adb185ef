"""Freesound: a stand-in that speaks its API gives pages, refuses and throttles."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from loopback import Answer, Loopback, Request

from spikesound.core.errors import SpikesoundError
from spikesound.data.ontology import Ontology
from spikesound.data.sources.freesound import Freesound
from spikesound.params import FreesoundParams

SITE = 7  # sounds on a page of the stand-in, whatever it is asked for


def sound(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"../../etc/passwd {number}",
        "tags": ["x"],
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "username": f"user{number % 5}",
        "duration": 1.5 + number / 3,
        "previews": {"preview-hq-mp3": f"https://cdn.freesound.org/previews/0/{number}_1-hq.mp3"},
    } | changes


class Site:
    """The stand-in: search results by query, and answers that are given before any other."""

    def __init__(self) -> None:
        self.sounds = {
            "bark": [sound(n) for n in range(1, 24)],
            "rain": [sound(n) for n in range(20, 30)],
        }
        self.first: list[Answer] = []
        self.asked: list[dict[str, str]] = []
        self.url = ""
        self.next_at: str | None = None

    def __call__(self, request: Request) -> Answer:
        if self.first:
            return self.first.pop(0)
        if request.headers.get("authorization") != "Token secret":
            return Answer(401, b'{"detail": "Invalid token"}')
        parts = urlsplit(request.path)
        if parts.path != "/apiv2/search/":
            return Answer(404, b"{}")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(query)
        page = int(query.get("page", 1))
        sounds = self.sounds.get(query["query"], [])
        more = len(sounds) > page * SITE
        text = parts.query.partition("&page=")[0]
        following = f"{self.next_at or self.url}/apiv2/search/?{text}&page={page + 1}"
        answer = {
            "count": len(sounds),
            "next": following if more else None,
            "previous": None,
            "results": sounds[(page - 1) * SITE : page * SITE],
        }
        return Answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site()
    monkeypatch.setenv("FREESOUND_TOKEN", "secret")
    monkeypatch.setattr(Freesound, "backoff_s", 0.01)
    with Loopback(site, bytes_per_s=None, latency_s=0) as server:
        site.url = server.url
        yield site


@pytest.fixture
def make(site: Site, tmp_path: Path) -> Callable[..., Freesound]:
    def make(**changes: Any) -> Freesound:
        params: dict[str, Any] = {
            "api": f"{site.url}/apiv2",
            "queries": {"dog": "bark", "Rain": "rain"},
            "clips_per_label": 20,
            "longest_s": 30.0,
            "licences": [],
            "folds": 2,
        }
        return Freesound(FreesoundParams(**(params | changes)), Ontology({}, {}), tmp_path)

    return make


Make = Callable[..., Freesound]


def test_pages_are_followed_until_there_are_enough(make: Make, site: Site) -> None:
    clips = make().listing().clips.to_pandas()
    assert sorted(clips["media_id"].astype(int)) == list(range(1, 30))
    assert [query["query"] for query in site.asked] == ["bark"] * 3 + ["rain"] * 2
    assert site.asked[0] == {
        "query": "bark",
        "filter": "duration:[0 TO 30]",
        "fields": "id,name,tags,license,username,duration,previews",
        "page_size": "20",
    }


def test_a_sound_that_two_searches_find_has_both_labels(make: Make) -> None:
    made = make()
    clips = made.listing().clips.to_pandas().set_index("media_id")
    assert list(clips.loc["20", "labels"]) == ["dog", "rain"]
    assert list(clips.loc["21", "labels"]) == ["rain"]
    assert made.ontology.name("rain") == "Rain"
    assert clips.loc["20", ["clip_id", "start_s", "end_s", "recording"]].tolist() == [
        "20_0", 0.0, 8.166667, "user0"
    ]  # fmt: skip


def test_all_of_an_uploader_lies_in_one_fold(make: Make) -> None:
    clips = make().listing().clips.to_pandas()
    assert clips.groupby("recording")["fold"].nunique().tolist() == [1] * 5
    assert set(clips["fold"]) == {"1", "2"}


def test_a_rerun_has_the_same_sounds_without_asking(
    make: Make, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make().listing().clips
    asked = len(site.asked)
    site.sounds = {}
    monkeypatch.delenv("FREESOUND_TOKEN")
    made = make()
    assert made.locate("3") == "https://cdn.freesound.org/previews/0/3_1-hq.mp3"
    assert made.listing().clips.equals(first)
    assert len(site.asked) == asked


def test_another_search_is_asked_anew(make: Make, site: Site) -> None:
    make(queries={"dog": "bark"}).listing()
    before = len(site.asked)
    make(queries={"dog": "bark"}, longest_s=5.0, licences=["Attribution", "Creative Commons 0"])\
        .listing()  # fmt: skip
    assert site.asked[before]["filter"] == (
        'duration:[0 TO 5] license:("Attribution" OR "Creative Commons 0")'
    )


def test_each_sound_is_credited(make: Make, tmp_path: Path) -> None:
    make().listing()
    with (tmp_path / "freesound" / "credits.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 29
    assert rows["7"] == {
        "id": "7",
        "name": "../../etc/passwd 7",
        "author": "user2",
        "licence": "http://creativecommons.org/licenses/by/4.0/",
        "address": "https://freesound.org/s/7/",
    }


def test_being_throttled_is_waited_out(make: Make, site: Site) -> None:
    site.first = [Answer(429), Answer(503)]
    assert make().listing().clips.num_rows == 29
    assert site.first == []


def test_a_missing_or_wrong_token_is_named(
    make: Make, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREESOUND_TOKEN", "wrong")
    with pytest.raises(SpikesoundError, match=r"refuses the token in FREESOUND_TOKEN$") as raised:
        make().listing()
    assert "wrong" not in str(raised.value)
    monkeypatch.delenv("FREESOUND_TOKEN")
    with pytest.raises(SpikesoundError, match="FREESOUND_TOKEN is not set; https://freesound"):
        make().listing()
    assert site.asked == []
    assert list(tmp_path.rglob("*.json")) == []


def test_a_next_page_elsewhere_does_not_get_the_token(make: Make, site: Site) -> None:
    def steal(request: Request) -> Answer:
        raise AssertionError(request)

    with Loopback(steal, bytes_per_s=None, latency_s=0) as other:
        site.next_at = other.url
        with pytest.raises(SpikesoundError, match="the next page is at another host"):
            make().listing()
        assert other.entries == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"<html>", r"queries\.dog: JSONDecodeError"),
        (b"[]", "the answer is not one of Freesound's"),
        (b'{"results": null}', "expected a list of sounds"),
        (b'{"results": [{"id": "../x"}], "next": null}', "a sound without id"),
        (b'{"results": [{"id": 4}], "next": null}', "a sound without name"),
        (b'{"results": [], "next": null}', "'bark' finds nothing"),
    ],
)
def test_an_answer_that_is_not_freesounds_is_named(
    make: Make, site: Site, tmp_path: Path, body: bytes, complaint: str
) -> None:
    site.first = [Answer(200, body)]
    with pytest.raises(SpikesoundError, match=complaint) as raised:
        make().listing()
    assert "\n" not in str(raised.value)
    assert list(tmp_path.rglob("*.json")) == []


def test_a_sound_without_a_preview_or_a_length_is_rejected(make: Make, site: Site) -> None:
    local = {"preview-hq-mp3": "file:///etc/passwd"}
    site.sounds["bark"] = [sound(1), sound(2, previews={}), sound(3, duration=0),
                           sound(4, previews=local), sound(5, previews=None)]  # fmt: skip
    listing = make(queries={"dog": "bark"}).listing()
    assert listing.clips["media_id"].to_pylist() == ["1"]
    reasons = listing.rejected["reason"].to_pylist()
    assert (
        reasons
        == ["no preview-hq-mp3 at a web address", "a length of 0 s"]
        + ["no preview-hq-mp3 at a web address"] * 2
    )


def test_parameters_that_ask_for_nothing_are_named(make: Make) -> None:
    with pytest.raises(SpikesoundError, match=r"^sources\.freesound\.queries: empty"):
        make(queries={}).listing()
    with pytest.raises(SpikesoundError, match=r"^sources\.freesound\.licences: .* has a quote"):
        make(licences=['a"b']).listing()
    with pytest.raises(SpikesoundError, match="'99' is in none of the searches"):
        make().locate("99")


def test_a_damaged_list_in_the_cache_is_named(make: Make, tmp_path: Path) -> None:
    make().listing()
    kept = sorted((tmp_path / "freesound").glob("search-*.json"))
    assert len(kept) == 2
    kept[0].write_text("[{")
    with pytest.raises(SpikesoundError, match=r"search-.*\.json: invalid JSON: .*; delete it"):
        make().listing()
