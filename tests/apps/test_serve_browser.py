"""The page of ``spikesound serve`` in a real Chromium, whose microphone plays a recording.

Needs the extras ``browser`` and ``serve`` and a Chromium; see tests/test_report_browser.py.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from trained_models import NAMES, RECORDING, detector

from spikesound.apps import api

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e '.[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install -e '.[serve]')")
from browsing import missing
from served import Tab, browser_with_microphone, opened, running

from spikesound.apps.serve.app import Serving
from spikesound.apps.serve.run import Server

pytestmark = pytest.mark.slow

SHOWN = """() => [...document.querySelectorAll('#events tr')].map(row =>
  [...row.children].slice(0, 4).map(cell => cell.textContent))"""
INKED = """(row) => { const pen = row.querySelector('canvas').getContext('2d');
  const { width, height } = pen.canvas;
  const data = pen.getImageData(0, 0, width, height).data;
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 4).join());
  return found.size; }"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector(tmp_path_factory.mktemp("page") / "model.safetensors", seed=5)


@pytest.fixture(scope="module")
def up(model: Path) -> Iterator[tuple[Server, Serving]]:
    with running(model) as running_server:
        yield running_server


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bark at 0.4 s, so that nobody waits for it."""
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path_factory.mktemp("microphone") / "bark.wav"
    soundfile.write(path, samples[2 * rate_hz : 4 * rate_hz], rate_hz, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(recording: Path) -> Iterator[Any]:
    with browser_with_microphone(recording) as started:
        yield started


def quiet(tab: Tab, server: Server) -> None:
    """Check that the page logged no error and sent requests to its own server only."""
    assert tab.said == []
    host = server.url.split("/")[2]
    assert tab.asked
    assert {url.split("/")[2] for url in tab.asked if not url.startswith("blob:")} == {host}
    assert [url for url in tab.asked if url.startswith("blob:") and host not in url] == []


def test_a_dropped_file_gives_what_detect_gives_and_its_labels_are_downloaded(
    browser: Any, up: tuple[Server, Serving], model: Path
) -> None:
    wanted = api.load(model).detect(RECORDING)
    with opened(browser, up[0].url, accept_downloads=True) as tab:
        content = list(RECORDING.read_bytes())
        tab.page.evaluate(
            """([bytes, name]) => { const carried = new DataTransfer();
              carried.items.add(new File([new Uint8Array(bytes)], name));
              document.body.dispatchEvent(new DragEvent('drop',
                { dataTransfer: carried, bubbles: true, cancelable: true })); }""",
            [content, RECORDING.name],
        )
        tab.status("Finished: 0:05.0 processed, 3 events")
        rows = sorted(tab.run(SHOWN))
        assert rows == sorted(
            [e.label, f"0:0{e.onset_s:.1f}", f"0:0{e.offset_s:.1f}", f"{e.score:.2f}"]
            for e in wanted
        )
        tab.page.select_option("#format", "csv")
        with tab.page.expect_download() as fetched:
            tab.page.click("#download")
        assert fetched.value.suggested_filename == f"{RECORDING.stem}.csv"
        lines = Path(fetched.value.path()).read_text().splitlines()
        assert len(lines) == 1 + len(wanted)
        assert all(any(name in line for line in lines) for name in NAMES)
        tab.page.locator("#player").wait_for(timeout=3000)
        tab.page.get_by_role("button", name="Show Dog").click()
        assert tab.run("document.getElementById('player').currentTime") == pytest.approx(
            next(e.onset_s for e in wanted if e.label == "Dog"), abs=0.01
        )
        quiet(tab, up[0])


def test_the_microphone_is_processed_and_the_picture_moves(
    browser: Any, up: tuple[Server, Serving]
) -> None:
    with opened(browser, up[0].url) as tab, opened(browser, up[0].url, 360) as other:
        tab.page.click("#microphone")
        tab.status("Listening to the microphone.")
        tab.page.locator("#events tr").nth(2).wait_for(timeout=8000)
        other.page.set_input_files("#file", RECORDING)  # meanwhile in another tab
        other.status("Finished")
        strips = tab.page.locator(".strip").all()
        assert len(strips) == 1 + 4 + 3
        assert all(strip.evaluate(INKED) >= 2 for strip in strips)
        before = tab.page.text_content("#figures")
        tab.page.wait_for_timeout(300)
        assert tab.page.text_content("#figures") != before
        tab.page.get_by_role("button", name="Stop").click()
        tab.status("Finished")
        assert {row[0] for row in tab.run(SHOWN)} == set(NAMES)
        assert up[1].streams == 0
        quiet(tab, up[0])
        quiet(other, up[0])


def test_errors_are_shown_in_the_page(
    browser: Any, up: tuple[Server, Serving], tmp_path: Path
) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("no sound at all")
    with opened(browser, up[0].url) as tab:
        tab.page.set_input_files("#file", path)
        tab.page.get_by_role("alert").filter(has_text="letter.wav: ").wait_for(timeout=5000)
        tab.run(
            "void (navigator.mediaDevices.getUserMedia = async () => { "
            "throw new DOMException('', 'NotAllowedError'); })"
        )
        tab.page.click("#microphone")
        tab.page.get_by_role("alert").filter(has_text="may not use the microphone").wait_for()
        quiet(tab, up[0])
        tab.page.route("**/file*", lambda route: route.abort())
        tab.page.set_input_files("#file", RECORDING)
        tab.page.get_by_role("alert").filter(has_text="does not answer").wait_for(timeout=5000)


def blank(tab: Tab) -> bool:
    """Whether no canvas shows anything but the lines at the thresholds."""
    inks = [strip.evaluate(INKED) for strip in tab.page.locator(".strip").all()]
    return inks == [1] * 5 + [2] * 3


def description(tab: Tab, name: str) -> str:
    """What a strip's canvas says to a screen reader."""
    label = tab.page.locator(f'canvas[aria-label^="{name}"]').get_attribute("aria-label")
    assert label is not None
    return str(label)


