"""Energy by the processor's own counter: what is subtracted, and when there is no figure."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from spikesound.evaluation import cpu_energy
from spikesound.evaluation.cpu_energy import Counter, Unavailable, measure, open_counter

RANGE_UJ = 262_143_328_850


class Machine:
    """A clock that moves by sleep and work alone, and a package that takes 10 W when idle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, idle_w: float = 10.0) -> None:
        self.now_s = self.joules = 0.0
        self.idle_w = idle_w
        self.reads = 0
        clock = SimpleNamespace(perf_counter=lambda: self.now_s, sleep=self.pass_time)
        monkeypatch.setattr(cpu_energy, "time", clock)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.joules += self.idle_w * seconds

    def work(self) -> None:
        """Take a quarter of a second and 3 J more than idle."""
        self.pass_time(0.25)
        self.joules += 3.0

    def get_total_energy_consumption(self) -> SimpleNamespace:
        self.reads += 1
        return SimpleNamespace(cpu_mj=self.joules * 1000)


def test_what_is_taken_when_idle_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    energy = measure(machine.work, Counter([machine]), seconds=2.0)
    assert energy.calls == 8
    assert energy.net_mj == pytest.approx(3000)
    assert energy.raw_mj == pytest.approx(3000 + 0.25 * 10 * 1000)


def test_packages_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    energy = measure(machine.work, Counter([machine, machine]), seconds=2.0)
    assert energy.net_mj == pytest.approx(6000)


def test_a_start_from_zero_that_was_missed_is_measured_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)

    def work() -> None:
        if machine.reads == 1:
            machine.joules -= 1e5
        machine.work()

    energy = measure(work, Counter([machine]), seconds=2.0)
    assert energy.net_mj == pytest.approx(3000)
    assert machine.reads > 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda machine: setattr(machine, "joules", machine.joules - 50.0), "moved by -"),
        (lambda machine: setattr(machine, "joules", machine.joules + 1e6), "moved by"),
        (lambda machine: setattr(machine, "joules", machine.joules - 4.0), "no faster"),
    ],
)
def test_what_cannot_be_is_no_figure(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Machine], None], reason: str
) -> None:
    machine = Machine(monkeypatch)

    def work() -> None:
        machine.work()
        change(machine)

    with pytest.raises(Unavailable, match=reason):
        measure(work, Counter([machine]), seconds=2.0)


def test_a_counter_that_stands_still_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, idle_w=0.0)
    with pytest.raises(Unavailable, match="moved by 0 J and 0 J in 2 s"):
        measure(lambda: machine.pass_time(0.5), Counter([machine]), seconds=2.0)


def test_a_counter_that_is_taken_away_is_no_figure() -> None:
    class Closed:
        def get_total_energy_consumption(self) -> SimpleNamespace:
            raise PermissionError("energy_uj")

    with pytest.raises(Unavailable, match="cannot be read: energy_uj"):
        Counter([Closed()]).joules()


def test_without_the_library_the_reason_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeus.device.cpu.rapl", None)
    with pytest.raises(Unavailable, match=r"pip install 'spikesound\[energy\]'"):
        open_counter()


# Below, Zeus itself reads a tree of files like the kernel's.


def zone(folder: Path, name: str, energy_uj: int = 0) -> Path:
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    return folder / "energy_uj"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder where Zeus will look; it is not there yet."""
    rapl = pytest.importorskip("zeus.device.cpu.rapl", reason="needs the extra energy")
    monkeypatch.setattr(rapl, "RAPL_DIR", str(tmp_path / "intel-rapl"))
    monkeypatch.setattr(rapl, "CONTAINER_RAPL_DIR", str(tmp_path / "none"))
    before = set(multiprocessing.active_children())
    rapl.rapl_is_available.cache_clear()
    yield tmp_path / "intel-rapl"
    rapl.rapl_is_available.cache_clear()
    for child in set(multiprocessing.active_children()) - before:
        child.terminate()  # they watch the files that go now
        child.join()


@pytest.mark.slow
def test_packages_are_read_and_the_platform_is_not(tree: Path) -> None:
    zone(tree / "intel-rapl:0", "package-0", 5_000_000)
    zone(tree / "intel-rapl:0" / "intel-rapl:0:0", "core", 1_000_000)
    second = zone(tree / "intel-rapl:1", "package-1", 7_000_000)
    zone(tree / "intel-rapl:2", "psys", 900_000_000)
    counter = open_counter()
    assert counter.joules() == pytest.approx(12.0)
    second.write_text("9500000\n")
    assert counter.joules() == pytest.approx(14.5)


@pytest.mark.slow
def test_a_counter_that_starts_again_from_zero_goes_on_rising(tree: Path) -> None:
    high, low = RANGE_UJ - 2_000_000, 3_000_000
    file = zone(tree / "intel-rapl:0", "package-0", high)
    counter = open_counter()
    for _ in range(60):  # until the process that watches is up
        file.write_text(f"{high}\n")
        before = counter.joules()
        time.sleep(0.3)
        file.write_text(f"{low}\n")
        time.sleep(0.3)
        gained = counter.joules() - before
        if gained > 0:
            break
    assert gained == pytest.approx(5.0, abs=1e-3)


def test_a_machine_without_counters_says_so(tree: Path) -> None:
    with pytest.raises(Unavailable, match="not supported"):
        open_counter()


def test_a_tree_without_a_package_says_so(tree: Path) -> None:
    zone(tree / "intel-rapl:0", "psys")
    with pytest.raises(Unavailable, match="no zone of a package"):
        open_counter()


def test_a_counter_that_may_not_be_read_says_so(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = zone(tree / "intel-rapl:0", "package-0")

    def refused(path: object, *arguments: object, **named: object) -> object:
        if str(path) == str(file):
            raise PermissionError(13, "Permission denied", str(path))
        return Path(str(path)).open(*arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr("zeus.device.cpu.rapl.open", refused, raising=False)
    with pytest.raises(Unavailable, match="root privileges"):
        open_counter()
