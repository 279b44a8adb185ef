"""Kaggle: the official client against a stand-in that speaks its protocol."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collections_made import wav
from loopback import Answer, Loopback, Request

from spikesound.core.errors import SpikesoundError
from spikesound.data.ontology import Ontology
from spikesound.data.sources.kaggle import Kaggle
from spikesound.params import KaggleParams

CALL = "/v1/datasets.DatasetApiService/DownloadDataset"
BASIC = "Basic " + base64.b64encode(b"someone:key").decode()


def zipped(folder: Path, *more: tuple[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
        for name, text in more:
            archive.writestr(name, text)
    return content.getvalue()


class Site:
    """The stand-in: the API answers with a redirect to where the file lies, or with an error."""

    def __init__(self) -> None:
        self.url = ""
        self.content = b""
        self.error: tuple[int, str] | None = None
        self.asked: list[dict[str, Any]] = []
        self.faults: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if request.path.startswith("/storage/"):
            fault = self.faults.pop(0) if self.faults else ""
            return Answer(body=self.content, headers=self._dated(), fault=fault)
        if request.method != "POST" or request.path != CALL:
            return self._refused(404, "no such call")
        if request.headers.get("authorization") != BASIC:
            return self._refused(401, "Unauthenticated")
        if self.error:
            return self._refused(*self.error)
        self.asked.append(json.loads(request.body))
        return Answer(302, headers={"Location": f"{self.url}/storage/archive.zip?signed=1"})

    @staticmethod
    def _dated() -> dict[str, str]:
        return {"Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT", "Content-Type": "application/zip"}

    @staticmethod
    def _refused(code: int, message: str) -> Answer:
        body = json.dumps({"code": code, "message": message}).encode()
        return Answer(code, body, {"Content-Type": "application/json"})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home" / ".kaggle"))
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", "key")
    from kagglesdk import kaggle_env

    site = Site()
    wav(tmp_path / "made" / "sounds" / "dog" / "a.wav")
    wav(tmp_path / "made" / "sounds" / "rain" / "b.wav")
    site.content = zipped(tmp_path / "made", ("t.csv", "file,label,fold\ndog/a.wav,bark,1\n"))
    with Loopback(site, bytes_per_s=None, latency_s=0) as server:
        site.url = server.url
        endpoints = kaggle_env._env_to_endpoint
        monkeypatch.setitem(endpoints, kaggle_env.KaggleEnv.PROD, server.url)
        yield site


Make = Callable[..., Kaggle]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(**changes: Any) -> Kaggle:
        params: dict[str, Any] = {
            "dataset": "owner/some-sounds",
            "folder": "sounds",
            "table": None,
            "folds": 2,
            "events": None,
            "cut_s": None,
        }
        return Kaggle(KaggleParams(**(params | changes)), Ontology({}, {}), tmp_path / "cache")

    return make


@pytest.mark.slow
def test_a_dataset_is_fetched_once_and_read_as_a_folder(
    site: Site, make: Make, tmp_path: Path
) -> None:
    made = make()
    listing = made.listing()
    assert sorted(listing.clips["labels"].to_pylist()) == [["dog"], ["rain"]]
    assert site.asked == [{"ownerSlug": "owner", "datasetSlug": "some-sounds"}]
    media_id = listing.clips["media_id"][0].as_py()
    assert make().locate(media_id) == made.locate(media_id)
    assert Path(made.locate(media_id)).is_file()
    assert make().listing().clips.equals(listing.clips)
    assert len(site.asked) == 1
    assert [path.name for path in (tmp_path / "cache/kaggle").iterdir()] == ["owner+some-sounds"]


@pytest.mark.slow
def test_a_table_in_the_dataset_gives_the_labels(site: Site, make: Make) -> None:
    listing = make(table="t.csv").listing()
    assert listing.clips["labels"].to_pylist() == [["bark"]]


def test_a_version_of_a_dataset_can_be_asked_for(site: Site, make: Make) -> None:
    make(dataset="owner/some-sounds/3").listing()
    assert site.asked[0]["datasetVersionNumber"] == 3


@pytest.mark.slow
def test_a_broken_transfer_is_taken_up_again(site: Site, make: Make) -> None:
    site.faults = ["reset"]
    assert make().listing().clips.num_rows == 2
    assert site.faults == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        (401, "Kaggle refuses the credentials$"),
        (403, r"see if https://www\.kaggle\.com/datasets/owner/some-sounds exists, accept its lic"),
        (404, "Kaggle has no dataset 'owner/some-sounds'$"),
        (418, "Kaggle answers 418"),
    ],
)
def test_a_refusal_is_one_clear_line(
    site: Site, make: Make, tmp_path: Path, code: int, complaint: str
) -> None:
    site.error = (code, "no")
    with pytest.raises(SpikesoundError, match=complaint) as raised:
        make().listing()
    assert str(raised.value).startswith("sources.kaggle.dataset: owner/some-sounds: ")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "cache").rglob("*.zip")) == []


def test_a_wrong_key_is_refused(site: Site, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "other")
    with pytest.raises(SpikesoundError, match="Kaggle refuses the credentials"):
        make().listing()


def test_missing_credentials_are_named(
    site: Site, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(SpikesoundError, match=r"^source kaggle: no credentials; set KAGGLE_API"):
        make().listing()
    assert "Authentication required" not in capsys.readouterr().out
    assert site.asked == []


@pytest.mark.parametrize("dataset", [None, "sounds", "../../etc/passwd", "a/b/c", "a/..", ""])
def test_what_is_no_dataset_is_refused_unasked(make: Make, dataset: str | None) -> None:
    with pytest.raises(SpikesoundError, match=r"^sources\.kaggle\.dataset: .* is not owner/name"):
        make(dataset=dataset).listing()


@pytest.mark.parametrize("key", ["folder", "table"])
def test_a_path_out_of_the_dataset_is_refused(site: Site, make: Make, key: str) -> None:
    with pytest.raises(SpikesoundError, match=rf"sources\.kaggle\.{key}: '\.\./x' leads outside"):
        make(**{key: "../x"}).listing()


def test_a_folder_that_the_dataset_has_not_is_named(site: Site, make: Make) -> None:
    with pytest.raises(SpikesoundError, match="owner/some-sounds has no folder 'audio'"):
        make(folder="audio").listing()


def test_a_dataset_with_a_file_that_leads_outside_is_refused(
    site: Site, make: Make, tmp_path: Path
) -> None:
    site.content = zipped(tmp_path / "made", ("../../../evil.wav", "x"))
    with pytest.raises(SpikesoundError, match=r"refused: '\.\./\.\./\.\./evil\.wav': leads outs"):
        make().listing()
    assert list(tmp_path.rglob("evil.wav")) == []
    assert list((tmp_path / "cache" / "kaggle").iterdir()) == []
