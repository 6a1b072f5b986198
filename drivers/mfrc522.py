"""The MFRC522 chip: start-up, the field, one frame out and its answer in, and whether it is well.

Registers and their access come from the mfrc522 package; its waiting loop, its constructor and its
way of closing do not (they take 2000 reads for silence, claim GPIO lines and release all of them).
One thread only: register sequences must not interleave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drivers import libraries
from drivers.errors import ReaderError, ReaderHung, ReaderReset, ReaderSilent
from drivers.iso14443 import Answer, Collision, Damage, Exchange

_ETU_S = 128 / 13.56e6
_FRAME_DELAY_S = 1236 / 13.56e6
_PICC_TIMEOUT_S = 0.001
# ISO 14443-3 gives a card 5 ms to be ready in a fresh field, and 5 ms to forget in a lost one.
_FIELD_RISE_S = 0.0052
_FIELD_FALL_S = 0.0052
_POLL_S = 0.00025
# Five times what the chip's own timer allows: whoever is later than this does not count at all.
_HUNG_AFTER_S = 0.005
_AWAKE_WITHIN_S = 0.15
_AWAKE_POLL_S = 0.002

_POWER_DOWN = 0x10
_FIELD_OFF, _FIELD_ON, _DRIVERS = 0x80, 0x83, 0x03
_T_MODE_AUTO = 0x80
_ALL_IRQ = 0x7F
_NEVER_SET_IRQ = 0x80
_RX_IRQ, _TIMER_IRQ = 0x20, 0x01
_FLUSH = 0x80
_START_SEND = 0x80
_MODEM_STATE, _RECEIVING = 0x07, 0x06
_COLL_ERR = 0x08
_WR_TEMP_OVFL_PARITY_PROTOCOL_ERR = 0xD3


def registers(spi: Any) -> Any:
    """The package's MFRC522 on an open ``spidev.SpiDev``. Raises LibraryMissing."""
    base: Any = libraries.mfrc522().MFRC522

    class Registers(base):  # type: ignore[misc]
        """Register access alone."""

        def __init__(self) -> None:
            self.spi = spi

        def Close_MFRC522(self) -> None:
            # The package's own releases every GPIO line of the process, the contactor's too.
            self.spi.close()

    return Registers()


@dataclass(frozen=True, slots=True)
class _Setting:
    register: int
    value: int
    mask: int = 0xFF

    def agrees(self, found: int) -> bool:
        return (found ^ self.value) & self.mask == 0


