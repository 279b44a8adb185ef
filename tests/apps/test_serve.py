from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from trained_models import NAMES, RECORDING, detector

from spikesound.apps import api
from spikesound.audio.resampling import resample
from spikesound.core.errors import SpikesoundError

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e '.[serve]')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install -e '.[serve]')")
import requests
from served import running
from starlette.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from spikesound.apps.serve import app as app_module
from spikesound.apps.serve.app import Serving
from spikesound.apps.serve.guard import Guard, hosts
from spikesound.apps.serve.levels import LOWEST_DB, Levels
from spikesound.apps.serve.messages import LIMIT
from spikesound.apps.serve.run import Server

Up = tuple[Server, Serving]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector(tmp_path_factory.mktemp("serve") / "model.safetensors", seed=5)


@pytest.fixture(scope="module")
def up(model: Path) -> Iterator[Up]:
    with running(model, 2**20) as running_server:
        yield running_server


def idle(serving: Serving) -> bool:
    """Wait until no stream is open."""
    deadline = time.monotonic() + 5
    while serving.streams and time.monotonic() < deadline:
        time.sleep(0.02)
    return serving.streams == 0


def posted(server: Server, path: Path) -> list[dict[str, Any]]:
    answer = requests.post(f"{server.url}file", data=path.read_bytes(), params={"name": path.name})
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def events_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    events = [event for message in messages for event in message["events"]]
    return sorted(events, key=lambda event: (event["onset_s"], NAMES.index(event["label"])))


@pytest.mark.slow
def test_a_file_gives_what_detect_gives(up: Up, model: Path) -> None:
    messages = posted(up[0], RECORDING)
    wanted = [each._asdict() | {"refused": False} for each in api.load(model).detect(RECORDING)]
    assert events_of(messages) == wanted
    frames = [frame for message in messages for frame in message["frames"]]
    assert len(frames) == sum(len(message["results"]) for message in messages) == 108
    assert {len(frame["mel"]) for frame in frames} == {64}
    assert {tuple(map(len, frame["layers"])) for frame in frames} == {(24, 16, 8, 8)}
    assert max(max(frame["layers"][0]) for frame in frames) > 0
    assert messages[-1]["sound_s"] == pytest.approx(5, abs=0.01)
    opened = [event for message in messages for event in message["opened"]]
    assert [(event["label"], event["onset_s"]) for event in opened] == [
        (event["label"], event["onset_s"]) for event in events_of(messages)
    ]
    assert messages[0]["rate_hz"] == 44100


@pytest.mark.slow
def test_a_microphone_gives_what_the_whole_sound_gives(up: Up, model: Path) -> None:
    samples, rate_hz = soundfile.read(RECORDING, dtype="float32")
    messages = []
    with connect(f"ws{up[0].url[4:]}sound") as socket:
        socket.send(json.dumps({"rate_hz": rate_hz}))
        for block in np.array_split(samples, 53):
            socket.send(block.astype("<f4").tobytes())
            messages.append(json.loads(socket.recv()))
        socket.send("end")
        messages.append(json.loads(socket.recv()))
        with pytest.raises(ConnectionClosed):
            socket.recv()
    stream = api.load(model).stream()
    frames = stream.feed(resample(samples, rate_hz, 22050)) + stream.finish()
    closed = [event._asdict() for frame in frames for event in frame.closed]
    wanted = [event | {"refused": False} for event in closed]
    wanted.sort(key=lambda event: (event["onset_s"], NAMES.index(event["label"])))
    assert len(wanted) == 3
    assert events_of(messages) == wanted
    scores = [frame["scores"] for message in messages for frame in message["results"]]
    np.testing.assert_allclose(scores, [frame.scores for frame in frames], atol=6e-5)


