"""Proxies: what cannot go through the proxy does not go, and a bad address is noticed first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fetch_all import SOUNDS, fetch_all, parameters, steady, whole
from loopback import Answer, Loopback, Request
from mirror import Mirror, Pace
from project import ROOT

from spikesound.core.errors import SpikesoundError
from spikesound.core.schema import STATUS, read_table
from spikesound.data.fetch import policy
from spikesound.data.fetch.rates import Rates
from spikesound.data.fetch.session import Session, options
from spikesound.params import DownloadParams, Params

NAME = steady(1)[0]
CLIPS = [(NAME, 1.0, 3.0)]
DEAD = "127.0.0.1:9"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    pace = Pace(bytes_per_s=None, latency_s=0.0)
    with Mirror({f"{NAME}.ogg": SOUNDS / f"{NAME}.ogg"}, pace=pace) as made:
        yield made


@pytest.fixture(autouse=True)
def by_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any recording is long on a line that is slow enough."""
    slow = Rates(native_bytes_per_s=1e-3, section_s=5.0)
    monkeypatch.setattr(policy, "FIRST_RATES", slow)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def fetch(address: str, folder: Path, **changes: object) -> pd.DataFrame:
    params = parameters(attempts=2, backoff_s=0.01, timeout_s=2.0, **changes)
    return fetch_all(CLIPS, address + "/{media_id}.ogg", params, folder / "s", folder / "o")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
@pytest.mark.parametrize("given", ["params", "environment"])
def test_past_a_dead_proxy_not_one_request_goes_out(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, given: str
) -> None:
    proxy = f"{scheme}://{DEAD}"
    changes: dict[str, object] = {"proxy": proxy} if given == "params" else {}
    if given == "environment":
        monkeypatch.setenv("all_proxy", proxy)
    with pytest.raises(SpikesoundError):
        fetch(mirror.url, tmp_path, **changes)
    status = read_table(tmp_path / "o/status.parquet", STATUS)
    assert status["state"].tolist() == ["failed"], status["reason"].tolist()
    assert not mirror.entries


@pytest.mark.slow
@pytest.mark.parametrize("no_proxy", ["", "*", "example.org"])
def test_sections_go_through_the_proxy_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    def answer(request: Request) -> Answer:
        assert request.host == "example.org"
        return Answer(body=SOUNDS / f"{NAME}.ogg", headers={"Content-Type": "audio/ogg"})

    monkeypatch.setenv("no_proxy", no_proxy)
    with Loopback(answer, bytes_per_s=None, latency_s=0.0) as proxy:
        status = fetch("http://example.org", tmp_path, proxy=proxy.url, rate_hz=44100)
        ranged = [entry for entry in proxy.entries if entry.range]
    assert status["state"].tolist() == ["ok"], status["reason"].tolist()
    assert ranged, "ffmpeg asked for parts"
    assert whole(tmp_path / "o", CLIPS) == [f"{NAME}_1000"]


@pytest.mark.slow
def test_sections_go_past_a_proxy_of_the_environment_only_where_it_says_so(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{DEAD}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch(mirror.url, tmp_path, rate_hz=44100)["state"].tolist() == ["ok"]
    assert any(entry.range for entry in mirror.entries)


@pytest.mark.slow
def test_ffmpeg_gets_an_http_proxy_or_the_section_is_not_asked_for() -> None:
    def proxy(address: str) -> str | None:
        params = parameters(proxy=address)
        with Session(options(params), 1.0) as session:
            return session.section_proxy("https://example.org/a.ogg")

    assert proxy("http://user:password@host:8080") == "http://user:password@host:8080"
    for scheme in ("https", "socks5", "socks5h", "socks4"):
        with pytest.raises(ValueError, match="HTTP proxies only"):
            proxy(f"{scheme}://host:8080")


@pytest.mark.slow
@pytest.mark.parametrize(
    "proxy",
    [
        "host:8080",
        "localhost",
        "",
        " ",
        "htp://host:8080",
        "ftp://host:8080",
        "socks://host:1080",
        "socks6://host:1080",
        "http://",
        "http://:8080",
        "http://host:port",
        "http://host:99999",
        "http://host:0",
        "http://ho st:8080",
        "http://host:8080\nX: y",
        "http://[::1:8080",
    ],
)
def test_a_bad_address_of_a_proxy_is_told_before_any_work(tmp_path: Path, proxy: str) -> None:
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["download"]["proxy"] = proxy
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(SpikesoundError, match=r"download\.proxy: expected .* http://host:port"):
        Params.load(tmp_path / "params.yaml")


@pytest.mark.slow
@pytest.mark.parametrize(
    "proxy", ["http://host", "https://user:pass@host:8443", "socks5h://[::1]:1080", "SOCKS5://h:1"]
)
def test_a_good_address_of_a_proxy_is_taken(proxy: str) -> None:
    given = parameters().model_dump() | {"proxy": proxy}
    assert DownloadParams.model_validate(given).proxy == proxy