def test_what_a_microphone_gave_stays_and_is_downloaded_when_the_server_has_ended(
    browser: Any, model: Path
) -> None:
    with (
        running(model) as (server, serving),
        opened(browser, server.url, accept_downloads=True) as tab,
    ):
        tab.page.click("#microphone")
        tab.page.locator("#events tr:not(.going)").nth(1).wait_for(timeout=9000)
        seen = tab.run(SHOWN)
        server.stop()
        tab.page.get_by_role("alert").filter(has_text="does not answer").wait_for(timeout=9000)
        rows = tab.run(SHOWN)
        assert [row[:2] for row in rows[: len(seen)]] == [row[:2] for row in seen]
        assert all(row[2][0].isdigit() and float(row[3]) for row in rows), "all have ended"
        assert tab.run("document.querySelectorAll('.going').length") == 0
        assert f"{len(rows)} events until then" in str(tab.page.text_content("#status"))
        for name, sentence in (("csv", "the labels were saved."), ("raven", "saved as CSV, since")):
            tab.page.select_option("#format", name)
            with tab.page.expect_download() as fetched:
                tab.page.click("#download")
            assert fetched.value.suggested_filename == "microphone.csv"
            tab.page.get_by_role("alert").filter(has_text=sentence).wait_for(timeout=3000)
        with Path(fetched.value.path()).open(newline="") as file:
            [head, *lines] = csv.reader(file)
        assert head == ["filename", "onset", "offset", "event_label", "score"]
        assert [[line[3], round(float(line[1]), 1)] for line in lines] == [
            [row[0], float(row[1][2:])] for row in rows
        ]
        again = Server(serving, "127.0.0.1", int(server.url.split(":")[2].strip("/")))
        thread = threading.Thread(target=again.run, daemon=True)
        thread.start()
        with tab.page.expect_download() as fetched:
            tab.page.click("#download")
        assert fetched.value.suggested_filename == "microphone.selections.txt"
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        tab.page.get_by_text(f"microphone: {len(rows)} events in ").wait_for(timeout=3000)
        with tab.page.expect_download() as fetched:
            tab.page.get_by_role("button", name="Download labels of microphone").click()
        assert len(Path(fetched.value.path()).read_text().splitlines()) == 1 + len(rows)
        again.stop()
        thread.join(10)