@pytest.mark.slow
def test_a_damaged_file_gives_one_error_and_no_labels(up: Up, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    [message] = posted(up[0], path)
    assert message["error"].startswith("text.wav: ")
    assert "/" not in message["error"].partition(":")[0]
    assert idle(up[1])


@pytest.mark.slow
def test_a_file_that_is_too_large_is_refused_with_or_without_its_length(up: Up) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            yield bytes(2**18)

    for body in (bytes(2**20 + 1), bytes(2**26), pieces()):
        answer = requests.post(f"{up[0].url}file", data=body)
        assert answer.status_code == 400
        assert answer.json() == {"error": "the file is larger than 1 MiB (--max-mb)"}
    assert idle(up[1])


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("{}", None, "sampling rate"),
        ('{"rate_hz": 1e99}', None, "sampling rate"),
        ("[" * 5000, None, "sampling rate"),
        ('{"rate_hz": 48000}', b"abc", "expected finite"),
        ('{"rate_hz": 48000}', np.array([np.nan], "<f4").tobytes(), "expected finite"),
    ],
)
def test_a_socket_that_sends_no_samples_gets_an_error_and_is_closed(
    up: Up, first: str, then: bytes | None, words: str
) -> None:
    with connect(f"ws{up[0].url[4:]}sound") as socket:
        socket.send(first)
        if then is not None:
            socket.send(then)
        assert words in json.loads(socket.recv())["error"]
        with pytest.raises(ConnectionClosed):
            socket.recv()
    assert idle(up[1])


def test_a_tab_that_is_closed_ends_its_stream(up: Up) -> None:
    with connect(f"ws{up[0].url[4:]}sound") as socket:
        socket.send('{"rate_hz": 48000}')
        socket.send(bytes(4096))
        socket.recv()
        assert up[1].streams == 1
    assert idle(up[1])
    with requests.post(f"{up[0].url}file", data=RECORDING.read_bytes(), stream=True) as answer:
        next(answer.iter_lines())
        assert up[1].streams == 1
    assert idle(up[1])


def test_so_many_streams_and_no_more(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "STREAMS", 1)
    url = f"ws{up[0].url[4:]}sound"
    with connect(url) as first, connect(url) as second:
        first.send('{"rate_hz": 48000}')
        first.send(bytes(400))
        first.recv()
        assert "1 files and microphones" in json.loads(second.recv())["error"]
        answer = requests.post(f"{up[0].url}file", data=RECORDING.read_bytes())
        assert "1 files and microphones" in answer.json()["error"]
    assert idle(up[1])


@pytest.mark.slow
def test_a_page_that_sends_faster_than_is_computed_is_read_more_slowly(up: Up) -> None:
    block, waiting = bytes(4 * 48_000), 0  # a second
    with connect(f"ws{up[0].url[4:]}sound", max_queue=None, close_timeout=0.1) as socket:
        assert socket.protocol.extensions == []  # compressed, a little that is read can be a lot
        socket.send('{"rate_hz": 48000}')
        socket.socket.settimeout(1.0)
        start = time.monotonic()
        try:
            while time.monotonic() - start < 1.0:
                socket.send(block)
                waiting += 1
        except (TimeoutError, ConnectionClosed):
            pass
        try:
            while True:
                socket.recv(timeout=0)
                waiting -= 1
        except (TimeoutError, ConnectionClosed):
            pass
    # What the sockets of both sides hold at most: 10 MB by Linux's defaults.
    assert 0 < waiting < 100
    assert idle(up[1])


OTHERS = ({"host": "evil.example"}, {"host": "127.0.0.1:1"}, {"origin": "http://evil.example"})


@pytest.mark.parametrize("headers", [*OTHERS, {"origin": "null"}])
def test_other_hosts_and_other_pages_are_refused(up: Up, headers: dict[str, str]) -> None:
    for path in ("", "model"):
        assert requests.get(f"{up[0].url}{path}", headers=headers).status_code == 403
    answer = requests.post(f"{up[0].url}file", data=RECORDING.read_bytes(), headers=headers)
    assert answer.status_code == 403
    if "origin" in headers:
        with (
            pytest.raises(InvalidStatus, match="403"),
            connect(
                f"ws{up[0].url[4:]}sound",
                origin=headers["origin"],  # type: ignore[arg-type]
            ),
        ):
            pass


