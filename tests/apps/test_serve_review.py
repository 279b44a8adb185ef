"""The events on the page of ``spikesound serve``: filtered, listened to, corrected, saved."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from trained_models import NAMES, RECORDING

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e '.[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install -e '.[serve]')")
from browsing import missing
from served import Tab, opened, quiet, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bark in another file."""
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path_factory.mktemp("second") / "second.wav"
    soundfile.write(path, samples[: 4 * rate_hz], rate_hz, subtype="PCM_16")
    return path


def edit(tab: Tab, **values: str) -> None:
    """Write into the editor's fields."""
    for name, value in values.items():
        tab.page.locator(f'[data-edit="{name}"]').fill(value)
        tab.page.locator(f'[data-edit="{name}"]').blur()
    tab.drawn()


def test_the_table_is_filtered_by_class_sound_and_score(
    browser: Any, url: str, second: Path
) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING, second)
        everything = tab.rows
        assert {(row[0], row[2]) for row in everything} == {
            (name, path.name) for name in NAMES for path in (RECORDING, second)
        }
        tab.page.select_option("#by-label", label="Dog")
        tab.drawn()
        assert tab.rows == [row for row in everything if row[0] == "Dog"]
        assert tab.page.text_content("#caption") == f"2 of {len(everything)} events"
        tab.page.select_option("#by-sound", label=second.name)
        tab.drawn()
        assert tab.rows == [row for row in everything if row[0] == "Dog" and row[2] == second.name]
        tab.page.click("#clear")
        scores = sorted({float(row[5]) for row in everything})
        tab.page.locator("#by-score").fill(str(scores[1]))
        tab.drawn()
        assert {float(row[5]) for row in tab.rows} <= set(scores[1:])
        assert 0 < len(tab.rows) < len(everything)
        assert tab.page.text_content("#by-score-text") == f"{scores[1]:.2f}"
        tab.page.click("#clear")
        tab.page.select_option("#order", "highest")
        tab.drawn()
        assert [float(row[5]) for row in tab.rows] == sorted(
            (float(row[5]) for row in everything), reverse=True
        )
        quiet(tab, url)


def test_a_long_table_is_listed_part_by_part(browser: Any, url: str, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(RECORDING)
    path = tmp_path / "long.wav"
    bark = samples[2 * rate_hz : 4 * rate_hz]  # 70 whole recordings are more than the server takes
    soundfile.write(path, np.tile(bark, 80), rate_hz, subtype="PCM_16")
    with opened(browser, url) as tab:
        tab.process(path)
        whole = int(str(tab.page.text_content("#caption")).split()[0])
        assert whole > 200
        assert len(tab.rows) == 200
        assert f"; {whole - 199} to {whole} are listed" in str(tab.page.text_content("#caption"))
        later = tab.rows
        tab.page.get_by_role("button", name="Earlier events").click()
        assert "; 1 to 200 are listed" in str(tab.page.text_content("#caption"))
        assert tab.rows[whole - 200 :] == later[: 400 - whole]
        assert tab.page.locator("#earlier").is_hidden()
        tab.page.get_by_role("button", name="Later events").click()
        assert tab.rows == later
        tab.page.locator("#player").wait_for()
        tab.run("void (player.currentTime = 1)")
        tab.page.click("#add")
        assert ["unknown", "added", "long.wav", "0:01.0", "0:02.0", "none"] in tab.rows


PLAYED = """() => { window.played = []; const e = document.getElementById('player');
  e.addEventListener('playing', () => played.push(e.currentTime));
  e.addEventListener('pause', () => played.push(e.currentTime)); }"""


def test_a_hit_is_played_from_its_start_to_its_end_and_no_further(
    browser: Any, url: str, second: Path
) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING, second)
        tab.page.evaluate(PLAYED)
        tab.correct("Dog", 0)  # the picture shows the first sound, the hit is of the second
        start, end = (
            float(tab.page.input_value(f'[data-edit="{name}"]')) for name in ("onset", "offset")
        )
        tab.page.get_by_role("button", name="Close").first.click()
        for number, name in ((1, second.name), (0, RECORDING.name)):
            tab.run("void (played.length = 0)")
            tab.page.get_by_role("button", name="Play Dog").nth(number).click()
            tab.until("played.length >= 2")
            began, stopped = tab.run("played.slice(-2)")
            assert began == pytest.approx(start, abs=0.15)
            assert end - 0.05 <= stopped < end + 0.6
            assert tab.page.text_content("#picture-of") == f"of {name}"
        assert tab.run("player.paused")
        quiet(tab, url)


