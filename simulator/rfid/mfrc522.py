"""The reader chip MFRC522 by register, as SPI, its reset pin and the air see it.

Pure and deterministic: time comes in as ``at_us`` (a count of microseconds that never runs
backwards; an earlier time counts as the latest one seen). Not thread-safe: one owner. What a host
driver for ISO 14443-3 type A uses is there; Crypto1 is not (MFAuthent is sent and never answered),
nor are the timer's gated and auto-restart modes, the self test and the interrupt pin.
"""

from __future__ import annotations

from collections import deque

from simulator.rfid import mfrc522_registers as mf
from simulator.rfid.iso14443a import crc_a
from simulator.rfid.mfrc522_faults import ChipFaults
from simulator.rfid.mfrc522_parts import Fifo, RegisterFile, Schedule, Timer
from simulator.rfid.mfrc522_radio import AirFrame, Radio
from simulator.rfid.mfrc522_registers import Command, Reg
from simulator.rfid.picc import Field

__all__ = ["WAKE_US", "AirFrame", "Mfrc522Chip"]

WAKE_US = 1_000 + 37.74
"""From the end of a power-down: start-up of the module's crystal, then the chip's own delay."""

_POWER_DOWN = 0x10
_FIELD_ON = 0x03


class Mfrc522Chip:
    """One chip on one SPI select line. ``soft_reset_wake_us``: how long PowerDown reads 1 then."""

    def __init__(self, field: Field, *, soft_reset_wake_us: float = 0.0) -> None:
        self.field = field
        self.faults = ChipFaults()
        self._soft_reset_wake_us = soft_reset_wake_us
        self._in_hard_reset = False
        self._wakes_at_us = 0.0
        self._schedule = Schedule()
        self._registers = RegisterFile()
        self._fifo = Fifo(self._registers)
        self._timer = Timer(self._registers, self._schedule)
        self._radio = Radio(
            self._registers, self._fifo, self._timer, self._schedule, field, self.faults
        )

    @property
    def air(self) -> deque[AirFrame]:
        """The latest frames that left the antenna, oldest first."""
        return self._radio.air

    def transfer(self, tx: bytes, at_us: float, speed_hz: int = 1_000_000) -> bytes:
        """One SPI transfer beginning at ``at_us``: the bytes on MISO, as many as on MOSI.

        Raises ValueError for an empty transfer or a speed of 0.
        """
        if not tx or speed_hz <= 0:
            raise ValueError("a transfer has at least one byte and a speed above 0 Hz")
        self._run_until(at_us)
        if self.faults.dead is not None:
            return bytes([self.faults.dead]) * len(tx)
        if self._in_hard_reset:
            return bytes(len(tx))
        if self.faults.brown_out:
            self.faults.brown_out = False
            self._reset()
        byte_us = 8e6 / speed_hz
        mosi = [self.faults.on_wire(byte) for byte in tx]
        miso = bytearray(len(tx))
        reading = mosi[0] & 0x80
        for index in range(1, len(tx)):
            self._run_until(at_us + index * byte_us)
            if reading:
                # MISO runs one byte behind: it shows what the byte before has asked for.
                miso[index] = self.faults.on_wire(self._read(mosi[index - 1] >> 1 & 0x3F))
            else:
                self._write(mosi[0] >> 1 & 0x3F, mosi[index])
        return bytes(miso)

    def set_reset(self, low: bool, at_us: float) -> None:
        """Drive NRSTPD: low is hard power-down, the rise starts the chip anew."""
        self._run_until(at_us)
        if low and not self._in_hard_reset:
            self._reset()
            self.faults.hung_until_reset = False
        if not low and self._in_hard_reset:
            self._wakes_at_us = self._schedule.now_us + WAKE_US
        self._in_hard_reset = low

    def _run_until(self, at_us: float) -> None:
        self._schedule.run_until(at_us, lose_all=self._hung)
        self.field.advance(self._schedule.now_us)

    @property
    def _hung(self) -> bool:
        return self.faults.hung or self.faults.hung_until_reset

    @property
    def _asleep(self) -> bool:
        return self._starting or bool(self._registers[Reg.CommandReg] & _POWER_DOWN)

    @property
    def _starting(self) -> bool:
        return self.faults.stuck_power_down or self._schedule.now_us < self._wakes_at_us

    def _reset(self) -> None:
        self._registers.reset()
        self._fifo.reset()
        self._timer.stop()
        self._radio.cancel()
        self._schedule.clear()
        self.field.switch(False, self._schedule.now_us)

    def _read(self, address: int) -> int:
        if address == Reg.FIFODataReg:
            return self._fifo.pop()
        if address == Reg.FIFOLevelReg:
            return len(self._fifo)
        if address == Reg.CommandReg:
            return self._registers[address] | (_POWER_DOWN if self._asleep else 0)
        if address == Reg.Status1Reg:
            return 0x20 | (0x08 if self._timer.running else 0) | self._fifo.alerts() >> 2
        if address == Reg.Status2Reg:
            return self._registers[address] & 0xF8 | self._radio.state
        if address == Reg.TCounterValRegH:
            return self._timer.count >> 8
        if address == Reg.TCounterValRegL:
            return self._timer.count & 0xFF
        if address == Reg.VersionReg:
            return self.faults.version
        return self._registers[address]

    def _write(self, address: int, value: int) -> None:
        if address == Reg.CommandReg:
            if not self._starting:
                self._command(value)
        elif self._asleep or address in mf.READ_ONLY:
            return
        elif address in (Reg.ComIrqReg, Reg.DivIrqReg):
            marked, old = value & 0x7F, self._registers[address]
            self._registers[address] = old | marked if value & 0x80 else old & ~marked
        elif address == Reg.FIFODataReg:
            self._fifo.push(value)
        elif address == Reg.FIFOLevelReg:
            if value & 0x80:
                self._fifo.flush()
        elif address == Reg.ControlReg:
            self._control_timer(value)
        elif address == Reg.CollReg:
            self._registers[address] = value & 0x80 | self._registers[address] & 0x3F
        else:
            self._registers[address] = value
            if address == Reg.BitFramingReg:
                self._send_if_told()
            elif address == Reg.TxControlReg:
                self.field.switch(bool(value & _FIELD_ON), self._schedule.now_us)

    def _control_timer(self, value: int) -> None:
        if value & 0x80:
            self._timer.stop()
        if value & 0x40:
            self._timer.start()

    def _command(self, value: int) -> None:
        now_us = self._schedule.now_us
        command = value & 0x0F
        if command == Command.SoftReset:
            self._reset()
            self._wakes_at_us = now_us + self._soft_reset_wake_us
            return
        waking = self._registers[Reg.CommandReg] & _POWER_DOWN and not value & _POWER_DOWN
        if waking:
            self._wakes_at_us = now_us + WAKE_US
        if value & _POWER_DOWN:
            self.field.switch(False, now_us)
        if command == Command.NoCmdChange:
            kept = self._registers[Reg.CommandReg] & 0x0F
            self._registers[Reg.CommandReg] = value & 0x30 | kept
            return
        self._radio.cancel()
        self._registers[Reg.ErrorReg] &= mf.BUFFER_OVFL | mf.TEMP_ERR
        self._registers[Reg.CommandReg] = value & 0x30 | command
        if self._asleep:
            return
        if command == Command.CalcCRC:
            self._calculate_crc()
        elif command in (Command.Transmit, Command.MFAuthent):
            self._radio.send()
        elif command == Command.Transceive:
            self._send_if_told()

    def _send_if_told(self) -> None:
        start_send = self._registers[Reg.BitFramingReg] & 0x80
        if start_send and self._registers[Reg.CommandReg] & 0x0F == Command.Transceive:
            self._radio.send()

    def _calculate_crc(self) -> None:
        if self._hung:
            return
        crc = crc_a(self._fifo.take(), self._registers.crc_preset)
        self._registers[Reg.CRCResultRegL], self._registers[Reg.CRCResultRegH] = crc
        self._registers[Reg.DivIrqReg] |= mf.CRC_IRQ