def test_the_guard_knows_the_server_by_its_own_names_only() -> None:
    guard = Guard(None, hosts("127.0.0.1", 8000))  # type: ignore[arg-type]
    for host in ("127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"):
        assert guard.allows(Headers({"host": host}))
        assert guard.allows(Headers({"host": host, "origin": f"http://{host}"}))
    assert not guard.allows(Headers({"host": "localhost:8000", "origin": "http://127.0.0.1:8000"}))
    assert not guard.allows(Headers({"host": "127.0.0.1"}))
    assert not guard.allows(Headers({}))
    twice = Headers(raw=[(b"host", b"localhost:8000"), (b"host", b"evil.example")])
    assert not guard.allows(twice)
    assert "localhost" in hosts("192.168.1.5", 80)


def test_every_answer_forbids_requests_to_other_hosts(up: Up) -> None:
    for path in ("", "page.js", "model", "nothing"):
        headers = requests.get(f"{up[0].url}{path}").headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers
    assert requests.get(f"{up[0].url}../run.py").status_code == 404


LATE = {"label": "Dog", "onset_s": 2.0, "offset_s": 3.0, "score": 0.75}
EARLY = {"label": "Sneeze", "onset_s": 1.0, "offset_s": 4.0, "score": 0.5}
SOUND = {"name": "a.wav", "sound_s": 5.0, "events": [LATE, EARLY]}


def labels(server: Server, format: str, *sounds: Any) -> requests.Response:
    return requests.post(f"{server.url}labels/{format}", json={"sounds": sounds})


def test_labels_come_in_the_order_of_the_sound(up: Up) -> None:
    answer = labels(up[0], "audacity", SOUND)
    assert answer.headers["x-suffix"] == ".txt"
    rows = [row.split("\t") for row in answer.text.splitlines()]
    assert [(float(row[0]), row[2].split()[0]) for row in rows] == [(1, "Sneeze"), (2, "Dog")]
    for rate_hz, high_hz in ((8000, "4000.0"), (48000, "11025.0"), (None, "11025.0")):
        answer = labels(up[0], "raven", {**SOUND, "rate_hz": rate_hz})
        head, row, _ = (line.split("\t") for line in answer.text.splitlines())
        assert row[head.index("High Freq (Hz)")] == high_hz
        assert row[head.index("Annotation")] == "Sneeze"


def test_labels_of_several_sounds_are_one_table_or_an_archive_with_a_file_of_each(up: Up) -> None:
    sounds = [SOUND, {**SOUND, "name": "in/a.ogg", "events": [{**LATE, "label": "Wolf"}]}]
    answer = labels(up[0], "csv", *sounds)
    assert answer.headers["x-suffix"] == ".csv"
    assert [row.split(",")[::3] for row in answer.text.splitlines()] == [
        ["filename", "event_label"],
        ["a.wav", "Sneeze"],
        ["a.wav", "Dog"],
        ["in/a.ogg", "Wolf"],  # a person's own label
    ]
    answer = labels(up[0], "audacity", *sounds)
    assert answer.headers["x-suffix"] == ".txt.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a.txt", "a-2.txt"]
        assert archive.read("a-2.txt").decode() == "2.000000\t3.000000\tWolf\n"


def test_labels_are_of_real_events_only(up: Up) -> None:
    wrong = [
        {**LATE, "label": ""},
        {**LATE, "label": None},
        {**LATE, "onset_s": "nan"},
        {**LATE, "onset_s": 3.5},
        {**LATE, "score": -1},
        3,
    ]
    for event in wrong:
        answer = labels(up[0], "csv", {**SOUND, "events": [event]})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("expected sounds, each with a name, a length")
    assert labels(up[0], "csv").json() == {"error": "no sound to write labels of"}
    assert "valid: " in labels(up[0], "x", SOUND).json()["error"]


