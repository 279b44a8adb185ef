"""Energy by the processor's own counter (RAPL), or the reason why it is not available.

RAPL (running average power limit) is a counter in Intel's and AMD's processors of the energy that a
whole package took. Linux shows it under /sys/class/powercap to those who may read it; a virtual
machine mostly has none. Nothing here is estimated: where there is no counter, there is no figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

NOT_AVAILABLE = "not available"

LOOP_S = 2.0
"""A loop's least length: the counter moves about once a millisecond, and in steps of some 60 uJ."""

HIGHEST_W = 1000.0
"""Of one package. More cannot be: the counter has started again from zero and it was missed."""

ATTEMPTS = 3


class Unavailable(Exception):
    """Why the energy is not available, in a line."""


class Measured(Protocol):
    """Reading of a package's energy counter."""

    @property
    def cpu_mj(self) -> float:
        """Energy taken so far; it goes on rising where the register starts again from zero."""


class Package(Protocol):
    """The counter of one processor package (``zeus.device.cpu.rapl.RAPLCPU``)."""

    def get_total_energy_consumption(self) -> Measured:
        """Read it."""


@dataclass(frozen=True)
class Counter:
    """All packages of the machine together."""

    packages: list[Package]

    def joules(self) -> float:
        """Return the energy taken so far, from an arbitrary zero.

        Raises
        ------
        Unavailable
            If the counter cannot be read.
        """
        try:
            read = [package.get_total_energy_consumption() for package in self.packages]
        except OSError as error:
            raise Unavailable(f"the RAPL counter cannot be read: {error}") from error
        return sum(float(package.cpu_mj) for package in read) / 1000


@dataclass(frozen=True)
class Energy:
    """Energy of one call, in mJ.

    Attributes
    ----------
    net_mj : what the packages took above what they take when idle
    raw_mj : all that they took while the calls were made
    calls : over how many this is the mean
    """

    net_mj: float
    raw_mj: float
    calls: int


def open_counter() -> Counter:
    """Return the machine's counter, by Zeus (the extra ``energy``).

    Zeus watches the registers from a process of its own and adds what is lost when one starts again
    from zero. A zone of the whole platform (psys) holds the packages too, and is left out.

    Raises
    ------
    Unavailable
        If Zeus is not installed, or the machine has no counter or does not let it be read.
    """
    try:
        from zeus.device.cpu.rapl import RAPLCPUs
        from zeus.exception import ZeusBaseError
    except ImportError as error:
        raise Unavailable("zeus is not installed (pip install 'spikesound[energy]')") from error
    try:
        zones = RAPLCPUs().cpus
    except (ZeusBaseError, OSError) as error:
        raise Unavailable(str(error)) from error
    packages = [cpu for cpu in zones if _zone(cpu).startswith("package")]
    if not packages:
        raise Unavailable("RAPL shows no zone of a package")
    return Counter(packages)


def measure(call: Callable[[], object], counter: Counter, *, seconds: float = LOOP_S) -> Energy:
    r"""Return the energy of one call: a loop of calls, less an equal time of doing nothing.

    .. math:: E = \frac{(C(t_1) - C(t_0)) - (C(t_2) - C(t_1))}{n}, \qquad t_2 - t_1 = t_1 - t_0

    with C the counter and n the calls of the loop. The counter is the whole machine's: what else
    runs while one of the two is taken, and not while the other, is in the figure.

    Parameters
    ----------
    call : what is measured; it should have been called before
    counter : of :func:`open_counter`
    seconds : least length of the loop

    Raises
    ------
    Unavailable
        If the counter does not move, moves by what cannot be, or no more in the loop than idle.
    """
    reason = ""
    for _ in range(ATTEMPTS):
        before, began = counter.joules(), time.perf_counter()
        calls = 0
        while time.perf_counter() - began < seconds:
            call()
            calls += 1
        after, ended = counter.joules(), time.perf_counter()
        time.sleep(ended - began)
        raw, idle = after - before, counter.joules() - after
        highest = HIGHEST_W * len(counter.packages) * (ended - began)
        if not (0 < raw <= highest and 0 <= idle <= highest):
            reason = f"the counter moved by {raw:.6g} J and {idle:.6g} J in {ended - began:.3g} s"
        elif raw <= idle:
            reason = "the counter rose no faster in the loop than idle: other work disturbed it"
        else:
            return Energy(1000 * (raw - idle) / calls, 1000 * raw / calls, calls)
    raise Unavailable(reason)


def _zone(cpu: object) -> str:
    # Behind its daemon Zeus does not tell the zone's name; it counts packages by number.
    file = getattr(cpu, "rapl_file", None)
    return str(getattr(file, "name", "package"))
