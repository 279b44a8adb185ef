"""The report in a real Chromium: drawn whole, heard, readable, and quiet on the network.

Needs the ``browser`` extra and a Chromium: the one that Debian's package ``chromium`` installs, or
the one that ``playwright install chromium`` fetches; SPIKESOUND_CHROMIUM names another one. Without
them the tests are skipped, unless SPIKESOUND_BROWSER is ``required``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import Opened, chromium, missing
from report_detection import detection_inputs
from report_inputs import PAIR, report_inputs

from spikesound.params import Params
from spikesound.report.page import build_report
from spikesound.report.results import Results

pytestmark = pytest.mark.slow

WIDTHS = (360, 768, 1440)
SCHEMES = ("light", "dark")
PLOTS = {"classification": 4 + 15 + 2 + 1, "detection": 2 + 2 + 1}
"""How many each page draws."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(params: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("page")
    found = {}
    for task, inputs in (
        ("classification", report_inputs(params)),
        ("detection", detection_inputs(params)),
    ):
        found[task] = folder / f"{task}.html"
        build_report(inputs, found[task])
    return found


@pytest.fixture(params=sorted(PLOTS))
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(task: str, pages: dict[str, Path]) -> Path:
    """The page of each task in turn."""
    return pages[task]


@pytest.fixture
def classified(pages: dict[str, Path]) -> Path:
    return pages["classification"]


UNFOLD = "document.querySelectorAll('details.fold').forEach(each => { each.open = true; })"
DRAWN = """[...document.querySelectorAll('.plot:not([hidden])')]
  .every(each => each.querySelector('.main-svg'))"""
HIGHEST_PX = 6000
"""Of the page as it opens, on a wide screen."""


def folded(
    browser: Any, path: Path, width: int = 1440, scheme: str = "light", **more: Any
) -> Opened:
    """Return a page as it opens: its sections are folded."""
    size = {"width": width, "height": 900}
    return Opened(browser, path.as_uri(), viewport=size, color_scheme=scheme, **more)


def opened(
    browser: Any, path: Path, width: int = 1440, scheme: str = "light", **more: Any
) -> Opened:
    """Return a page with all sections unfolded."""
    shown = folded(browser, path, width, scheme, **more)
    shown.run(UNFOLD)
    for _ in range(600):  # the plots are drawn when their sections unfold
        if shown.run(DRAWN):
            break
        shown.page.wait_for_timeout(100)
    return shown


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_as_it_opens_is_short_and_holds_the_answer(
    browser: Any, path: Path, scheme: str
) -> None:
    with folded(browser, path, 1440, scheme) as shown:
        assert shown.run("document.documentElement.scrollHeight") <= HIGHEST_PX
        assert shown.run("[...document.querySelectorAll('.fold[open]')].length") == 0
        bars = shown.run(
            "[...document.querySelectorAll('.costs i')].map(e => e.getBoundingClientRect().width)"
        )
        assert bars == sorted(bars)
        assert bars[0] > 0
        assert shown.page.locator(".costs .snn.first th").count() == 1


def test_a_link_to_a_section_unfolds_it_and_draws_its_plots(browser: Any, classified: Path) -> None:
    with folded(browser, classified) as shown:
        assert shown.page.locator("#plot-energy .main-svg").count() == 0
        shown.run("location.hash = 'energy'")
        shown.page.locator("#plot-energy .main-svg").first.wait_for(timeout=5000)
        assert shown.run("document.getElementById('plot-energy').clientWidth") > 600


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_drawn_whole_within_the_screen(
    browser: Any, path: Path, task: str, width: int, scheme: str
) -> None:
    with opened(browser, path, width, scheme) as shown:
        assert shown.said == []
        assert shown.run("document.documentElement.scrollWidth") <= width
        beyond = shown.run(
            """[...document.querySelectorAll('main *, header *')].filter(e => {
                 const box = e.getBoundingClientRect();
                 return box.width && box.right > innerWidth + 1
                   && !e.closest('.scroll, pre, .skip, svg, .absent');
               }).map(e => e.outerHTML.slice(0, 120))"""
        )
        assert beyond == []
        sizes = shown.run(
            """[...document.querySelectorAll('.plot')].map(e => {
                 const drawn = e.querySelector('svg.main-svg');
                 const marks = e.querySelectorAll('.scatterlayer .points path, .js-line');
                 const box = drawn ? drawn.getBoundingClientRect() : {width: 0, height: 0};
                 return [e.id, box.width, box.height, marks.length];
               })"""
        )
        assert len(sizes) == PLOTS[task]
        for name, wide, high, marks in sizes:
            assert wide > 250, name
            assert high > 200, name
            assert marks > 0, f"{name} is empty"
        pictures = shown.run(
            """[...document.querySelectorAll('svg[role=img]')]
               .filter(e => !e.closest('details:not([open])'))
               .map(e => [e.getBoundingClientRect().width, e.getBoundingClientRect().height])"""
        )
        assert pictures
        assert all(wide > 200 and high > 60 for wide, high in pictures)


