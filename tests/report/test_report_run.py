"""A run on disk, and what of it the page is made from."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from report_detection import figures
from report_inputs import rows
from scored import status
from small_models import BINS, CLASSES, LIF, NAMES, detector, front_end

from spikesound.core import schema
from spikesound.core.errors import SpikesoundError
from spikesound.data.audio_shards import STATUS_FILE, write_audio
from spikesound.evaluation.detection import SCORES
from spikesound.evaluation.places import Places
from spikesound.features.shards import write_shards
from spikesound.models import file
from spikesound.params import Params
from spikesound.report.inputs import ReportInputs
from spikesound.report.page import render
from spikesound.report.results import ResultFolders
from spikesound.report.run import RunFolders, read_run

PAIR = ("snn-tcn-strong", "ann-tcn-strong")
CLIPS = ["clip0000", "clip0001"]
FRAMES = 26

pytestmark = pytest.mark.slow


def places(root: Path, name: str) -> Places:
    return Places(
        names=dict(zip(CLASSES, NAMES, strict=True)),
        clips=root / "clips.parquet",
        events=root / "events.parquet",
        mixtures=root / "mixtures.parquet",
        status=root / "audio" / STATUS_FILE,
        predictions=root / "predictions" / name,
        counts=root / "evaluation" / name,
        metrics=root / f"{name}.json",
        curves=root / f"curves-{name}.csv",
        confusion=root / f"confusion-{name}.csv",
        classes=root / f"classes-{name}.csv",
    )


def run_folders(root: Path) -> RunFolders:
    networks = {name: {"5": root / "models" / name} for name in PAIR}
    return RunFolders(
        find=lambda name: places(root, name),
        summary=root / "summary.json",
        audio=root / "audio",
        features=root / "features",
        inputs={name: {"5": root / "features"} for name in PAIR},
        networks=networks,
        predictions=root / "predictions",
        results=ResultFolders(
            costs=root,
            compared_tables=root,
            compared=root,
            classes=root,
            evaluation=root / "evaluation",
            latency=root / "latency.json",
            study=root / "study.json",
        ),
        credits=root / "credits.csv",
        parameters=root / "params.yaml",
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run of two detectors on two clips of one fold."""
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "clip_id": CLIPS,
            "fold": "5",
            "media_id": ["a", "b"],
            "recording": ["a", "b"],
            "labels": [[CLASSES[0]], [CLASSES[1]]],
        }
    )
    values = [generator.uniform(-80, 0, (FRAMES, BINS)).astype(np.float16) for _ in CLIPS]
    write_shards(tmp_path / "features", table, values, 10)
    spec = {
        "params": front_end().features.model_dump(),
        "frame_rate_hz": 12.5,
        "bins": [f"mel {number} Hz" for number in range(BINS)],
    }
    written(tmp_path / "features/spec.json", spec)
    ranges = {"5": {"low": [-80.0] * BINS, "high": [0.0] * BINS}}
    written(tmp_path / "features/normalisation.json", ranges)
    (tmp_path / "audio").mkdir()
    homes = write_audio(tmp_path / "audio", ((clip, flac(generator)) for clip in CLIPS), 10)
    kept = status(2).assign(path=list(homes.values()))
    schema.write_table(kept, schema.STATUS, tmp_path / "audio" / STATUS_FILE)
    events = pd.DataFrame(
        [(CLIPS[0], CLASSES[0], 0.5, 1.5), (CLIPS[1], CLASSES[1], 0.0, 0.4)],
        columns=schema.EVENTS.names,
    )
    schema.write_table(events, schema.EVENTS, tmp_path / "events.parquet")
    for name in PAIR:
        model = detector("tcn", neuron=LIF if name == PAIR[0] else None)
        file.save(tmp_path / "models" / name / file.WEIGHTS, model.spec, model.network)
        scores(tmp_path, name, CLIPS)
    written(tmp_path / "summary.json", {name: figures(0.3) for name in PAIR})
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    return tmp_path


def written(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content))


def scores(root: Path, name: str, clips: list[str]) -> None:
    """Write probabilities in which the first class sounds from frame 6 to 18 of every clip."""
    frames = np.zeros((len(clips), FRAMES, len(CLASSES)), np.float16)
    frames[:, 6:19, 0] = 0.9
    (root / "predictions" / name).mkdir(parents=True, exist_ok=True)
    np.savez_compressed(root / "predictions" / name / SCORES, x=frames, clips=np.array(clips))


def flac(generator: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, generator.uniform(-0.1, 0.1, 16000), 8000, format="FLAC")
    return stream.getvalue()


def read(params: Params, root: Path, *clip_ids: str) -> ReportInputs:
    return read_run(
        "detection",
        rows(params, "detection"),
        run_folders(root),
        confidence=0.95,
        provenance={"Python": "3.x"},
        clip_ids=clip_ids,
    )


def test_a_run_is_read_from_its_folders(params: Params, root: Path) -> None:
    inputs = read(params, root)
    dataset = inputs.summary["dataset"]
    assert (dataset["clips_scored"], dataset["clips_present"]) == (2, 2)
    assert len(dataset["manifest"]) == 16
    assert list(inputs.provenance) == ["Figures", "Python"]
    assert [clip.clip_id for clip in inputs.clips] == CLIPS
    clip = inputs.clips[0]
    assert [(event.label, event.onset_s) for event in clip.events] == [(CLASSES[0], 0.5)]
    assert list(clip.detections) == list(PAIR)
    (found,) = clip.detections[PAIR[0]].events
    assert (found.label, found.onset_s, found.offset_s) == (
        CLASSES[0],
        pytest.approx(5.5 * 0.08),
        pytest.approx(18.5 * 0.08),
    )
    assert clip.spikes is not None
    assert clip.spikes.shape == (1, FRAMES, BINS // 2), "at the first block's own resolution"
    assert 0 < clip.spikes.mean() < 1
    assert clip.feature_unit == "dB"
    assert "Bark 0.4 to 1.5 s" in render(inputs)


def test_clips_can_be_named(params: Params, root: Path) -> None:
    assert [clip.clip_id for clip in read(params, root, CLIPS[1]).clips] == [CLIPS[1]]


def test_a_scene_has_the_credits_of_what_it_was_mixed_from(params: Params, root: Path) -> None:
    assert read(params, root).clips[0].credit == ""
    (root / "credits.csv").write_text("media_id,title,author,licence\na,Bark,Ann,CC BY\n")
    first, second = (clip.credit for clip in read(params, root, *CLIPS).clips)
    assert first == "Bark by Ann, CC BY"
    assert second == f"Authors and licences of the recordings in it: {root / 'credits.csv'}"


def test_models_of_different_clips_are_refused(params: Params, root: Path) -> None:
    scores(root, PAIR[1], CLIPS[:1])
    with pytest.raises(SpikesoundError, match="are of different clips"):
        read(params, root)


def test_what_is_missing_is_named(params: Params, root: Path) -> None:
    (root / "predictions" / PAIR[0] / SCORES).unlink()
    with pytest.raises(SpikesoundError, match=r"scores\.npz: no such file; evaluate the model"):
        read(params, root)
    (root / "summary.json").unlink()
    with pytest.raises(SpikesoundError, match=r"summary\.json: no such file"):
        read(params, root)
