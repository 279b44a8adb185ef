"""README's picture: a sound's mel spectrogram, spikes and detected events as SVG."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

import numpy as np
from project import ROOT

sys.path.append(str(ROOT / "benchmarks"))
from picture import Found, picture

SVG = "{http://www.w3.org/2000/svg}"
MEL = np.array([[0.0, 0.95], [0.0, 0.95], [0.55, 0.0]])
SPIKES = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 1]])
FOUND = [Found("Rain & wind", 1.0, 2.0, 0.75), Found("Bark", 0.0, 1.0, 0.9)]


def drawn() -> ElementTree.Element:
    return ElementTree.fromstring(picture(MEL, SPIKES, FOUND, 3.0))


def test_each_run_of_cells_is_a_line_with_the_first_row_at_the_bottom() -> None:
    paths = [path.get("d") for path in drawn().iter(f"{SVG}path")]
    assert [path for path in paths if path] == ["M2 1.5h1", "M0 0.5h2", "M0 2.5h2M1 0.5h2"]


def test_louder_is_darker() -> None:
    strokes = {path.get("d"): path.get("stroke", "") for path in drawn().iter(f"{SVG}path")}
    red = {d: int(stroke[1:3], 16) for d, stroke in strokes.items() if d}
    assert red["M0 0.5h2"] < red["M2 1.5h1"] < 255


def test_events_have_their_times_and_a_row_for_each_label() -> None:
    bars = [rect for rect in drawn().iter(f"{SVG}rect") if rect.get("fill") == "#2f6f9f"]
    left, right = ([float(bar.get(key, "")) for bar in bars] for key in ("x", "width"))
    assert left == [380.0, 130.0]
    assert right == [250.0, 250.0]
    assert float(bars[0].get("y", "")) > float(bars[1].get("y", "")), "the first event on top"


def test_it_says_in_words_what_it_shows() -> None:
    words = drawn().get("aria-label", "")
    assert "44 % of 3 neurons spike per frame" in words
    assert "Rain & wind 1.0–2.0 s, Bark 0.0–1.0 s" in words
    assert not re.search(r"https?://(?!www\.w3\.org)", picture(MEL, SPIKES, [], 3.0))