def test_nothing_is_asked_of_the_network(browser: Any, path: Path) -> None:
    with opened(browser, path) as shown:
        shown.page.mouse.wheel(0, 20000)
        for select in shown.page.locator("select").all():
            select.select_option(index=1) if select.locator("option").count() > 1 else None
        shown.page.wait_for_timeout(200)
        assert shown.asked
        assert {url.partition(":")[0] for url in shown.asked} <= {"file", "data", "blob"}
        assert [url for url in shown.asked if url.startswith("file:")] == [path.as_uri()]
        assert shown.said == []


def test_every_sound_plays(browser: Any, path: Path) -> None:
    with opened(browser, path) as shown:
        sounds = shown.page.locator("audio")
        assert sounds.count() == 2
        for sound in sounds.all():
            sound.evaluate("e => { e.muted = true; return e.play(); }")
            shown.page.wait_for_function(
                "e => e.currentTime > 0.1 && e.duration > 1", arg=sound.element_handle()
            )
        assert sounds.first.evaluate("e => e.paused"), "two sounds play at once"


def test_switches_and_boxes_redraw_the_plots(browser: Any, classified: Path) -> None:
    with opened(browser, classified) as shown:
        plot = "document.getElementById('plot-energy')"
        before = shown.run(f"{plot}.data.map(trace => trace.x[0])")
        alt = shown.run(f"{plot}.getAttribute('aria-label')")
        shown.page.select_option("select[name=plot-energy-accounting]", "operations")
        after = shown.run(f"{plot}.data.map(trace => trace.x[0])")
        assert before != after
        assert 0.061 in after
        assert shown.run(f"{plot}.getAttribute('aria-label')") != alt

        traces = "document.getElementById('plot-white').data.length"
        assert shown.run(traces) == 4  # two models, each with its band
        shown.page.locator("input[data-group=robustness][data-model=ann-lstm]").check()
        assert shown.run(traces) == 6
        shown.page.locator(f"input[data-group=robustness][data-model={PAIR[0]}]").uncheck()
        assert shown.run(traces) == 4


@pytest.mark.parametrize(
    ("task", "name", "unit"),
    [("classification", "energy", "µJ a clip"), ("detection", "power", "µW")],
)
def test_a_point_shows_its_numbers_under_the_pointer(
    browser: Any, pages: dict[str, Path], task: str, name: str, unit: str
) -> None:
    with opened(browser, pages[task]) as shown:
        plot = shown.page.locator(f"#plot-{name}")
        plot.scroll_into_view_if_needed()
        box = plot.locator(".points path").last.bounding_box()
        assert box is not None
        shown.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        hover = plot.locator(".hoverlayer .hovertext")
        hover.wait_for(timeout=3000)
        assert unit in (hover.text_content() or "")


def test_the_button_changes_the_scheme_and_the_plots_with_it(
    browser: Any, classified: Path
) -> None:
    path = classified
    look = """() => [getComputedStyle(document.body).backgroundColor,
      document.getElementById('plot-energy').layout.font.color]"""
    with opened(browser, path) as shown:
        light = shown.page.evaluate(look)
        shown.page.click("#theme")
        dark = shown.page.evaluate(look)
        assert light[0] != dark[0]
        assert light[1] != dark[1]
        assert shown.page.locator("#theme").text_content() == "Light page"
    with opened(browser, path, scheme="dark") as shown:
        assert shown.page.evaluate(look) == dark