def test_leaving_the_page_is_asked_for_until_the_microphones_labels_are_saved(
    browser: Any, up: tuple[Server, Serving]
) -> None:
    leave = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    with opened(browser, up[0].url, accept_downloads=True) as tab:
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        assert not tab.run(leave), "a file can be processed again"
        tab.page.click("#microphone")
        tab.page.locator("#events tr:not(.going)").first.wait_for(timeout=9000)
        tab.page.get_by_role("button", name="Stop").click()
        tab.status("Finished")
        assert tab.run(leave)
        with tab.page.expect_download():
            tab.page.click("#download")
        tab.page.wait_for_timeout(200)
        assert not tab.run(leave)


def test_after_a_file_that_cannot_be_read_nothing_of_the_former_is_shown_as_its_own(
    browser: Any, up: tuple[Server, Serving], tmp_path: Path
) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("no sound at all")
    with opened(browser, up[0].url) as tab:
        assert blank(tab)
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        tab.page.wait_for_timeout(200)
        assert not blank(tab)
        tab.page.set_input_files("#file", path)
        tab.page.get_by_role("alert").filter(has_text="letter.wav: ").wait_for(timeout=5000)
        tab.page.wait_for_timeout(1500)
        assert blank(tab)
        assert tab.page.text_content("#figures") == ""
        assert description(tab, "Dog").endswith(": no sound yet")
        assert tab.run(SHOWN) == []
        assert tab.page.locator("#player").is_hidden()
        tab.page.get_by_text(f"{RECORDING.name}: 3 events in 0:05.0").wait_for(timeout=3000)


def test_events_stand_by_onset_and_those_under_way_are_listed(
    browser: Any, up: tuple[Server, Serving], tmp_path: Path
) -> None:
    with opened(browser, up[0].url) as tab:
        tab.page.click("#microphone")
        going = tab.page.locator("#events tr.going")
        going.first.wait_for(timeout=9000)
        assert going.first.locator("td").nth(1).text_content() == "under way"
        tab.page.get_by_text("under way").first.wait_for()
        tab.page.get_by_role("button", name="Stop").click()
        tab.status("Finished")
        assert going.count() == 0
        onsets = [row[1] for row in tab.run(SHOWN)]
        assert len(onsets) >= 3
        assert onsets == sorted(onsets)


def test_the_progress_of_a_file_is_shown(
    browser: Any, up: tuple[Server, Serving], tmp_path: Path
) -> None:
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(samples, 25), rate_hz, subtype="PCM_16")
    with opened(browser, up[0].url) as tab:
        assert tab.page.locator("#progress").is_hidden()
        tab.run(
            "window.seen = [], new MutationObserver(() => seen.push([progress.value, "
            "figures.textContent])).observe(progress, { attributes: true })"
        )
        tab.page.set_input_files("#file", path)
        tab.status("Finished: 2:05.0 processed")
        tab.page.wait_for_timeout(200)
        assert tab.page.locator("#progress").is_hidden()
        shares = [value for value, _ in tab.run("seen") if 0 < value < 1]
        assert len(shares) >= 2
        assert shares == sorted(shares)
        assert any(" of 2:05.0 processed" in text for _, text in tab.run("seen"))