class Mfrc522:
    """One chip. ``where`` names it in messages; ``on_glitch`` is called for every reading that a
    repetition did not confirm and every frame without a verdict in time.

    Every method raises ReaderSilent when SPI itself fails.
    """

    def __init__(
        self,
        registers: Any,
        where: str,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        on_glitch: Callable[[], None],
    ) -> None:
        self._r = registers
        self._where = where
        self._monotonic = monotonic
        self._sleep = sleep
        self._on_glitch = on_glitch
        self._tx_control = _FIELD_OFF
        self._field_off_since_s = monotonic()
        self._next_setting = 0
        self.version = 0x00
        # The timer starts at the end of each frame and runs for 40 ticks of 25 us = 1 ms: a card's
        # answer begins 0.1 ms after the frame, or never. The mask leaves out reserved bits, which
        # clones show as they like.
        self._settings = (
            _Setting(self._r.TModeReg, _T_MODE_AUTO),
            _Setting(self._r.TPrescalerReg, 0xA9),
            _Setting(self._r.TReloadRegH, 0x00),
            _Setting(self._r.TReloadRegL, 0x27),
            _Setting(self._r.TxAutoReg, 0x40, mask=0x40),
            _Setting(self._r.ModeReg, 0x3D, mask=0xAB),
            _Setting(self._r.TxModeReg, 0x00, mask=0xF8),
            _Setting(self._r.RxModeReg, 0x00, mask=0xFC),
            _Setting(self._r.ModWidthReg, 0x26),
            _Setting(self._r.RFCfgReg, 0x48, mask=0x70),
        )

    def start(self) -> None:
        """Soft reset, settings, read-back; the field is off then.

        Raises ReaderSilent, ReaderHung (no end of power-down) or ReaderReset (settings not kept).
        """
        self._await_awake()
        self.write(self._r.CommandReg, self._r.PCD_RESETPHASE)
        self._await_awake()
        self.version = self.read(self._r.VersionReg)
        for setting in self._settings:
            self.write(setting.register, setting.value)
        self.field_off()
        for setting in self._settings:
            self._confirm(setting)

    def field_on(self) -> None:
        """Switch the antenna on and wait until cards are ready: 5 ms, up to 10 if it was on just
        before, so that every card starts afresh."""
        if self._tx_control == _FIELD_ON:
            self.field_off()
        off_for_s = self._monotonic() - self._field_off_since_s
        if off_for_s < _FIELD_FALL_S:
            self._sleep(_FIELD_FALL_S - off_for_s)
        self._tx_control = _FIELD_ON
        self.write(self._r.TxControlReg, _FIELD_ON)
        self._sleep(_FIELD_RISE_S)

    def field_off(self) -> None:
        """Switch the antenna off."""
        self._tx_control = _FIELD_OFF
        self.write(self._r.TxControlReg, _FIELD_OFF)
        self._field_off_since_s = self._monotonic()

    def transceive(self, frame: bytes, *, answer_bits: int, last_bits: int = 0) -> Exchange:
        """See :class:`drivers.iso14443.Transceive`. Also raises ReaderHung and ReaderReset."""
        sent_bits = len(frame) * 8 - (8 - last_bits if last_bits else 0)
        for _ in range(2):
            self._send(frame, last_bits)
            irq = self._await_irq(sent_bits, answer_bits)
            if irq is not None and not irq & _NEVER_SET_IRQ:
                return self._received() if irq & _RX_IRQ else None
            # A chip that is silent or was reset is named as such here. One that is well may be
            # listening to something that does not end, or may have missed a write on a noisy bus.
            self.verify()
            if self.read(self._r.Status2Reg) & _MODEM_STATE == _RECEIVING:
                return Damage.AIR
            self._on_glitch()
        raise ReaderHung(
            f"reader: the chip on {self._where} answers but finishes nothing within"
            f" {_HUNG_AFTER_S * 1000:.0f} ms; it needs a hard reset (is RST wired?)"
        )

    def verify(self) -> None:
        """Read VersionReg, TxControlReg and TModeReg; once more before something is held against
        the chip. Raises ReaderSilent or ReaderReset."""
        if self._problem() is None:
            return
        problem = self._problem()
        if problem is not None:
            raise problem
        self._on_glitch()

    def verify_next_setting(self) -> None:
        """Read back one of the settings, a different one at each call. Raises as verify()."""
        setting = self._settings[self._next_setting]
        self._next_setting = (self._next_setting + 1) % len(self._settings)
        self._confirm(setting)

    def read(self, register: int) -> int:
        """One register."""
        try:
            return int(self._r.Read_MFRC522(register))
        except OSError as error:
            raise self._spi_failed(error) from error

    def write(self, register: int, value: int) -> None:
        """One register."""
        try:
            self._r.Write_MFRC522(register, value)
        except OSError as error:
            raise self._spi_failed(error) from error

    def _burst(self, message: list[int]) -> list[int]:
        try:
            return list(self._r.spi.xfer2(message))
        except OSError as error:
            raise self._spi_failed(error) from error

    def _send(self, frame: bytes, last_bits: int) -> None:
        # Stopped first: what still arrives for the frame before would set RxIRq after its clearing.
        self.write(self._r.CommandReg, self._r.PCD_IDLE)
        self.write(self._r.CommIrqReg, _ALL_IRQ)
        self.write(self._r.FIFOLevelReg, _FLUSH)
        self._burst([self._r.FIFODataReg << 1, *frame])
        self.write(self._r.BitFramingReg, last_bits)
        self.write(self._r.CommandReg, self._r.PCD_TRANSCEIVE)
        self.write(self._r.BitFramingReg, _START_SEND | last_bits)

    def _await_irq(self, sent_bits: int, answer_bits: int) -> int | None:
        """ComIrqReg with RxIRq or TimerIRq set; None if neither came in time."""
        began_s = self._monotonic()
        sent_s = (sent_bits * 9 / 8 + 2) * _ETU_S
        silent_s = sent_s + _PICC_TIMEOUT_S
        answered_s = sent_s + _FRAME_DELAY_S + (answer_bits * 9 / 8 + 1) * _ETU_S
        self._sleep(answered_s if answer_bits else silent_s)
        while True:
            # The clock is read before the chip: after a long pause of this thread the chip still
            # gets its say.
            waited_s = self._monotonic() - began_s
            irq = self.read(self._r.CommIrqReg)
            if irq & (_RX_IRQ | _TIMER_IRQ):
                return irq
            if waited_s >= _HUNG_AFTER_S:
                return None
            # An answer comes at a fixed time or not at all: what is left to see is the timer.
            self._sleep(max(_POLL_S, silent_s - waited_s))

    def _received(self) -> Exchange:
        error = self.read(self._r.ErrorReg)
        if error & _COLL_ERR:
            return Collision(self.read(self._r.CollReg) & 0x3F)
        if error & _WR_TEMP_OVFL_PARITY_PROTOCOL_ERR:
            return Damage.AIR
        length = self.read(self._r.FIFOLevelReg) & 0x7F
        last_bits = self.read(self._r.ControlReg) & 0x07
        data = self._burst([0x80 | self._r.FIFODataReg << 1] * length + [0])[1:]
        return Answer(bytes(data), length * 8 - (8 - last_bits if last_bits else 0))

    def _await_awake(self) -> None:
        deadline_s = self._monotonic() + _AWAKE_WITHIN_S
        while True:
            late = self._monotonic() >= deadline_s
            version = self.read(self._r.VersionReg)
            awake = not self.read(self._r.CommandReg) & _POWER_DOWN
            if awake and version not in (0x00, 0xFF):
                return
            if late and version in (0x00, 0xFF):
                raise self._silent(version)
            if late:
                raise ReaderHung(
                    f"reader: the chip on {self._where} does not leave power-down; check the reset"
                    " wire and the 3.3 V supply, else the module is broken"
                )
            self._sleep(_AWAKE_POLL_S)

    def _confirm(self, setting: _Setting) -> None:
        if setting.agrees(self.read(setting.register)):
            return
        found = self.read(setting.register)
        if not setting.agrees(found):
            self.verify()
            raise ReaderReset(
                f"reader: register 0x{setting.register:02X} of the chip on {self._where} reads"
                f" 0x{found:02X}, 0x{setting.value:02X} was written; short wires and a steady"
                " 3.3 V help"
            )
        self._on_glitch()

    def _problem(self) -> ReaderError | None:
        version = self.read(self._r.VersionReg)
        if version in (0x00, 0xFF):
            return self._silent(version)
        tx_control = self.read(self._r.TxControlReg)
        t_mode = self.read(self._r.TModeReg)
        wanted = (self.version, self._tx_control & _DRIVERS, _T_MODE_AUTO)
        if (version, tx_control & _DRIVERS, t_mode) == wanted:
            return None
        return ReaderReset(
            f"reader: the chip on {self._where} lost its settings (VersionReg 0x{version:02X},"
            f" TxControlReg 0x{tx_control:02X}, TModeReg 0x{t_mode:02X}); a supply dip? check the"
            " 3.3 V wire, add 100 uF at the module"
        )

    def _silent(self, version: int) -> ReaderSilent:
        return ReaderSilent(
            f"reader: nothing answers on {self._where} (VersionReg reads 0x{version:02X}); check"
            " 3.3 V (never 5 V), GND, and at the header SCK 23, MOSI 19, MISO 21, SDA 24 (CE0) or"
            " 26 (CE1), RST"
        )

    def _spi_failed(self, error: OSError) -> ReaderSilent:
        return ReaderSilent(
            f"reader: {self._where} fails ({error}); check that SPI is on and that nothing else"
            " uses it"
        )
