"""How fast the meter is read: ``python -m bench.meter [SAMPLES]``.

A simulated SDM630 at 9600 baud with 20 ms of turnaround, in a process of its own, is read in five
ways, in turn and without a pause, so that every request has its silence to wait for. Their limit is
what line and meter need: the bytes, the turnarounds, and one silence of 3.5 characters for each
request. CPU time and context switches are those of the reading side.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import minimalmodbus
import serial

from drivers.meter import Meter
from drivers.registers import MODELS, Block
from simulator.electrical import Electrical
from simulator.meter.line import RtuLine
from simulator.meter.sdm630 import Sdm630

BAUDRATE = 9600
TURNAROUND_S = 0.020
CHAR_S = 10 / BAUDRATE
# minimalmodbus counts 11 bits for a character of the silence.
SILENCE_S = 3.5 * 11 / BAUDRATE
SAMPLES = 40
WARM_UP = 3

SINGLE = tuple(Block(register, 2) for register in (0x0048, 0x015A, 0x015C, 0x015E))


@dataclass
class Way:
    """One way to take a sample, and what was measured of it."""

    name: str
    blocks: tuple[Block, ...]
    read: Callable[[], object]
    took_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    switches: list[int] = field(default_factory=list)

    @property
    def limit_s(self) -> float:
        """Request 8 bytes, reply 5 and two for each register."""
        return sum(
            (13 + 2 * block.count) * CHAR_S + TURNAROUND_S + SILENCE_S for block in self.blocks
        )

    def measure(self) -> None:
        before = resource.getrusage(resource.RUSAGE_THREAD)
        cpu_s, began = time.thread_time(), time.monotonic()
        self.read()
        self.took_s.append(time.monotonic() - began)
        self.cpu_s.append(time.thread_time() - cpu_s)
        after = resource.getrusage(resource.RUSAGE_THREAD)
        self.switches.append(after.ru_nvcsw - before.ru_nvcsw)

    def row(self, first: Way) -> str:
        took_s = statistics.median(self.took_s)
        return (
            f"{self.name:34} {1e3 * took_s:8.1f} {1e3 * self.limit_s:8.1f} "
            f"{took_s / self.limit_s:7.3f} {took_s / statistics.median(first.took_s):7.3f} "
            f"{1e3 * statistics.median(self.cpu_s):7.2f} {statistics.median(self.switches):9.0f}"
        )


def serve(channel: Connection) -> None:
    """The simulated meter, until the other side hangs up."""
    flowing = Electrical(
        (230.0, 231.0, 229.0), (16.0, 16.0, 16.0), (3680.0, 3696.0, 3664.0), (4e6, 4e6, 4e6)
    )
    line = RtuLine(Sdm630(lambda: flowing).answer, BAUDRATE, turnaround_s=TURNAROUND_S)
    line.start()
    channel.send(line.port)
    try:
        channel.recv()
    except EOFError:
        pass
    finally:
        line.stop()


def plain(port: serial.Serial, blocks: tuple[Block, ...]) -> Callable[[], object]:
    """minimalmodbus as it comes."""
    instrument = minimalmodbus.Instrument(port, 1)

    def read() -> object:
        return [instrument.read_registers(block.start, block.count, 4) for block in blocks]

    return read


def measure(port: str, samples: int) -> list[Way]:
    table = MODELS["sdm630"]
    line = serial.Serial(port, BAUDRATE, timeout=0.5, write_timeout=2)
    meter = Meter(port)
    ways = [
        Way("(a) 4 x 2 registers, plain", SINGLE, plain(line, SINGLE)),
        Way("(b) read_energy, 4+6", table.energy, meter.read_energy),
        Way("(c) read_all, 18+24+6", table.everything, meter.read_all),
        Way("    4+6, plain minimalmodbus", table.energy, plain(line, table.energy)),
        Way("    18+24+6, plain minimalmodbus", table.everything, plain(line, table.everything)),
    ]
    meter.open()
    for sample in range(WARM_UP + samples):
        for way in ways:
            if sample == WARM_UP:
                way.took_s.clear()
                way.cpu_s.clear()
                way.switches.clear()
            way.measure()
    meter.close()
    line.close()
    return ways


def main() -> int:
    """Print the table; 1 when a figure is missed."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,))
    process.start()
    there.close()
    try:
        ways = measure(here.recv(), samples)
    finally:
        here.close()
        process.join()
    print(f"SDM630 at {BAUDRATE} baud, {1e3 * TURNAROUND_S:.0f} ms turnaround, median of {samples}")
    print(f"{'':34} {'ms':>8} {'limit':>8} {'/limit':>7} {'/(a)':>7} {'CPU ms':>7} {'switches':>9}")
    for way in ways:
        print(way.row(ways[0]))
    single, energy, everything = (statistics.median(way.took_s) for way in ways[:3])
    wanted = {
        "read_energy <= 0.6 x (a)": energy <= 0.6 * single,
        "read_energy <= 1.02 x limit": energy <= 1.02 * ways[1].limit_s,
        "CPU of read_energy <= 0.6 x (a)": statistics.median(ways[1].cpu_s)
        <= 0.6 * statistics.median(ways[0].cpu_s),
        "read_all <= 1.02 x limit": everything <= 1.02 * ways[2].limit_s,
    }
    for figure, reached in wanted.items():
        print(f"{figure}: {'reached' if reached else 'MISSED'}")
    return 0 if all(wanted.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