@pytest.mark.slow
def test_spikes_come_neuron_by_neuron_and_agree_with_the_rows(up: Up) -> None:
    frames = [frame for message in posted(up[0], RECORDING) for frame in message["frames"]]
    sizes = [layer["neurons"] for layer in requests.get(f"{up[0].url}model").json()["layers"]]
    assert sizes == [64, 16, 8, 8]
    for frame in frames:
        content = base64.b64decode(frame["spikes"])
        assert len(content) == sum(-(-size // 8) for size in sizes)
        bits = np.unpackbits(np.frombuffer(content, np.uint8))
        assert bits.sum() == pytest.approx(frame["rate"] * sum(sizes), abs=0.01)
        layers = np.split(bits, np.cumsum([8 * -(-size // 8) for size in sizes]))[:-1]
        rates = [layer[:size].mean() for layer, size in zip(layers, sizes, strict=True)]
        np.testing.assert_allclose(rates, frame["rates"], atol=6e-5)
    assert max(frame["rate"] for frame in frames) > 0


@pytest.mark.slow
def test_levels_are_those_of_the_samples_of_each_frame_whatever_the_chunks(up: Up) -> None:
    hop_s, rate_hz = 1024 / 22050, 44100
    samples = np.zeros(3 * rate_hz, np.float32)
    samples[rate_hz:] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate_hz) / rate_hz)
    for pieces in (1, 7, 1000):
        levels = Levels(hop_s, rate_hz)
        given = [x for part in np.array_split(samples, pieces) for x in levels.feed(part)]
        assert len(given) == int(3 / hop_s + 0.5)
        for frame, level in enumerate(given):
            start = max(0, round((frame - 0.5) * hop_s * rate_hz))
            power = np.mean(samples[start : round((frame + 0.5) * hop_s * rate_hz)] ** 2.0)
            assert level == pytest.approx(10 * np.log10(max(power, 1e-12)), abs=0.06)
        assert given[0] == LOWEST_DB
        assert given[-1] == pytest.approx(-9.0, abs=0.1)  # a sine of half the full scale
    messages = posted(up[0], RECORDING)
    of_file = [level for message in messages for level in message["levels"]]
    assert abs(len(of_file) - sum(len(message["frames"]) for message in messages)) <= 1


def test_the_model_says_where_frequencies_lie_on_its_axis(up: Up) -> None:
    about = requests.get(f"{up[0].url}model").json()
    assert about["input"] == "Mel spectrogram"
    bins = {tick["hz"]: tick["bin"] for tick in about["ticks"]}
    assert list(bins) == [500, 1000, 2000, 5000, 10_000]
    # Slaney's scale: linear to 1 kHz, 66.7 Hz a mel; then a factor of 6.4 every 27 mels.
    mels = {hz: 15 + 27 * np.log(hz / 1000) / np.log(6.4) for hz in (1000, 2000, 5000, 10_000)}
    top = 15 + 27 * np.log(11.025) / np.log(6.4)
    for hz, mel in (mels | {500: 7.5}).items():
        assert bins[hz] == pytest.approx(65 * mel / top - 1, abs=0.02)


def test_an_address_that_cannot_be_used_is_an_error_in_one_line(up: Up) -> None:
    port = int(up[0].url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(SpikesoundError, match="--port 0 takes a free one"):
        Server(up[1], "127.0.0.1", port)
    for every in ("", "0.0.0.0", "0", "0x0", "::"):
        with pytest.raises(SpikesoundError, match="every address"):
            Server(up[1], every, 0)


@pytest.mark.slow
def test_potentials_come_neuron_by_neuron_and_spikes_are_above_the_threshold(up: Up) -> None:
    about = requests.get(f"{up[0].url}model").json()
    assert about["membranes"] == LIMIT
    frames = [frame for message in posted(up[0], RECORDING) for frame in message["frames"]]
    sizes = [layer["neurons"] for layer in about["layers"]]
    ends = np.cumsum([8 * -(-size // 8) for size in sizes])
    fired, high = 0, set()
    for frame in frames:
        levels = np.frombuffer(base64.b64decode(frame["potentials"]), np.uint8)
        assert len(levels) == sum(sizes)
        high |= set(levels.tolist())
        bits = np.unpackbits(np.frombuffer(base64.b64decode(frame["spikes"]), np.uint8))
        spikes = [layer[:size] for layer, size in zip(np.split(bits, ends), sizes, strict=False)]
        threshold = 255 * (1 + LIMIT) / (2 * LIMIT)
        assert (levels[np.concatenate(spikes) > 0] >= threshold - 0.5).all()
        assert (levels[np.concatenate(spikes) == 0] <= threshold + 0.5).all()
        fired += int(sum(layer.sum() for layer in spikes))
    assert fired > 100
    assert len(high) > 100, "many different potentials"
