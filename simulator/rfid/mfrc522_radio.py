"""The chip's contactless side: a frame goes out of the FIFO, an answer comes into it.

Pure; belongs to one :class:`simulator.rfid.mfrc522.Mfrc522Chip` and shares its thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from simulator.rfid import mfrc522_registers as mf
from simulator.rfid.iso14443a import (
    ETU_US,
    FRAME_DELAY_US,
    Bits,
    answered_frame_us,
    bits_of,
    bytes_of,
    crc_a,
    sent_frame_us,
)
from simulator.rfid.mfrc522_faults import ChipFaults
from simulator.rfid.mfrc522_parts import Fifo, RegisterFile, Schedule, Timer
from simulator.rfid.mfrc522_registers import Command, ModemState, Reg
from simulator.rfid.picc import Field

_AIR_LOG_LENGTH = 256
_BITS_THAT_STOP_THE_TIMER = 5


@dataclass(frozen=True, slots=True)
class AirFrame:
    """One frame that left the antenna. ``bits`` counts its data bits; ``answer`` None is silence.

    ``answer`` is what reached the chip, after collisions and damage.
    """

    at_us: float
    data: bytes
    bits: int
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class _Heard:
    bits: Bits
    collision_at: int | None
    parity_error: bool


class Radio:
    """Sender and receiver. ``air`` holds the latest frames, oldest first."""

    def __init__(
        self,
        registers: RegisterFile,
        fifo: Fifo,
        timer: Timer,
        schedule: Schedule,
        field: Field,
        faults: ChipFaults,
    ) -> None:
        self._registers = registers
        self._fifo = fifo
        self._timer = timer
        self._schedule = schedule
        self._field = field
        self._faults = faults
        self._ticket = 0
        self.state = ModemState.IDLE
        self.air: deque[AirFrame] = deque(maxlen=_AIR_LOG_LENGTH)

    def cancel(self) -> None:
        """What is under way ends here, unheard."""
        self._ticket += 1
        self.state = ModemState.IDLE

    def send(self) -> None:
        """Send the FIFO's bytes, the last one with TxLastBits bits. An empty FIFO sends nothing."""
        data = self._fifo.take()
        if not data:
            return
        self.cancel()
        if self._registers[Reg.TxModeReg] & 0x80:
            data += crc_a(data, self._registers.crc_preset)
        frame = bits_of(data)
        last_bits = self._registers[Reg.BitFramingReg] & 0x07
        if last_bits:
            frame = frame[: len(frame) - 8 + last_bits]
        began_us = self._schedule.now_us
        self.state = ModemState.TRANSMITTING
        self._later(sent_frame_us(len(frame)), lambda: self._sent(frame, began_us))

    def _later(self, delay_us: float, action: Callable[[], None]) -> None:
        ticket = self._ticket

        def run() -> None:
            if ticket == self._ticket:
                action()

        self._schedule.after(delay_us, run)

    def _sent(self, frame: Bits, began_us: float) -> None:
        self._registers.request(mf.TX_IRQ)
        if self._timer.automatic:
            self._timer.start()
        heard = self._listen(frame)
        if self._field.on:
            answer = None if heard is None else bytes_of(heard.bits)
            self.air.append(AirFrame(began_us, bytes_of(frame), len(frame), answer))
        command = self._registers[Reg.CommandReg] & 0x0F
        receiver_off = self._registers[Reg.CommandReg] & 0x20
        if command != Command.Transceive or receiver_off:
            self.state = ModemState.IDLE
            if command == Command.Transmit:
                self._registers.request(mf.IDLE_IRQ)
            return
        self.state = ModemState.WAIT_FOR_DATA
        if heard is None:
            return
        self._later(FRAME_DELAY_US, self._begin_to_receive)
        if self._timer.automatic and len(heard.bits) >= _BITS_THAT_STOP_THE_TIMER:
            self._later(FRAME_DELAY_US + _BITS_THAT_STOP_THE_TIMER * ETU_US, self._timer.stop)
        duration_us = answered_frame_us(len(heard.bits))
        self._later(FRAME_DELAY_US + duration_us, lambda: self._received(heard))

    def _begin_to_receive(self) -> None:
        self.state = ModemState.RECEIVING

    def _listen(self, frame: Bits) -> _Heard | None:
        # Without 100 % modulation a type A card does not see the pauses that make up a frame.
        if not self._registers[Reg.TxASKReg] & 0x40:
            return None
        reply = self._field.exchange(frame, self._schedule.now_us)
        if reply is None:
            return None
        bits, parity_error = self._faults.on_air(reply.bits)
        return None if bits is None else _Heard(bits, reply.collision_at, parity_error)

    def _received(self, heard: _Heard) -> None:
        self.state = ModemState.WAIT_FOR_START_SEND
        align = self._registers[Reg.BitFramingReg] >> 4 & 0x07
        bits = self._note_collision(heard, align)
        data = bytes_of((0,) * align + bits)
        for byte in data:
            self._fifo.push(byte)
        last_bits = (align + len(bits)) % 8
        self._registers[Reg.ControlReg] = self._registers[Reg.ControlReg] & 0x38 | last_bits
        if heard.parity_error:
            self._registers.fail(mf.PARITY_ERR)
        checked = self._registers[Reg.RxModeReg] & 0x80
        if checked and crc_a(data[:-2], self._registers.crc_preset) != data[-2:]:
            self._registers.fail(mf.CRC_ERR)
        self._registers.request(mf.RX_IRQ)

    def _note_collision(self, heard: _Heard, align: int) -> Bits:
        keep_values = self._registers[Reg.CollReg] & 0x80
        position_unknown = 0x20
        if heard.collision_at is None:
            self._registers[Reg.CollReg] = keep_values | position_unknown
            return heard.bits
        self._registers.fail(mf.COLL_ERR)
        # CollPos counts from 1 and shows the 32nd bit as 0.
        position = align + heard.collision_at + 1
        in_range = position <= 32
        shown = position & 0x1F if in_range else position_unknown
        self._registers[Reg.CollReg] = keep_values | shown
        if keep_values:
            return heard.bits
        known = heard.bits[: heard.collision_at]
        return known + (0,) * (len(heard.bits) - len(known))
