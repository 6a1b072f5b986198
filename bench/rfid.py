"""What a poll and a card cost on SPI: our reader beside the stock package, on one simulated chip.

``python -m bench.rfid`` prints a table. Transfers are counted, and times are those of a 1 MHz bus
with the given host time per transfer. Only the CPU of an empty poll is the computer's, what the
simulated chip takes of it subtracted.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from drivers.iso14443 import Answer, Card, Damage, Exchange, read_card
from drivers.mfrc522 import Mfrc522, registers
from tests.drivers.rfid_rig import RESET_PIN, Rig

CARDS = {
    4: bytes.fromhex("DEADBEEF"),
    7: bytes.fromhex("04A3C6CAE26180"),
    10: bytes.fromhex("04112233445566778899"),
}
FEWER_TRANSFERS, LESS_CPU = 80, 30
POLLS = 30
_WARM_UP_S = 0.02
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """SPI transfers, the bytes in them, and milliseconds from first to last."""

    transfers: int
    spi_bytes: int
    duration_ms: float


def empty_poll(host_us: float = 60.0) -> Cost:
    """One scan() without a card, switching the field on and off included."""
    with Rig(host_us=host_us).installed() as rig:
        reader = rig.reader()
        reader.open()
        rig.pass_time(_POLL_S)
        return _cost(rig, reader.scan, expected=None)


def held_card(uid: bytes, host_us: float = 60.0, sleep_late_us: float = 0.0) -> Cost:
    """One scan() with a card: field, reading, confirming reading."""
    with Rig(host_us=host_us, sleep_late_us=sleep_late_us).installed() as rig:
        reader = rig.reader()
        reader.open()
        rig.pass_time(_POLL_S)
        rig.field.present(uid)
        return _cost(rig, lambda: _uid(reader.scan()), expected=uid)


def one_reading(uid: bytes, host_us: float = 60.0) -> Cost:
    """One reading in a field that is on: WUPA to the final SAK."""
    with Rig(host_us=host_us).installed() as rig:
        spi = rig.spidev.SpiDev()
        spi.open(0, 0)
        spi.max_speed_hz = 1_000_000
        chip = Mfrc522(
            registers(spi),
            "bench",
            monotonic=rig.monotonic,
            sleep=rig.sleep,
            on_glitch=lambda: None,
        )
        chip.start()
        rig.field.present(uid)
        chip.field_on()
        return _cost(rig, lambda: _uid(read_card(chip.transceive)), expected=uid)


def stock_empty_poll(host_us: float = 60.0) -> Cost:
    """The stock package asking once into an empty field."""
    with _stock(host_us) as (rig, chip):
        return _cost(rig, lambda: chip.MFRC522_Request(chip.PICC_REQIDL)[0], expected=chip.MI_ERR)


def stock_reading(uid: bytes, host_us: float = 60.0) -> Cost:
    """The same correct reading as one_reading(), over the stock package's frame exchange."""
    with _stock(host_us) as (rig, chip):
        rig.field.present(uid)
        rig.pass_time(_WARM_UP_S)

        def transceive(frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
            chip.Write_MFRC522(chip.BitFramingReg, last_bits)
            status, data, bits = chip.MFRC522_ToCard(chip.PCD_TRANSCEIVE, list(frame))
            return Answer(bytes(data), bits) if status == chip.MI_OK else Damage.AIR

        return _cost(rig, lambda: _uid(read_card(transceive)), expected=uid)


def cpu_us(rig: Rig, work: Callable[[], object], expected: object) -> float:
    """Microseconds of CPU that a poll takes the driver, the simulated chip's subtracted; the median
    of many."""
    transfer, chips_s = rig.chip.transfer, 0.0

    def timed(sent: bytes, now_us: float, speed_hz: int) -> bytes:
        nonlocal chips_s
        began_s = time.thread_time()
        answer = transfer(sent, now_us, speed_hz)
        chips_s += time.thread_time() - began_s
        return answer

    rig.chip.transfer = timed  # type: ignore[method-assign]
    took = []
    for _ in range(POLLS):
        rig.pass_time(_POLL_S)
        chips_s, began_s = 0.0, time.thread_time()
        result = work()
        took.append(1e6 * (time.thread_time() - began_s - chips_s))
        if result != expected:
            raise AssertionError(f"measured something else: {result!r}")
    return statistics.median(took)


def cpu_of_empty_polls() -> tuple[float, float]:
    """Microseconds of ours and of the stock package's."""
    with Rig().installed() as rig:
        reader = rig.reader()
        reader.open()
        ours = cpu_us(rig, reader.scan, None)
    with _stock(60.0) as (rig, chip):
        stock = cpu_us(rig, lambda: chip.MFRC522_Request(chip.PICC_REQIDL)[0], chip.MI_ERR)
    return ours, stock


@contextmanager
def _stock(host_us: float) -> Iterator[tuple[Rig, Any]]:
    with Rig(host_us=host_us).installed() as rig, warnings.catch_warnings():
        # The package applies ~ to a bool, which newer Pythons warn about.
        warnings.simplefilter("ignore", DeprecationWarning)
        gpio = sys.modules["RPi.GPIO"]
        gpio.setmode(gpio.BCM)
        package = importlib.import_module("mfrc522.MFRC522")
        yield rig, package.MFRC522(pin_rst=RESET_PIN)


def _cost(rig: Rig, work: Callable[[], object], expected: object) -> Cost:
    began_us, before = rig.now_us, len(rig.transfers)
    result = work()
    if result != expected:
        raise AssertionError(f"measured something else: {result!r} instead of {expected!r}")
    done = rig.transfers[before:]
    return Cost(len(done), sum(map(len, done)), (rig.now_us - began_us) / 1000)


def _uid(read: object) -> object:
    return read.uid if isinstance(read, Card) else read


def rows(host_us: float) -> list[tuple[str, Cost]]:
    """The table's lines for one host time per transfer."""
    table = [
        ("empty poll, stock package", stock_empty_poll(host_us)),
        ("empty poll, scan()", empty_poll(host_us)),
    ]
    for size, uid in CARDS.items():
        table += [
            (f"{size}-byte UID, one reading, stock frames", stock_reading(uid, host_us)),
            (f"{size}-byte UID, one reading", one_reading(uid, host_us)),
            (f"{size}-byte UID, scan() with confirmation", held_card(uid, host_us)),
        ]
    return table


def main() -> int:
    """Print the tables; 1 when a figure is missed."""
    for host_us in (60.0, 0.0):
        print(f"MFRC522 at 1 MHz, {host_us:.0f} us of host time per transfer")
        print(f"{'':44}{'transfers':>10}{'bytes':>8}{'ms':>9}")
        for name, cost in rows(host_us):
            print(f"{name:44}{cost.transfers:10}{cost.spi_bytes:8}{cost.duration_ms:9.2f}")
        print()
    ours, stock = cpu_of_empty_polls()
    print(
        f"CPU of an empty poll: {ours:.0f} us, stock package {stock:.0f} us: {stock / ours:.0f} x"
    )
    fewer = stock_empty_poll().transfers / empty_poll().transfers
    wanted = {
        f"transfers: {FEWER_TRANSFERS} x fewer": fewer >= FEWER_TRANSFERS,
        f"CPU: {LESS_CPU} x less": stock >= LESS_CPU * ours,
    }
    for figure, reached in wanted.items():
        print(f"{figure}: {'reached' if reached else 'MISSED'}")
    return 0 if all(wanted.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
