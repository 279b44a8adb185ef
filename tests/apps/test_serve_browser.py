"""The page of ``spikesound serve`` in a real Chromium, whose microphone plays a recording.

Needs the extras ``browser`` and ``serve`` and a Chromium; see tests/test_report_browser.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from trained_models import NAMES, RECORDING

from spikesound.apps import api

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e '.[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install -e '.[serve]')")
from browsing import missing
from served import Tab, opened, quiet

pytestmark = pytest.mark.slow

INKED = """(row) => { const pen = row.querySelector('canvas').getContext('2d');
  const { width, height } = pen.canvas;
  const data = pen.getImageData(0, 0, width, height).data;
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) found.add(data.slice(i, i + 4).join());
  return found.size; }"""


def test_a_dropped_file_gives_what_detect_gives_and_its_labels_are_downloaded(
    browser: Any, url: str, page_model: Path
) -> None:
    wanted = api.load(page_model).detect(RECORDING)
    with opened(browser, url, accept_downloads=True) as tab:
        sound = list(RECORDING.read_bytes())
        tab.page.evaluate(
            """([bytes, name]) => { const carried = new DataTransfer();
              carried.items.add(new File([new Uint8Array(bytes)], name));
              document.body.dispatchEvent(new DragEvent('drop',
                { dataTransfer: carried, bubbles: true, cancelable: true })); }""",
            [sound, RECORDING.name],
        )
        tab.status(f"Finished {RECORDING.name}: 3 events in 0:05.0.")
        tab.sound(RECORDING.name, "3 events")
        rows = sorted(tab.known)
        assert rows == sorted(
            [e.label, f"0:0{e.onset_s:.1f}", f"0:0{e.offset_s:.1f}", f"{e.score:.2f}"]
            for e in wanted
        )
        name, content = tab.save()
        assert name == f"{RECORDING.stem}.csv"
        lines = content.decode().splitlines()
        assert len(lines) == 1 + len(wanted)
        assert all(any(name in line for line in lines) for name in NAMES)
        quiet(tab, url)


def test_the_microphone_is_processed_and_the_picture_moves(
    browser: Any, url: str, served_page: Any
) -> None:
    with opened(browser, url) as tab, opened(browser, url, 360) as other:
        tab.page.click("#microphone")
        tab.status("Listening to the microphone.")
        tab.page.locator("#events tr[data-event]").nth(2).wait_for(timeout=60_000)
        other.process(RECORDING)  # meanwhile in another tab
        strips = tab.page.locator("#strips .strip").all()
        assert len(strips) == 1 + 4 + 3
        assert all(strip.evaluate(INKED) >= 2 for strip in strips)
        before = tab.page.text_content("#figures")
        tab.until(f"document.getElementById('figures').textContent !== {before!r}")
        tab.page.locator("#stop").click()
        tab.status("Finished")
        tab.drawn()
        assert {row[0] for row in tab.known} == set(NAMES)
        assert served_page[1].streams == 0
        quiet(tab, url)
        quiet(other, url)


def test_errors_are_shown_in_the_page(browser: Any, url: str, tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("no sound at all")
    with opened(browser, url) as tab:
        tab.page.set_input_files("#file", path)
        tab.page.get_by_role("alert").filter(has_text="letter.wav: ").wait_for(timeout=60_000)
        tab.run(
            "void (navigator.mediaDevices.getUserMedia = async () => { "
            "throw new DOMException('', 'NotAllowedError'); })"
        )
        tab.page.click("#microphone")
        tab.page.get_by_role("alert").filter(has_text="may not use the microphone").wait_for()
        quiet(tab, url)
        tab.page.route("**/file*", lambda route: route.abort())
        tab.page.set_input_files("#file", RECORDING)
        tab.page.get_by_role("alert").filter(has_text="does not answer").wait_for(timeout=60_000)


def blank(tab: Tab) -> bool:
    """Whether no canvas shows anything but the lines at the thresholds."""
    inks = [strip.evaluate(INKED) for strip in tab.page.locator("#strips .strip").all()]
    return inks == [1] * 5 + [2] * 3


def description(tab: Tab, name: str) -> str:
    """What a strip's canvas says to a screen reader."""
    label = tab.page.locator(f'canvas[aria-label^="{name}"]').get_attribute("aria-label")
    assert label is not None
    return str(label)


