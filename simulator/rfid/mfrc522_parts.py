"""The chip's inner parts: register file, FIFO, timer, and the queue of what happens next.

Pure; they belong to one :class:`simulator.rfid.mfrc522.Mfrc522Chip` and share its thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from simulator.rfid import mfrc522_registers as mf
from simulator.rfid.mfrc522_registers import Reg


class Schedule:
    """Time, and actions that wait for it. A ticket that is no longer valid is skipped."""

    def __init__(self) -> None:
        self.now_us = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def after(self, delay_us: float, action: Callable[[], None]) -> None:
        """Run ``action`` that much later than now."""
        self._serial += 1
        heappush(self._queue, (self.now_us + delay_us, self._serial, action))

    def run_until(self, at_us: float, *, lose_all: bool = False) -> None:
        """Let time pass to ``at_us``; with ``lose_all`` what falls due does not happen."""
        while self._queue and self._queue[0][0] <= at_us:
            due_us, _, action = heappop(self._queue)
            self.now_us = max(self.now_us, due_us)
            if not lose_all:
                action()
        self.now_us = max(self.now_us, at_us)

    def clear(self) -> None:
        """Forget everything that waits."""
        self._queue.clear()


class RegisterFile:
    """The stored bits; what is computed at reading stands in the chip."""

    def __init__(self) -> None:
        self._values = [0] * 64
        self.reset()

    def __getitem__(self, address: int) -> int:
        return self._values[address]

    def __setitem__(self, address: int, value: int) -> None:
        self._values[address] = value & 0xFF

    def reset(self) -> None:
        """Every register takes its reset value."""
        self._values = [mf.RESET_VALUES.get(address, 0x00) for address in range(64)]

    def request(self, irq: int) -> None:
        """Set bits of ComIrqReg."""
        self._values[Reg.ComIrqReg] |= irq

    def fail(self, error: int) -> None:
        """Set bits of ErrorReg, and ErrIRq with them."""
        self._values[Reg.ErrorReg] |= error
        self.request(mf.ERR_IRQ)

    @property
    def crc_preset(self) -> int:
        """The start value that ModeReg chooses."""
        return mf.CRC_PRESETS[self._values[Reg.ModeReg] & 0x03]


class Fifo:
    """64 bytes between the host and the air."""

    def __init__(self, registers: RegisterFile) -> None:
        self._registers = registers
        self._bytes: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._bytes)

    def push(self, value: int) -> None:
        """Append a byte; one too many is lost and sets BufferOvfl."""
        if len(self._bytes) >= mf.FIFO_SIZE:
            self._registers.fail(mf.BUFFER_OVFL)
            return
        self._bytes.append(value)
        self._registers.request(self.alerts())

    def pop(self) -> int:
        """The oldest byte; 0x00 when there is none."""
        value = self._bytes.popleft() if self._bytes else 0x00
        self._registers.request(self.alerts())
        return value

    def take(self) -> bytes:
        """All bytes; the FIFO is empty then."""
        data = bytes(self._bytes)
        self._bytes.clear()
        self._registers.request(self.alerts())
        return data

    def flush(self) -> None:
        """Drop all bytes and BufferOvfl with them."""
        self.take()
        self._registers[Reg.ErrorReg] &= ~mf.BUFFER_OVFL

    def reset(self) -> None:
        """Empty, without a trace in the registers."""
        self._bytes.clear()

    def alerts(self) -> int:
        """HiAlert and LoAlert for the present level, as bits of ComIrqReg."""
        water_level = self._registers[Reg.WaterLevelReg] & 0x3F
        low = mf.LO_ALERT_IRQ if len(self._bytes) <= water_level else 0
        high = mf.HI_ALERT_IRQ if mf.FIFO_SIZE - len(self._bytes) <= water_level else 0
        return low | high


class Timer:
    """The timer unit: one shot, started by hand or by the end of a frame (TAuto)."""

    def __init__(self, registers: RegisterFile, schedule: Schedule) -> None:
        self._registers = registers
        self._schedule = schedule
        self._ends_us: float | None = None
        self._ticket = 0

    @property
    def automatic(self) -> bool:
        """TAuto: it starts after a frame is sent and stops when an answer begins."""
        return bool(self._registers[Reg.TModeReg] & 0x80)

    @property
    def running(self) -> bool:
        """Whether it counts down."""
        return self._ends_us is not None

    @property
    def count(self) -> int:
        """TCounterVal: what is left, in ticks."""
        if self._ends_us is None:
            return self._reload()
        return min(self._reload(), int((self._ends_us - self._schedule.now_us) / self._tick_us()))

    def start(self) -> None:
        """Count down from the reload value; TimerIRq at the end."""
        self.stop()
        duration_us = (self._reload() + 1) * self._tick_us()
        self._ends_us = self._schedule.now_us + duration_us
        ticket = self._ticket

        def fire() -> None:
            if ticket == self._ticket:
                self._ends_us = None
                self._registers.request(mf.TIMER_IRQ)

        self._schedule.after(duration_us, fire)

    def stop(self) -> None:
        """Stand still, without an interrupt."""
        self._ticket += 1
        self._ends_us = None

    def _reload(self) -> int:
        return self._registers[Reg.TReloadRegH] << 8 | self._registers[Reg.TReloadRegL]

    def _tick_us(self) -> float:
        prescaler = (self._registers[Reg.TModeReg] & 0x0F) << 8 | self._registers[Reg.TPrescalerReg]
        even = self._registers[Reg.DemodReg] & 0x10
        return (2 * prescaler + (2 if even else 1)) / 13.56