def test_labels_are_corrected_deleted_added_and_moved_and_each_is_undone(
    browser: Any, url: str
) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        before = tab.rows
        tab.correct("Dog")
        assert tab.run("document.activeElement.dataset.edit") == "label"
        edit(tab, label="Wolf", onset="1.25", offset="3.5")
        [wolf] = [row for row in tab.rows if row[0] == "Wolf"]
        assert wolf == ["Wolf", "was Dog", RECORDING.name, "0:01.3", "0:03.5", "by you"]
        edit(tab, offset="1")
        alert = tab.page.locator('[data-edit="wrong"]')
        assert alert.text_content() == "End: expected a time after the start."
        tab.page.click("#theme")  # all is drawn again
        tab.drawn()
        assert tab.page.input_value('[data-edit="offset"]') == "1", "it is there to be mended"
        edit(tab, offset="77")
        assert alert.text_content() == "End: the sound is 5.00 s long."
        edit(tab, onset="-1", offset="4")
        assert alert.text_content() == "Start: expected seconds, at least 0."
        assert wolf in tab.rows, "what is wrong is not taken"
        tab.page.get_by_role("button", name="Close").first.click()
        tab.page.get_by_role("button", name="Correct Sneeze").focus()
        tab.page.keyboard.press("Delete")
        tab.drawn()
        assert {row[0] for row in tab.rows} == {"Wolf", "Rooster"}
        tab.page.click("#add")
        edit(tab, label="Door", onset="4", offset="4.5")
        assert ["Door", "added", RECORDING.name, "0:04.0", "0:04.5", "by you"] in tab.rows
        for _ in range(8):
            if tab.page.locator("#undo").is_disabled():
                break
            tab.page.click("#undo")
        tab.drawn()
        assert sorted(tab.rows) == sorted(before)
        quiet(tab, url)


def test_corrections_are_saved_as_training_labels(browser: Any, url: str, second: Path) -> None:
    with opened(browser, url, accept_downloads=True) as tab:
        tab.process(RECORDING, second)
        tab.correct("Dog")
        edit(tab, label="Wolf", onset="1.25", offset="3.5")
        tab.page.get_by_role("button", name="Close").first.click()
        tab.page.get_by_role("button", name="Correct Sneeze").nth(1).focus()
        tab.page.keyboard.press("c")
        tab.page.get_by_role("button", name="Correct Rooster").nth(1).focus()
        tab.page.keyboard.press("Delete")
        name, content = tab.save("checked", "csv")
        assert name == "labels.csv"
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        assert {(row["filename"], row["event_label"], float(row["score"])) for row in rows} == {
            (RECORDING.name, "Wolf", 1.0),
            (second.name, "Sneeze", 1.0),
        }
        assert (rows[0]["onset"], rows[0]["offset"]) == ("1.250000", "3.500000")
        assert tab.page.text_content("#status") == "Saved: 2 events of 2 sounds."
        for format, suffix in (("audacity", ".txt"), ("raven", ".selections.txt")):
            name, content = tab.save("all", format)
            assert name == f"labels{suffix}.zip"
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                texts = {each: archive.read(each).decode() for each in archive.namelist()}
            assert set(texts) == {f"{RECORDING.stem}{suffix}", f"second{suffix}"}
            assert "Wolf" in texts[f"{RECORDING.stem}{suffix}"]
            assert "Rooster" not in texts[f"second{suffix}"], "deleted"
        tab.page.select_option("#by-sound", label=second.name)
        tab.drawn()
        name, content = tab.save("listed", "audacity")
        assert name == "second.txt"
        assert sorted(line.split("\t")[2] for line in content.decode().splitlines()) == [
            "Dog",
            "Sneeze",
        ]
        quiet(tab, url)