def test_of_a_file_that_cannot_be_read_nothing_is_shown_and_the_others_stay(
    browser: Any, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "letter.wav"
    path.write_text("no sound at all")
    with opened(browser, url) as tab:
        assert blank(tab)
        tab.process(RECORDING)
        assert not blank(tab)
        tab.page.set_input_files("#file", path)
        tab.page.get_by_role("alert").filter(has_text="letter.wav: ").wait_for(timeout=60_000)
        tab.sound("letter.wav", "not processed")
        tab.page.wait_for_timeout(1500)
        assert blank(tab)
        assert tab.page.text_content("#figures") == ""
        assert description(tab, "Dog").endswith(": no sound yet")
        assert tab.page.locator("#player").is_hidden()
        assert len(tab.known) == 3
        tab.page.get_by_role("button", name=f"Show {RECORDING.name}").click()
        tab.drawn()
        assert not blank(tab)


def test_events_under_way_are_listed_and_named_while_they_sound(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)  # so that the first frames of the microphone do not wait
        tab.run(
            "window.named = new Set(), window.going = new Set(), new MutationObserver(() => {"
            "for (const e of document.querySelectorAll('#now .known')) named.add(e.firstChild"
            ".textContent.trim());"
            "for (const e of document.querySelectorAll('#events .going')) going.add("
            "e.querySelector('.label').textContent + ': ' + e.children[3].textContent"
            "+ ', ' + e.querySelector('td button').disabled);"
            "}).observe(document.body, { childList: true, subtree: true, attributes: true })"
        )
        tab.page.click("#microphone")
        tab.page.locator("#events tr[data-event]:not(.going)").nth(4).wait_for(timeout=60_000)
        tab.page.locator("#stop").click()
        tab.status("Finished microphone")
        tab.drawn()
        assert tab.page.locator("#events tr.going").count() == 0
        assert set(tab.run("[...going]")) == {f"{name}: under way, true" for name in NAMES}
        onsets = [row[3] for row in tab.rows if row[2].startswith("microphone")]
        assert len(onsets) >= 3
        assert onsets == sorted(onsets)
        assert set(tab.run("[...named]")) == set(NAMES)


def test_files_wait_in_a_queue_and_the_progress_of_each_is_shown(
    browser: Any, url: str, tmp_path: Path
) -> None:
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(samples, 25), rate_hz, subtype="PCM_16")
    bar = "document.querySelector('#sounds li progress')"
    with opened(browser, url) as tab:
        tab.run(
            "window.seen = [], new MutationObserver(() => { const { value, nextSibling } = "
            f"{bar}; seen.push([value, nextSibling.textContent]); }}).observe(sounds, "
            "{ subtree: true, childList: true, attributes: true })"
        )
        tab.page.set_input_files("#file", [path, RECORDING])
        tab.sound(RECORDING.name, "waiting")
        tab.sound("long.wav", "2:05.0, real-time factor")
        tab.sound(RECORDING.name, "0:05.0, real-time factor")
        assert tab.page.locator("#sounds progress:visible").count() == 0
        shares = [value for value, _ in tab.run("seen") if 0 < value < 1]
        assert len(set(shares)) >= 2
        assert shares == sorted(shares)
        assert any(" of 2:05.0" in text for _, text in tab.run("seen"))
        assert tab.page.locator("#caption").text_content() == f"{len(tab.rows)} events"
        assert {row[2] for row in tab.rows} == {"long.wav", RECORDING.name}


def test_the_axes_have_ticks_and_the_canvases_say_what_they_show(browser: Any, url: str) -> None:
    ticks = "[...document.querySelectorAll('#time span')].map(e => e.textContent)"
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.wait_for_timeout(1500)
        assert tab.run(ticks)[:5] == ["0:00", "0:02", "0:04", "0:06", "0:08"]
        rows = [row.locator(".axis span") for row in tab.page.locator("#strips .strip").all()]
        assert rows[0].all_text_contents() == ["500 Hz", "1 kHz", "2 kHz", "5 kHz", "10 kHz"]
        tops = [tick.bounding_box()["y"] for tick in rows[0].all()]  # type: ignore[index]
        assert tops == sorted(tops, reverse=True), "low frequencies are at the bottom"
        assert rows[1].all_text_contents()[0] == "1"
        assert rows[-1].all_text_contents() == ["0.50"]
        dog = next(row for row in tab.known if row[0] == "Dog")
        assert f"highest score {dog[3]} at 0:02." in description(tab, "Dog")
        assert "at or above the threshold of 0.50 for 0." in description(tab, "Dog")
        assert "0:00.0 to 0:10.0; loudest at 0:02." in description(tab, "Mel spectrogram")
        assert "of the neurons spike in a frame on average, at most " in description(tab, "Layer 1")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_names_and_values_of_the_strips_are_whole(browser: Any, url: str, width: int) -> None:
    with opened(browser, url, width) as tab:
        tab.process(RECORDING)
        tab.drawn()
        words, value = tab.page.locator("#strips .strip").nth(1).locator(".name span").all()
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
    browser: Any, url: str, width: int, scheme: str
) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed (pip install -e '.[browser]')")
    with opened(browser, url, width, scheme, bypass_csp=True) as tab:
        tab.process(RECORDING)
        tab.run("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert tab.run("document.documentElement.scrollWidth") <= width
        found = Axe().run(tab.page).response
        assert [(e["id"], e["nodes"][0]["html"][:160]) for e in found["violations"]] == []
        assert {"color-contrast", "label", "heading-order"} <= {e["id"] for e in found["passes"]}


def test_the_keyboard_reaches_every_control(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.locator("summary").first.click()
        tab.page.mouse.click(1, 1)
        reached = []
        for _ in range(40):
            tab.page.keyboard.press("Tab")
            reached.append(tab.run("document.activeElement.id || document.activeElement.tagName"))
        wanted = [
            *("A", "show-keys", "theme", "file", "microphone", "SUMMARY", "quiet"),
            *("by-label", "by-sound", "by-state", "order", "by-score", "clear", "add"),
            *("table", "which", "format", "download"),
        ]
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
    browser: Any, url: str
) -> None:
    changes = {}
    for motion in ("reduce", "no-preference"):
        with opened(browser, url, reduced_motion=motion) as tab:
            tab.page.click("#microphone")
            tab.page.get_by_text("processed ·").wait_for(timeout=60_000)
            changes[motion] = tab.page.evaluate(COUNT)
    assert 1 <= changes["reduce"] <= 2
    assert changes["no-preference"] > 3