def test_the_axes_have_ticks_and_the_canvases_say_what_they_show(
    browser: Any, up: tuple[Server, Serving]
) -> None:
    ticks = "[...document.querySelectorAll('#time span')].map(e => e.textContent)"
    with opened(browser, up[0].url) as tab:
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        tab.page.wait_for_timeout(1500)
        assert tab.run(ticks)[:5] == ["0:00", "0:02", "0:04", "0:06", "0:08"]
        rows = [row.locator(".axis span") for row in tab.page.locator(".strip").all()]
        assert rows[0].all_text_contents() == ["500 Hz", "1 kHz", "2 kHz", "5 kHz", "10 kHz"]
        tops = [tick.bounding_box()["y"] for tick in rows[0].all()]  # type: ignore[index]
        assert tops == sorted(tops, reverse=True), "low frequencies are at the bottom"
        assert rows[1].all_text_contents()[0] == "1"
        assert rows[-1].all_text_contents() == ["0.50"]
        dog = next(row for row in tab.run(SHOWN) if row[0] == "Dog")
        assert f"highest score {dog[3]} at 0:02." in description(tab, "Dog")
        assert "at or above the threshold of 0.50 for 0." in description(tab, "Dog")
        assert "0:00.0 to 0:10.0; loudest at 0:02." in description(tab, "Mel spectrogram")
        assert "of the neurons spike in a frame on average, at most " in description(tab, "Layer 1")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_names_and_values_of_the_strips_are_whole(
    browser: Any, up: tuple[Server, Serving], width: int
) -> None:
    with opened(browser, up[0].url, width) as tab:
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        tab.page.wait_for_timeout(200)
        words, value = tab.page.locator(".strip").nth(1).locator(".name span").all()
        words.evaluate("e => { e.textContent = 'Layer 1: 256 neurons'; }")
        value.evaluate("e => { e.textContent = '18.4' + e.textContent.slice(-2); }")
        lines = "e => e.getClientRects().length === 1 && e.offsetHeight < 24"
        assert words.evaluate(lines)
        assert value.evaluate(lines)
        for each in tab.page.locator(".strip .name span").all():
            assert each.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
            assert each.evaluate("e => getComputedStyle(e).textOverflow") != "ellipsis"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_the_page_fits_and_axe_finds_no_fault(
    browser: Any, up: tuple[Server, Serving], width: int, scheme: str
) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed (pip install -e '.[browser]')")
    with opened(browser, up[0].url, width, scheme, bypass_csp=True) as tab:
        tab.page.set_input_files("#file", RECORDING)
        tab.status("Finished")
        tab.run("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert tab.run("document.documentElement.scrollWidth") <= width
        found = Axe().run(tab.page).response
        assert [(e["id"], e["nodes"][0]["html"][:160]) for e in found["violations"]] == []
        assert {"color-contrast", "label", "heading-order"} <= {e["id"] for e in found["passes"]}


def test_the_keyboard_reaches_every_control(browser: Any, up: tuple[Server, Serving]) -> None:
    with opened(browser, up[0].url) as tab:
        reached = []
        for _ in range(8):
            tab.page.keyboard.press("Tab")
            reached.append(tab.run("document.activeElement.id || document.activeElement.tagName"))
        wanted = ["A", "theme", "file", "microphone", "SUMMARY", "format"]
        assert list(dict.fromkeys(each for each in reached if each in wanted)) == wanted
        tab.page.locator("#file").focus()
        outline = "getComputedStyle(document.querySelector('.button')).outlineStyle"
        tab.page.keyboard.press("Shift+Tab")
        tab.page.keyboard.press("Tab")
        assert tab.run(outline) == "solid"
        before = tab.run("getComputedStyle(document.body).backgroundColor")
        tab.page.click("#theme")
        assert tab.run("getComputedStyle(document.body).backgroundColor") != before


COUNT = """() => new Promise(resolve => { let count = 0;
  new MutationObserver(() => { count += 1; }).observe(
    document.getElementById('figures'), { childList: true });
  setTimeout(() => resolve(count), 1300); })"""


def test_where_motion_is_not_welcome_the_picture_changes_once_a_second(
    browser: Any, up: tuple[Server, Serving]
) -> None:
    changes = {}
    for motion in ("reduce", "no-preference"):
        with opened(browser, up[0].url, reduced_motion=motion) as tab:
            tab.page.click("#microphone")
            tab.page.get_by_text("processed ·").wait_for(timeout=5000)
            changes[motion] = tab.page.evaluate(COUNT)
    assert 1 <= changes["reduce"] <= 2
    assert changes["no-preference"] > 3
