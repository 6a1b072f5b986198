"""The RFID reader: one poll, one answer to "which card is there?".

One thread only, the one that polls; no lock, because register sequences belong to one owner.
Between polls the field is off: cards start afresh at every poll, and the module stays cool.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from drivers import libraries
from drivers.errors import ReaderError, ReaderReset, ReaderSilent
from drivers.iso14443 import (
    Card,
    Collision,
    Damage,
    Outcome,
    Scan,
    SeveralCards,
    halt,
    read_card,
)
from drivers.mfrc522 import Mfrc522, registers

__all__ = ["LONGEST_SCAN_S", "Card", "Counters", "Reader", "Scan", "SeveralCards"]

LONGEST_SCAN_S = 0.05
"""A scan of any single card that stays is over within this, at 120 us of host time per transfer.

A poll that begins every (T - LONGEST_SCAN_S) seconds therefore reports a card within T of its
arrival.
"""

_SPEED_HZ = 1_000_000
_RESET_LOW_S = 0.010
_READS_PER_SCAN = 3

# A line is set up once in the life of the process: rpi-lgpio would not write the level of a second
# setup(). The module is kept beside it because a stand-in may take its place.
_lines_set_up: dict[int, Any] = {}


@dataclass(slots=True)
class Counters:
    """What has happened since the reader was made. Only the polling thread writes it.

    ``empty``, ``cards``, ``several``: scans by result (a damaged read ends as empty).
    ``glitches``: SPI readings that a repetition did not confirm, and frames without a verdict in
    time. ``hard_resets`` and ``re_inits``: recoveries tried by open() (the first one included) and
    by reinit().
    """

    polls: int = 0
    empty: int = 0
    cards: int = 0
    several: int = 0
    collisions: int = 0
    left_early: int = 0
    air_errors: int = 0
    length_errors: int = 0
    bcc_errors: int = 0
    crc_errors: int = 0
    cascade_errors: int = 0
    glitches: int = 0
    hard_resets: int = 0
    re_inits: int = 0


_COUNTER_OF_DAMAGE = {
    Damage.LEFT: "left_early",
    Damage.AIR: "air_errors",
    Damage.LENGTH: "length_errors",
    Damage.BCC: "bcc_errors",
    Damage.CRC: "crc_errors",
    Damage.CASCADE: "cascade_errors",
}


class Reader:
    """An MFRC522 module on ``/dev/spidev<bus>.<device>``, its RST on BCM line ``reset_pin``.

    The constructor opens nothing.
    """

    def __init__(
        self,
        spi_bus: int = 0,
        spi_device: int = 0,
        reset_pin: int = 25,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bus_device = (spi_bus, spi_device)
        self._reset_pin = reset_pin
        self._monotonic = monotonic
        self._sleep = sleep
        self._spi: Any = None
        self._chip: Mfrc522 | None = None
        self.counters = Counters()
        self.heard = False
        """Whether anything answered at the last poll, be it unreadable."""

    @property
    def version(self) -> int | None:
        """VersionReg as read at the last start (0x91, 0x92 NXP; others are clones); else None."""
        return self._chip.version if self._chip is not None else None

    def open(self) -> None:
        """Hard reset through RST, SPI opened anew, registers initialised and read back.

        Also the strongest recovery of an open reader; takes about 15 ms, up to 0.35 s with a chip
        that is slow to wake. After an error the reader is closed. Raises ReaderSilent, ReaderHung,
        ReaderReset, ReaderError itself (SPI or the reset line may not be used) or LibraryMissing.
        """
        self._drop_spi()
        self.counters.hard_resets += 1
        self._pulse_reset()
        try:
            self._spi = self._open_spi()
            chip = Mfrc522(
                registers(self._spi),
                self._where,
                monotonic=self._monotonic,
                sleep=self._sleep,
                on_glitch=self._count_glitch,
            )
            chip.start()
        except BaseException:
            self._drop_spi()
            raise
        self._chip = chip

    def reinit(self) -> None:
        """Soft reset, registers initialised and read back; 2 ms, up to 0.3 s as in open().

        The gentle recovery: no reset pulse, SPI stays open, also after an error. Opens a reader
        that is closed. Raises as open().
        """
        if self._chip is None:
            self.open()
            return
        self.counters.re_inits += 1
        self._chip.start()

    def scan(self) -> Scan:
        """One poll: field on, read what is there twice, field off.

        Two readings in a row must be identical, or there was nothing; three of what may be a part
        of a longer UID. Takes 7 ms without a card and
        up to LONGEST_SCAN_S with one. Raises ReaderSilent, ReaderHung or ReaderReset when the chip
        is not well; the next call after reinit() or open() starts afresh.
        """
        chip = self._opened()
        self.heard = False
        self.counters.polls += 1
        chip.field_on()
        outcome = self._read_twice(chip)
        chip.field_off()
        if outcome is None:
            chip.verify_next_setting()
        if isinstance(outcome, Card):
            self.counters.cards += 1
            return outcome
        if isinstance(outcome, Collision):
            self.counters.several += 1
            return SeveralCards()
        self.counters.empty += 1
        return None

    def verify(self) -> None:
        """Is the chip there, with our settings? Three transfers.

        Raises ReaderSilent or ReaderReset, and only if a second look says the same.
        """
        self._opened().verify()

    def close(self) -> None:
        """Field off, SPI closed. RST stays as it is; safe to call again, never raises."""
        if self._chip is not None:
            # Whoever closes a broken reader wants the device released, not its diagnosis.
            with suppress(ReaderError):
                self._chip.field_off()
        self._drop_spi()

    def _read_twice(self, chip: Mfrc522) -> Card | Collision | None:
        before = self._read_once(chip)
        alike = 1
        for _ in range(_READS_PER_SCAN - 1):
            if before is None:
                return None
            halt(chip.transceive)
            now = self._read_once(chip)
            alike = alike + 1 if now == before else 1
            # What may be a part of a longer UID has to be read once more.
            wanted = 3 if isinstance(now, Card) and now.may_be_part else 2
            if alike >= wanted and not isinstance(now, Damage):
                return now
            before = now
        return None

    def _read_once(self, chip: Mfrc522) -> Outcome:
        outcome = read_card(chip.transceive)
        self.heard = self.heard or outcome is not None
        if isinstance(outcome, Damage):
            name = _COUNTER_OF_DAMAGE[outcome]
            setattr(self.counters, name, getattr(self.counters, name) + 1)
        elif isinstance(outcome, Collision):
            self.counters.collisions += 1
        return outcome

    def _count_glitch(self) -> None:
        self.counters.glitches += 1

    def _opened(self) -> Mfrc522:
        if self._chip is None:
            raise ReaderReset(f"reader: {self._where} is not open; open() comes first")
        return self._chip

    @property
    def _where(self) -> str:
        bus, device = self._bus_device
        return f"/dev/spidev{bus}.{device}"

    def _pulse_reset(self) -> None:
        gpio = libraries.gpio()
        pin = self._reset_pin
        try:
            if pin in _lines_set_up and _lines_set_up[pin] is gpio:
                gpio.output(pin, gpio.LOW)
            else:
                gpio.setup(pin, gpio.OUT, initial=gpio.LOW)
                _lines_set_up[pin] = gpio
            self._sleep(_RESET_LOW_S)
            gpio.output(pin, gpio.HIGH)
        # lgpio's error class derives from Exception alone and cannot be imported everywhere.
        except Exception as error:
            raise ReaderError(
                f"reader: the reset line GPIO{pin} cannot be used ({error}); choose another"
                " reset_pin, or stop the program that holds it, or join the group gpio"
            ) from error

    def _open_spi(self) -> Any:
        spi = libraries.spidev().SpiDev()
        try:
            spi.open(*self._bus_device)
        except FileNotFoundError as error:
            raise ReaderSilent(
                f"reader: {self._where} does not exist; switch SPI on (dtparam=spi=on in"
                " config.txt, then reboot) and check spi_bus and spi_device"
            ) from error
        except PermissionError as error:
            raise ReaderError(
                f"reader: no permission for {self._where}; add the service's user to the group spi"
            ) from error
        except OSError as error:
            raise ReaderError(
                f"reader: {self._where} cannot be opened ({error}); another program may hold it"
            ) from error
        # The kernel keeps what the previous user of the device has set.
        spi.mode = 0
        spi.bits_per_word = 8
        spi.max_speed_hz = _SPEED_HZ
        return spi

    def _drop_spi(self) -> None:
        self._chip = None
        if self._spi is not None:
            self._spi.close()
            self._spi = None
