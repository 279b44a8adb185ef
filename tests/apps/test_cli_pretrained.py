"""``spikesound predict`` by the name of a pretrained network."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from published import published
from tflite_made import like_yamnet
from trained_models import RECORDING

from spikesound.apps.cli import app
from spikesound.apps.cli.model_choice import choose_model
from spikesound.core.errors import SpikesoundError, run
from spikesound.models.build import build
from spikesound.models.pretrained import PRETRAINED, Pretrained, files
from spikesound.models.pretrained.tflite import read_operators
from spikesound.models.pretrained.yamnet import PARAMS, fill, read_classes, spec_of
from spikesound.models.spec import Spec
from spikesound.params import RemoteFile

Captured = pytest.CaptureFixture[str]
SMALL = PARAMS.model_copy(update={"channels": [4, 6, 8], "strides": [2, 1, 2]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recording, without models or a project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPIKESOUND_MODEL", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copy(RECORDING, tmp_path / "a.ogg")
    return tmp_path


def predicted(capsys: Captured, model: str) -> dict[str, float]:
    with pytest.raises(SystemExit) as ended:
        run(lambda: app(["predict", "--model", model, "--format", "json", "a.ogg"]))
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    assert f"model: {model} (pretrained)" in printed.err
    found: dict[str, float] = json.loads(printed.out)["probabilities"]
    return found


def test_a_small_network_gives_all_of_its_classes(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = folder / "mine"
    mine.mkdir()
    like_yamnet(mine / "a.tflite", [4, 6, 8], [2, 1, 2], 3)
    (mine / "map.csv").write_text(
        'index,mid,display_name\n0,/m/a,Bell\n1,/m/b,"Dog, barking"\n2,/m/c,Rain\n'
    )

    def read(weights: Path, classes: Path) -> tuple[Spec, object]:
        spec = spec_of(SMALL, *read_classes(classes))
        network = build(spec)
        fill(network, read_operators(weights), weights)
        return spec, network

    remote = tuple(
        RemoteFile(
            url=f"http://127.0.0.1:9/{name}",
            hash="sha256:" + hashlib.sha256((mine / name).read_bytes()).hexdigest(),
        )
        for name in ("a.tflite", "map.csv")
    )
    monkeypatch.setitem(PRETRAINED, "small", Pretrained(remote, read, "none"))  # type: ignore[arg-type]
    monkeypatch.setenv(files.FOLDER, str(mine))
    scores = predicted(capsys, "small")
    assert list(scores) == ["Bell", "Dog, barking", "Rain"]
    assert all(0 < score < 1 for score in scores.values())
    assert sum(scores.values()) != pytest.approx(1), "each has a probability of its own"
    (folder / "models/x").mkdir(parents=True)
    shutil.copy(next((folder / "cache").rglob("*.safetensors")), folder / "models/x")
    with pytest.raises(SpikesoundError, match=r"unknown model 'smal' .did you mean 'small'"):
        choose_model("smal", str(folder / "models"))


@pytest.mark.slow
def test_yamnet_recognises_a_recording(folder: Path, capsys: Captured) -> None:
    published("yamnet_spectra_in.tflite")
    scores = predicted(capsys, "yamnet")
    assert len(scores) == 521
    best = sorted(scores, key=scores.__getitem__)[-5:]
    assert {"Dog", "Animal", "Bark"} < set(best), "a dog that barks, and silence behind it"