def test_what_no_class_reaches_is_unknown_and_can_be_named(browser: Any, deaf_model: Path) -> None:
    with (
        running(deaf_model) as (server, _),
        opened(browser, server.url, accept_downloads=True) as tab,
    ):
        tab.run(
            "window.named = new Set(), new MutationObserver(() => document.querySelectorAll("
            "'#now .mark').forEach(e => named.add(e.firstChild.textContent.trim())))"
            ".observe(now, { childList: true })"
        )
        tab.process(RECORDING)
        assert tab.known == []
        [unknown] = tab.rows
        assert unknown[0] == "unknown"
        assert unknown[3].startswith("0:02")
        assert unknown[5] == "none"
        tab.sound(RECORDING.name, "0 events, 1 unknown")
        tab.page.locator("#format").select_option("csv")
        tab.page.click("#download")
        tab.page.get_by_role("alert").filter(
            has_text="No event to save. 1 event without a label is not in it."
        ).wait_for(timeout=60_000)
        tab.page.get_by_role("button", name="Play unknown").click()
        words = "unknown: a sound, and no class reaches its threshold"
        tab.until(f"named.has('{words}')")
        assert not set(tab.run("[...named]")) & set(NAMES)
        tab.correct("unknown")
        edit(tab, label="Wolf")
        assert [row[:2] for row in tab.rows] == [["Wolf", "was unknown"]]
        _, content = tab.save("all", "csv")
        assert b",Wolf,1.000000" in content
        quiet(tab, server.url)


def test_events_of_none_of_the_classes_are_listed_as_such_and_can_be_named(
    browser: Any, refusing_model: Path
) -> None:
    with running(refusing_model) as (server, _), opened(browser, server.url) as tab:
        tab.process(RECORDING)
        refused = [row for row in tab.rows if row[0] == "none of these"]
        assert len(refused) >= 3
        assert not {row[0] for row in tab.rows} & set(NAMES)
        assert {row[1] for row in refused} <= {f"nearest: {name}" for name in NAMES}
        assert {row[5] for row in refused} == {"none"}
        tab.correct("none of these")
        edit(tab, label="Wolf")
        assert len([row for row in tab.rows if row[0] == "none of these"]) == len(refused) - 1
        quiet(tab, server.url)


