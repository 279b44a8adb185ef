"""The still pictures: their axes, their texts, and what they say to those who do not see them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from report_inputs import clip

from spikesound.report.pictures import confusion, features, raster
from spikesound.report.svg import WIDTH_PX, Panel, Picture


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def places(svg: str) -> dict[str, tuple[float, float]]:
    """Where each text stands."""
    return {
        element.text or "": (float(element.attrib["x"]), float(element.attrib["y"]))
        for element in ElementTree.fromstring(svg).iter("text")
    }


def test_features_have_axes_in_seconds_and_bins_and_a_scale() -> None:
    svg = features(clip("a", features=np.linspace(-80, 0, 160).reshape(20, 8)), "A dog")
    assert texts(svg) == [
        "0 Hz",
        "400 Hz",
        "700 Hz",
        *["0", "0.5", "1", "1.5", "2", "dB", "-80", "0"],
        "Time, s",
    ]
    assert 'aria-label="A dog: features of 2.0 s, 8 bins over 20 frames, from -80 to 0 dB."' in svg
    assert len(re.findall("<image", svg)) == 2


def test_features_all_alike_are_a_picture_too() -> None:
    assert "from 3 to 3 dB" in features(clip("a", features=np.full((20, 8), 3.0)), "Silence")


def test_each_of_few_steps_has_its_panel_and_many_have_one() -> None:
    shown = texts(raster(clip("a"), "A dog"))
    assert [text for text in shown if text.startswith("Step")] == [f"Step {i}" for i in range(1, 5)]
    many = raster(clip("a", spikes=np.zeros((9, 20, 8))), "A dog")
    assert "All 9 steps" in texts(many)
    assert "0.0 % of its neurons fire in a step" in many


def test_a_cell_stands_where_its_row_and_column_meet() -> None:
    svg = confusion("ann-cnn", np.array([[5, 2], [0, 7]]), ["Dog <b>", "Clock & bell"], "ann")
    at = places(svg)
    assert at["5"][0] < at["2"][0] == at["7"][0]
    assert at["5"][1] == at["2"][1] < at["7"][1]
    assert "0" not in at, "nothing was predicted so: no number"
    assert {"Dog <b>", "Clock & bell", "Predicted", "Actual"} <= set(at)
    assert (
        "12 of 14 clips classified correctly; most often, Dog &lt;b&gt; was predicted as Clock"
        in svg
    )


def test_more_labels_than_can_be_read_are_not_written() -> None:
    svg = confusion("ann-cnn", np.eye(60, dtype=int), [f"label {i}" for i in range(60)], "ann")
    shown = ["Actual (place in class order)", "Predicted (place in class order)"]
    assert sorted(texts(svg)) == shown


@pytest.mark.parametrize("count", [1, 3])
def test_panels_fill_the_picture_and_do_not_overlap(count: int) -> None:
    panels = [Panel("data:,", x_ticks=[(0.5, str(i))]) for i in range(count)]
    svg = Picture(panels, 100, "None", y_ticks=[(0, "low")]).svg()
    boxes = [
        (float(image.attrib["x"]), float(image.attrib["width"]))
        for image in ElementTree.fromstring(svg).iter("image")
    ]
    assert len(boxes) == count
    ends = [left + width for left, width in boxes]
    assert all(end < left for end, (left, _) in zip(ends, boxes[1:], strict=False))
    assert WIDTH_PX - 15 < ends[-1] <= WIDTH_PX
