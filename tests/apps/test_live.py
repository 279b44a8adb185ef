from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from trained_models import NAMES, RECORDING, detector
from typer.testing import CliRunner

from spikesound.apps import api
from spikesound.apps.cli import app
from spikesound.apps.live.listen import State, listen
from spikesound.apps.live.meter import Meter, Printer, clock, picture, summary
from spikesound.apps.live.microphone import Microphone
from spikesound.apps.live.pipe import Pipe
from spikesound.apps.live.sound_file import SoundFile
from spikesound.apps.live.traced import TracedStream, layer_sizes
from spikesound.audio.resampling import Resampler, resample
from spikesound.core.errors import SpikesoundError
from spikesound.models import loading

NOISE = np.random.default_rng(3).standard_normal(9000).astype(np.float32) / 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector(tmp_path_factory.mktemp("live") / "model.safetensors", seed=5)


def traced(model: Path, rate_hz: int) -> TracedStream:
    return TracedStream(loading.load(model), rate_hz)


@settings(max_examples=30)
@given(
    st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    st.lists(st.integers(1, 4000), min_size=1, max_size=30),
)
def test_the_resampled_pieces_are_the_resampled_whole(rate_hz: int, sizes: list[int]) -> None:
    resampler = Resampler(rate_hz, 22050)
    cuts = np.cumsum(sizes)
    pieces = [resampler.feed(piece) for piece in np.split(NOISE, cuts[cuts < len(NOISE)])]
    whole = np.concatenate([*pieces, resampler.finish()])
    np.testing.assert_array_equal(whole, resample(NOISE, rate_hz, 22050))


@pytest.mark.slow
def test_a_traced_stream_gives_what_detect_gives_and_traces_every_frame(model: Path) -> None:
    stream, loaded = traced(model, 22050), api.load(model)
    chunks = [stream.feed(block) for block in SoundFile(RECORDING, 22050).blocks()]
    chunks.append(stream.finish())
    wanted = loaded.detect(RECORDING)
    assert len(wanted) >= 3
    assert sorted(event for chunk in chunks for event in chunk.ended) == sorted(wanted)
    frames = [frame for chunk in chunks for frame in chunk.traced]
    assert len(frames) == sum(len(chunk.results) for chunk in chunks)
    assert [len(layer) for layer in frames[0].spikes] == layer_sizes(loaded.trained)
    assert {value for frame in frames for value in np.unique(frame.spikes[0])} == {0.0, 1.0}
    assert 0 < sum(frame.rate for frame in frames) / len(frames) < 0.5
    assert stream.sound_s == pytest.approx(5, abs=0.01)
    assert stream.busy_s > 0


@pytest.mark.parametrize("backend", ["auto", "dense"])
def test_a_traced_stream_has_the_backend_asked_for(model: Path, backend: str) -> None:
    loaded = loading.load(model)
    stream = TracedStream(loaded, 22050, backend=backend)
    assert stream.backend == ("event_driven" if backend == "auto" else "dense")
    assert stream.spikes
    chunk = stream.feed(NOISE)
    assert [len(layer) for layer in chunk.traced[-1].spikes] == layer_sizes(loaded)