def test_the_keyboard_reaches_every_control_in_order(browser: Any, path: Path) -> None:
    with opened(browser, path) as shown:
        wanted = shown.run(
            """[...document.querySelectorAll(
                 'a[href], button, select, input, summary, audio, [tabindex="0"]')]
               .filter(e => e.checkVisibility())
               .filter(e => !e.closest('details:not([open]) > :not(summary)'))
               .map((e, i) => { e.dataset.stop = i; return e.tagName; })"""
        )
        reached: list[str] = []
        for _ in range(3 * len(wanted)):  # a sound's own controls are stops, too
            shown.page.keyboard.press("Tab")
            stop = shown.run("document.activeElement.dataset.stop ?? ''")
            if stop and stop not in reached:
                reached.append(stop)
        assert reached == [str(place) for place in range(len(wanted))]
        shown.page.evaluate("document.activeElement.blur()")
        shown.page.goto(path.as_uri())
        shown.page.keyboard.press("Tab")
        skip = shown.page.locator(".skip")
        assert skip.evaluate("e => e === document.activeElement && e.offsetTop >= 0")
        assert skip.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        shown.page.keyboard.press("Enter")
        assert shown.run("document.activeElement.id") == "main"


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_axe_finds_no_fault(browser: Any, path: Path, width: int, scheme: str) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed (pip install -e '.[browser]')")
    with opened(browser, path, width, scheme, bypass_csp=True) as shown:
        shown.run("document.querySelectorAll('details').forEach(e => e.open = true)")
        found = Axe().run(shown.page).response
        faults = [
            (each["id"], each["impact"], each["nodes"][0]["html"][:160], len(each["nodes"]))
            for each in found["violations"]
        ]
        assert faults == []
        passed = {each["id"] for each in found["passes"]}
        assert {"color-contrast", "heading-order", "label", "role-img-alt"} <= passed


CONTRAST = """() => {
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('script, option, svg[role=img]')) continue;
    const style = getComputedStyle(e);
    const ink = parse(e.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_what_is_behind_it(
    browser: Any, path: Path, task: str, scheme: str
) -> None:
    """Also the texts of the plots, which axe leaves out as parts of a picture."""
    with opened(browser, path, scheme=scheme) as shown:
        found = shown.page.evaluate(CONTRAST)
        assert len(found) > (300 if task == "classification" else 150)
        assert [each for each in found if each[0] < 4.5] == []


def test_without_scripts_the_numbers_are_still_there(browser: Any, path: Path, task: str) -> None:
    title = {"classification": "Accuracy against energy", "detection": "PSDS 1 against power"}[task]
    with folded(browser, path, java_script_enabled=False) as shown:
        for summary in shown.page.locator(".fold > summary").all():
            summary.click()
        assert shown.page.locator("select:visible, #theme:visible").count() == 0
        assert shown.page.locator("noscript p:visible").count() == PLOTS[task]
        shown.page.get_by_text(f"{title}: the numbers").click()
        assert shown.page.get_by_label(f"{title}, in numbers").first.is_visible()


def test_motion_is_asked_for_only_where_it_is_welcome(browser: Any, classified: Path) -> None:
    path = classified
    look = "getComputedStyle(document.documentElement).scrollBehavior"
    with opened(browser, path, reduced_motion="reduce") as shown:
        assert shown.run(look) == "auto"
    with opened(browser, path, reduced_motion="no-preference") as shown:
        assert shown.run(look) == "smooth"


def test_a_page_without_measurements_is_quiet_too(
    browser: Any, params: Params, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    build_report(replace(report_inputs(params), results=Results()), out)
    with opened(browser, out, 360) as shown:
        assert shown.said == []
        assert shown.run("document.documentElement.scrollWidth") <= 360
        plots = shown.page.locator(".plot").all()
        assert [plot.get_attribute("id") for plot in plots] == ["plot-learning"]


def test_switches_show_power_in_silence_and_another_metric(
    browser: Any, pages: dict[str, Path]
) -> None:
    with opened(browser, pages["detection"]) as shown:
        plot = "document.getElementById('plot-power')"
        before = shown.run(f"{plot}.data.map(trace => trace.x[0])")
        shown.page.select_option("select[name=plot-power-sound]", "silence")
        assert shown.run(f"{plot}.data.map(trace => trace.x[0])") != before
        assert "silence" in shown.run(f"{plot}.getAttribute('aria-label')")
        metrics = "document.getElementById('plot-metrics')"
        assert shown.run(f"{metrics}.layout.xaxis.title.text") == "PSDS 1"
        shown.page.select_option("select[name=plot-metrics-metric]", "event_f1")
        assert shown.run(f"{metrics}.layout.xaxis.title.text") == "Event F1"
        bars = shown.run(f"{metrics}.data.map(trace => trace.error_x.arrayminus[0])")
        assert all(abs(bar - 0.03) < 1e-9 for bar in bars)
