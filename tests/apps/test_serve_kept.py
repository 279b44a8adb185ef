"""What the page of ``spikesound serve`` keeps: nothing is lost when the program ends."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from trained_models import RECORDING

from spikesound.apps import api

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e '.[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install -e '.[serve]')")
from served import Tab, opened, program

pytestmark = pytest.mark.slow

AWAY = "#away:not([hidden])"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.tile(samples[: 5 * rate_hz], 36), rate_hz, subtype="PCM_16")
    return path


def is_kept(tab: Tab) -> None:
    """Wait until the page itself is kept."""
    tab.until("caches.match('/').then(Boolean)")
    tab.until("caches.match('/model').then(Boolean)")


def rename(tab: Tab, label: str, new: str) -> None:
    tab.correct(label)
    tab.page.locator('[data-edit="label"]').fill(new)
    tab.page.get_by_role("button", name="Right").click()
    tab.drawn()


def test_the_program_is_killed_in_mid_use_and_nothing_is_lost(
    browser: Any, page_model: Path, long: Path
) -> None:
    with program(page_model) as (process, url):
        port = int(url.split(":")[2].strip("/"))
        tab = opened(browser, url, accept_downloads=True)
        tab.process(RECORDING)
        is_kept(tab)
        rename(tab, "Dog", "Wolf")
        tab.page.click("#microphone")
        microphone = tab.page.locator("#events tr[data-event]:not(.going)")
        microphone.filter(has_text="microphone").nth(1).wait_for(timeout=60_000)
        tab.page.set_input_files("#file", [long, RECORDING])
        tab.page.locator("#events tr", has_text="long.wav").nth(3).wait_for(timeout=60_000)
        seen = tab.rows
        process.kill()
        process.wait()
    tab.page.locator(AWAY).wait_for(timeout=60_000)
    tab.sound("long.wav", "waits for the program")
    tab.sound("microphone-", "stopped at")
    rows = tab.rows
    ended = [row for row in seen if row[4] != "under way"]
    assert [row for row in ended if row not in rows] == []
    assert tab.page.locator("tr.going").count() == 0

    rename(tab, "Sneeze", "Cough")
    tab.drawn()
    rows = tab.rows
    tab.kept()
    tab.page.reload()
    tab.page.locator("#events tr[data-event]").first.wait_for(timeout=60_000)
    tab.page.locator(AWAY).wait_for(timeout=60_000)
    tab.drawn()
    assert tab.rows == rows
    assert {"Wolf", "Cough"} <= {row[0] for row in tab.rows}
    tab.run("void player.addEventListener('playing', () => { window.played = player.duration; })")
    for name in ("Wolf", "Dog"):  # of the file, and of a sound that only the browser has
        tab.run("void (window.played = null)")
        tab.page.get_by_role("button", name=f"Play {name}").first.click()
        tab.until("window.played > 0.5")
    name, content = tab.save("all", "raven")
    assert name == "labels.csv"
    tab.page.get_by_role("alert").filter(has_text="saved as CSV, since").wait_for(timeout=60_000)
    saved = list(csv.DictReader(io.StringIO(content.decode())))
    labelled = [row for row in rows if row[0] != "unknown"]
    assert len(saved) == len(labelled)
    assert sorted((each["filename"], each["event_label"]) for each in saved) == sorted(
        (row[2], row[0]) for row in labelled
    )

    with program(page_model, port):
        tab.sound("long.wav", "3:00.0, real-time factor")
        tab.page.locator("#away").wait_for(state="hidden", timeout=60_000)
        tab.page.select_option("#by-sound", label="long.wav")
        tab.drawn()
        wanted = api.load(page_model).detect(long)
        listed = int(str(tab.page.text_content("#caption")).split()[0])
        assert listed == len(wanted), "what was there before is not there twice"
        tab.page.select_option("#by-sound", label=RECORDING.name)
        tab.drawn()
        assert "Wolf" in {row[0] for row in tab.rows}
        tab.page.click("#clear")
        tab.page.get_by_role("button", name="Process again microphone").click()
        tab.sound("microphone-", "real-time factor")
        with tab.page.expect_download() as fetched:
            tab.page.get_by_role("button", name="Save sound microphone").click()
        assert soundfile.info(fetched.value.path()).duration > 0.5
    tab.context.close()


def test_processing_again_keeps_what_a_person_changed(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        rename(tab, "Dog", "Wolf")
        tab.page.get_by_role("button", name="Correct Sneeze").focus()
        tab.page.keyboard.press("Delete")
        tab.drawn()
        before = tab.rows
        tab.page.get_by_role("button", name="Process again").click()
        tab.drawn()
        tab.sound(RECORDING.name, "real-time factor")
        assert tab.rows == before
        assert {row[0] for row in before} == {"Wolf", "Rooster"}


def test_a_sound_is_removed_when_a_person_says_so_and_not_before(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        asked = []

        def answer(dialog: Any) -> None:
            asked.append(dialog.message)
            if len(asked) == 1:
                dialog.dismiss()
            else:
                dialog.accept()

        tab.page.on("dialog", answer)
        button = tab.page.get_by_role("button", name=f"Remove {RECORDING.name}")
        button.click()
        tab.drawn()
        assert len(tab.rows) == 3
        button.click()
        tab.drawn()
        assert asked == [f"Remove {RECORDING.name} and 3 events?"] * 2
        tab.kept()
        tab.page.reload()
        tab.page.locator("canvas").first.wait_for()
        tab.page.wait_for_timeout(1000)
        assert tab.rows == []
        assert tab.page.locator("#sounds li").count() == 0


def test_another_tab_takes_over_what_a_closed_one_had_and_nothing_before(
    browser: Any, url: str
) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        rows = tab.rows
        other = tab.context.new_page()
        other.goto(url)
        other.wait_for_timeout(1500)
        assert other.locator("#sounds li").count() == 0, "it is the first tab's"
        tab.page.close()
        other.locator("#sounds li").wait_for(timeout=60_000)
        other.wait_for_timeout(500)
        assert other.locator("#events tr[data-event]").count() == len(rows)


def test_where_the_browser_keeps_nothing_the_page_says_so_and_asks_before_it_is_left(
    browser: Any, url: str
) -> None:
    leave = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        assert not tab.run(leave), "all is kept"
        tab.page.add_init_script("indexedDB.open = () => { throw new Error('not here'); }")
        tab.page.reload()
        alert = tab.page.get_by_role("alert").filter(has_text="not here): save the labels before")
        alert.wait_for(timeout=60_000)
        tab.process(RECORDING)
        assert len(tab.rows) == 3
        assert tab.run(leave)


def test_a_file_at_which_the_program_ends_is_tried_three_times_and_then_left(
    browser: Any, page_model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.ogg"
    broken.write_bytes(b"OggS")
    asked: list[str] = []

    def end(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    with program(page_model) as (_, url):
        tab = opened(browser, url)
        tab.page.route("**/file?name=broken*", end)
        tab.page.set_input_files("#file", [broken, RECORDING])
        tab.sound("broken.ogg", "ended 3 times while it worked on this file")
        tab.sound(RECORDING.name, "real-time factor")
        assert len(asked) == 3
        tab.page.get_by_role("button", name="Process again broken.ogg").click()
        tab.until("document.querySelector('#sounds').textContent.includes('waits')")
        tab.sound("broken.ogg", "ended 3 times while it worked on this file")
        assert len(asked) == 6