class Dribbling(io.BytesIO):
    """Gives one to seven bytes at a time, as a pipe may."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(1 + self.tell() % 7)


@pytest.mark.parametrize(("kind", "type_name"), [("s16le", "<i2"), ("f32le", "<f4")])
def test_a_pipe_gives_the_mean_of_its_channels(kind: str, type_name: str) -> None:
    values = np.array([[0, 16384], [-32768, 0], [8192, 8192]])
    raw = values if kind == "s16le" else values / 32768
    pipe = Pipe(Dribbling(raw.astype(type_name).tobytes()), kind, 16000, 2)
    assert np.concatenate(list(pipe.blocks())).tolist() == [0.25, -0.5, 0.25]
    assert pipe.warnings == []


def test_a_pipe_that_ends_within_a_sample_says_so() -> None:
    pipe = Pipe(io.BytesIO(bytes(4 * 3 + 2)), "f32le", 16000, 1)
    assert sum(map(len, pipe.blocks())) == 3
    assert "last 2 bytes are ignored" in pipe.warnings[0]


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", "f32le", "stdin: expected samples, got none"),
        (np.array([0, np.nan], "<f4").tobytes(), "f32le", "expected finite samples"),
        (np.array([3e9], "<f4").tobytes(), "f32le", "--pcm, --rate and --channels"),
        (b"", "u8", "valid: f32le, s16le"),
    ],
)
def test_a_pipe_without_sound_in_it_is_refused(content: bytes, kind: str, words: str) -> None:
    with pytest.raises(SpikesoundError, match=words):
        list(Pipe(io.BytesIO(content), kind, 16000, 1).blocks())


class Given:
    """A source of blocks, which may end with an interruption."""

    def __init__(self, blocks: list[Any], interrupted: bool = False) -> None:
        self.rate_hz, self.dropped = 22050, 0
        self.warnings: list[str] = []
        self._blocks, self._interrupted = blocks, interrupted

    def blocks(self) -> Iterator[Any]:
        yield from self._blocks
        if self._interrupted:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interruption_ends_the_events_and_is_followed_by_the_summary(model: Path) -> None:
    blocks = list(SoundFile(RECORDING, 22050).blocks())[:5]  # within the bark
    shown: list[Any] = []
    state = listen(Given(blocks, True), traced(model, 22050), lambda _, ended: shown.extend(ended))
    assert {event.label for event in shown} == set(NAMES)
    assert 2.45 < max(event.offset_s for event in shown) <= 2.5
    assert sum(state.events.values()) == len(shown) == 3
    lines = summary(state, ["half a sample"])
    assert lines[0].startswith("0:02.50 processed; ")
    assert "3 events: " in lines[1]
    assert lines[2] == "warning: half a sample"


def test_dropped_blocks_are_counted_and_never_shown_as_none() -> None:
    zeros = np.zeros(3, np.float32)
    state = State(NAMES, True, zeros, zeros > 0, sound_s=2.0, busy_s=0.5)
    assert "DROPPED" not in summary(state, [])[0]
    assert "real-time factor 0.250" in summary(state, [])[0]
    state.dropped = 4
    assert "4 BLOCKS DROPPED" in summary(state, [])[0]


def test_the_meter_has_a_bar_for_each_class_and_the_latest_events() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    scores = np.array([0.91, 0.2, 0.0], np.float32)
    state = State(NAMES, True, scores, scores > 0.5, sound_s=3.0, rate=0.031)
    event = api.Event("Dog", 61.0, 62.5, 0.9)
    console.print(picture(state, [event]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    dog, rooster = (next(row for row in text.splitlines() if name in row) for name in NAMES[:2])
    assert dog.startswith("●")
    assert "0.91" in dog
    assert rooster.startswith("·")
    assert dog.count("━") > rooster.count("━") - 1
    assert "3.1 % of the neurons spike" in text
    assert "1:01.00 to 1:02.50  Dog (0.90)" in text
    with Meter(console) as meter:
        for _ in range(20):
            meter.show(state, [event])
    assert console.file.getvalue() != text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00.00"), (59.999, "1:00.00"), (3661.25, "1:01:01.25")]
)
def test_a_clock_never_shows_sixty_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


class Device:
    """What sounddevice is to the microphone: two devices, and blocks from a thread."""

    PortAudioError = RuntimeError
    default = SimpleNamespace(device=[1, 0])

    def __init__(self, blocks: int) -> None:
        self.count = blocks

    def query_devices(self) -> list[dict[str, Any]]:
        rate = {"default_samplerate": 44100.0}
        return [
            {"index": 0, "name": "Speakers", "max_input_channels": 0, **rate},
            {"index": 1, "name": "Built-in", "max_input_channels": 2, **rate},
            {"index": 2, "name": "USB mic", "max_input_channels": 1, **rate},
        ]

    def InputStream(self, **options: Any) -> Any:
        size, callback = options["blocksize"], options["callback"]
        device = self

        class Running:
            active = False

            def start(self) -> None:
                for number in range(device.count):
                    status = SimpleNamespace(input_overflow=number == 3)
                    callback(np.full((size, 1), number / 1000, np.float32), size, None, status)

            def close(self) -> None:
                pass

        return Running()


@pytest.mark.slow
def test_a_microphone_gives_its_blocks_and_counts_those_it_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(205))  # type: ignore[arg-type]
    microphone = Microphone()
    assert (microphone.name, microphone.rate_hz) == ("Built-in", 44100)
    blocks = microphone.blocks()
    got = [round(1000 * float(next(blocks)[0])) for _ in range(200)]
    assert got == list(range(200))  # the queue holds ten seconds
    assert microphone.dropped == 1 + 5
    with pytest.raises(SpikesoundError, match="'Built-in' was disconnected"):
        next(blocks)


def test_an_unknown_microphone_is_an_error_that_lists_the_valid_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(0))  # type: ignore[arg-type]
    assert Microphone("usb").name == "USB mic"
    assert Microphone("2").name == "USB mic"
    with pytest.raises(SpikesoundError, match="unknown microphone 'x'; valid: 1: Built-in"):
        Microphone("x")
    monkeypatch.setattr(Device, "query_devices", lambda _: [])
    with pytest.raises(SpikesoundError, match=r"no microphone found.*--file FILE.*--pcm"):
        Microphone()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SpikesoundError, match=r"pip install 'spikesound\[live\]'"):
        Microphone()


@pytest.mark.slow
def test_listen_prints_a_line_of_json_for_each_event(model: Path) -> None:
    arguments = ["listen", "--model", str(model), "--file", str(RECORDING)]
    found = CliRunner().invoke(app, [*arguments, "--json"])
    assert found.exit_code == 0, found.output
    events = [json.loads(line) for line in found.stdout.splitlines()]
    wanted = [event._asdict() for event in api.load(model).detect(RECORDING)]
    assert sorted(events, key=str) == sorted(wanted, key=str)
    assert "3 events: " in found.stderr


@pytest.mark.slow
def test_listen_processes_samples_on_stdin_as_they_come(model: Path) -> None:
    samples, rate_hz = soundfile.read(RECORDING, dtype="int16")
    options = ["--pcm", "s16le", "--rate", str(rate_hz)]
    found = CliRunner().invoke(
        app, ["listen", "--model", str(model), *options], input=samples.astype("<i2").tobytes()
    )
    assert found.exit_code == 0, found.output
    assert "0:05.00 processed" in found.stdout
    assert sum(" to 0:0" in line for line in found.stdout.splitlines()) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--file", "x.wav", "--pcm", "s16le"], "expected one source, got two"),
        (["--file", "x.wav", "--device", "usb"], "--device: chooses a microphone"),
        (["--file", "x.wav"], "x.wav: no such file"),
    ],
)
def test_listen_says_in_a_line_what_is_wrong(model: Path, options: list[str], words: str) -> None:
    found = CliRunner().invoke(app, ["listen", "--model", str(model), *options])
    assert isinstance(found.exception, SpikesoundError)
    assert words in str(found.exception)


@pytest.mark.slow
def test_an_event_is_printed_as_soon_as_it_ends(model: Path) -> None:
    class Slow(Given):
        def blocks(self) -> Iterator[Any]:
            for block in self._blocks:
                yield block
                lengths.append(len(out.getvalue().splitlines()))

    lengths: list[int] = []
    out = io.StringIO()
    blocks = list(SoundFile(RECORDING, 22050).blocks())
    listen(Slow(blocks), traced(model, 22050), Printer(out, json=False).show)
    assert lengths[3] == 0  # two seconds: silence
    assert lengths[7] == 3  # four seconds: a second after the bark