def test_all_is_done_by_keys_alone_and_the_keys_are_listed(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        press = tab.page.keyboard.press
        label = "document.activeElement.closest('tr')?.querySelector('.label')?.textContent"
        press("?")
        assert tab.page.get_by_role("dialog").is_visible()
        listed = tab.page.locator("#keys kbd").all_text_contents()
        assert set("omsnft?jkpec[]{}") <= set(listed)
        press("Escape")
        press("t")
        first = tab.run(label)
        press("ArrowDown")
        assert tab.run(label) != first
        press("k")
        assert tab.run(label) == first
        outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        [start] = [row[3] for row in tab.rows if row[0] == first]
        for _ in range(4):
            press("]")
        press("}")
        press("c")
        tab.drawn()
        [moved] = [row for row in tab.rows if row[0] == first]
        assert moved[1] == "moved"
        assert float(moved[3][2:]) == pytest.approx(float(start[2:]) + 0.2, abs=0.11)
        assert tab.run(label) == first, "the focus goes with the row"
        press("e")
        tab.page.keyboard.type("x")
        press("Enter")
        tab.drawn()
        assert tab.run(label) == f"{first}x"
        assert f"{first}x" in {row[0] for row in tab.rows}
        press("Control+z")
        tab.drawn()
        assert {row[0] for row in tab.rows} == set(NAMES)
        press("Delete")
        tab.drawn()
        assert len(tab.rows) == 2
        assert tab.run(label) in {row[0] for row in tab.rows}, "the focus stays in the table"
        press("n")
        assert tab.run("document.activeElement.dataset.edit") == "label"
        press("Escape")
        press("f")
        assert tab.run("document.activeElement.id") == "by-label"
        tab.page.locator("#show-keys").click()
        tab.page.locator("#single").uncheck()
        press("Escape")
        press("t")
        assert tab.run("document.activeElement.closest('#table')") is None, "switched off"
        quiet(tab, url)


@pytest.mark.parametrize("key", ["c", "Delete"])
def test_the_focus_goes_to_the_next_row_when_its_own_leaves_the_table(
    browser: Any, url: str, key: str
) -> None:
    focused = "document.activeElement.closest('tr')?.dataset.event"
    rows = "[...document.querySelectorAll('#events tr[data-event]')].map(e => e.dataset.event)"
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.select_option("#by-state", "not checked")
        tab.drawn()
        first, second, third = tab.run(rows)
        tab.page.locator(f'[data-event="{second}"] .label').focus()
        for left, focus in (([first, third], third), ([first], first), ([], None)):
            tab.page.keyboard.press(key)
            tab.drawn()
            assert tab.run(rows) == left
            assert tab.run(focused) == focus
        assert tab.run("document.activeElement.id") == "clear", "nothing is listed"


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_axe_finds_no_fault_while_an_event_is_corrected(
    browser: Any, url: str, width: int, scheme: str, tmp_path: Path
) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed (pip install -e '.[browser]')")
    letter = tmp_path / "letter.wav"
    letter.write_text("no sound")
    with opened(browser, url, width, scheme, bypass_csp=True) as tab:
        tab.process(RECORDING)
        tab.page.set_input_files("#file", letter)
        tab.sound("letter.wav", "not processed")
        tab.correct("Dog")
        edit(tab, offset="1")
        tab.run("document.querySelectorAll('details').forEach(e => e.open = true)")
        tab.drawn()
        for at_dialog in (False, True):
            if at_dialog:
                tab.page.locator("#show-keys").click()
            assert tab.run("document.documentElement.scrollWidth") <= width
            found = Axe().run(tab.page).response
            assert [(e["id"], e["nodes"][0]["html"][:160]) for e in found["violations"]] == []
            assert "color-contrast" in {e["id"] for e in found["passes"]}


def test_values_are_there_for_who_does_not_see_them(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.locator("#neurons-part summary").click()
        tab.drawn()
        layers = tab.page.locator("#neurons canvas").all()
        assert [each.get_attribute("role") for each in layers] == ["img"] * 4
        wanted = tab.run("[...document.querySelectorAll('#neurons p')].map(e => e.textContent)")
        assert [each.get_attribute("aria-label") for each in layers] == wanted
        assert wanted[0].startswith("Layer 1: ")
        assert wanted[0].endswith("of 64 neurons spike")
        row = tab.page.get_by_role("row").filter(has_text="Dog")
        assert row.get_by_role("rowheader").count() == 1
        assert row.get_by_role("button", name="Play Dog at 0:02").count() == 1
        item = tab.page.get_by_role("listitem").filter(has_text=RECORDING.name)
        assert item.get_by_role("button", name=f"Show {RECORDING.name}").count() == 1
        words = "document.getElementById('now-words').textContent"
        tab.page.get_by_role("button", name="Play Dog").click()
        tab.until(f"{words}.includes('Dog')")


SPOKEN = """async () => {
  const { Now } = await import('/now.js');
  const [place, words] = [document.createElement('p'), document.createElement('p')];
  const now = new Now(place, words);
  const event = (label) => ({ label, onset_s: 0, score: null });
  const spoken = [];
  const isTold = new Promise(done => new MutationObserver(() => {
    spoken.push(words.textContent);
    const next = spoken.length === 1 ? [[event('Wolf')], [event('Cat')], null] : [];
    for (const each of next) now.show(each, 0);
    if (spoken.length === 3) done();
  }).observe(words, { childList: true }));
  now.show([event('Dog')], 0);
  await isTold;
  return spoken; }"""


def test_a_short_event_is_told_and_so_is_its_end(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        spoken = tab.page.evaluate(SPOKEN)
        assert spoken == ["Dog", "Wolf, Cat", "nothing is played or processed"]


MOVING = """() => new Promise(resolve => {
  const pictures = new Set(), start = performance.now();
  const pen = document.querySelector('#neurons canvas').getContext('2d');
  const { width, height } = pen.canvas;
  player.currentTime = 1.9; player.play();
  const look = (now) => { pictures.add([...pen.getImageData(0, 0, width, height).data].join());
    if (now - start < 1800) requestAnimationFrame(look); else resolve(pictures.size); };
  requestAnimationFrame(look); })"""


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_the_neurons_move_with_the_sound_and_rarely_where_motion_is_not_welcome(
    browser: Any, url: str, motion: str
) -> None:
    with opened(browser, url, reduced_motion=motion) as tab:
        tab.process(RECORDING)
        tab.page.locator("#neurons-part summary").click()
        tab.page.locator("#player").wait_for()
        seen = [tab.page.evaluate(MOVING) for _ in range(3)]  # a busy computer draws less often
        if motion == "reduce":
            assert max(seen) <= 4
        else:
            assert max(seen) > 4


PEAK = """() => {
  const pen = document.querySelector('#membrane canvas').getContext('2d');
  const { width, height } = pen.canvas;
  const pixels = pen.getImageData(0, 0, width, height).data;
  return [...Array(width * height).keys()].filter(i => pixels[4 * i + 3]).length; }"""


def spikes_of(words: str) -> int:
    [count] = re.findall(r"(\d+) spikes?\.$", words)
    return int(count)


def test_the_membrane_potential_of_a_neuron_is_shown_and_said(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.locator("#neurons-part summary").click()
        words = "document.getElementById('membrane-words').textContent"
        tab.until(f"/, [1-9][0-9]* spikes?\\.$/.test({words})")  # the one that spikes most
        first = tab.run(words)
        assert first.startswith("Neuron ")
        assert " of layer 1, 0:00.0 to 0:10.0: from " in first
        assert first.count("of the threshold") == 1
        label = "document.querySelector('#membrane canvas').getAttribute('aria-label')"
        assert tab.run(label).lower() == f"membrane potential: {first.rstrip('.')}".lower()
        assert tab.page.evaluate(PEAK) > 300
        tab.page.locator("#layer").select_option("3")
        tab.page.get_by_label("Neuron", exact=True).fill("5")
        tab.until(f"{words}.startsWith('Neuron 5 of layer 3,')")
        tab.page.get_by_label("Neuron", exact=True).fill("900")  # there are 8
        tab.page.get_by_label("Neuron", exact=True).blur()
        assert tab.page.get_by_label("Neuron", exact=True).input_value() == "5"
        spikes = []
        for number in range(1, 9):
            tab.page.get_by_label("Neuron", exact=True).fill(str(number))
            tab.until(f"{words}.startsWith('Neuron {number} of layer 3,')")
            spikes.append(spikes_of(tab.run(words)))
        tab.page.get_by_role("button", name="The one that spikes most").click()
        tab.until(f"{words}.startsWith('Neuron {spikes.index(max(spikes)) + 1} of layer 3,')")


def test_the_membrane_is_reached_and_changed_by_keys(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.locator("#neurons-part summary").focus()
        tab.page.keyboard.press("Enter")
        tab.drawn()
        order = []
        for _ in range(4):
            tab.page.keyboard.press("Tab")
            order.append(tab.run("document.activeElement.id"))
        assert order == ["layer", "neuron", "busiest", "cells"]
        tab.page.locator("#neuron").focus()
        before = int(tab.page.locator("#neuron").input_value())
        key = "ArrowDown" if before > 1 else "ArrowUp"
        tab.page.keyboard.press(key)
        after = before - 1 if before > 1 else before + 1
        words = "document.getElementById('membrane-words').textContent"
        tab.until(f"{words}.startsWith('Neuron {after} of layer 1')")


def test_a_click_on_a_cell_shows_that_neuron(browser: Any, url: str) -> None:
    with opened(browser, url) as tab:
        tab.process(RECORDING)
        tab.page.locator("#neurons-part summary").click()
        tab.drawn()
        canvas = tab.page.locator("#neurons canvas").nth(1)  # 16 neurons in a row
        box = canvas.bounding_box()
        assert box is not None
        canvas.click(position={"x": box["width"] * 10.5 / 16, "y": box["height"] / 2})
        tab.until(
            "document.getElementById('membrane-words').textContent"
            ".startsWith('Neuron 11 of layer 2,')"
        )
        places = tab.run(
            "[...document.querySelectorAll('.cell')].map(e => e.hidden ? null : e.style.left)"
        )
        assert places == [None, "62.5%", None, None]
        plain = canvas.screenshot()
        tab.page.select_option("#cells", "potentials")
        tab.drawn()
        assert canvas.screenshot() != plain
