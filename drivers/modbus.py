"""Asking a Modbus slave for blocks of registers: retries, and what each failure means.

A reply carries no register address. So after anything went wrong nothing is asked before the
replies that may still be under way have come and were thrown away, and neighbouring blocks differ
in length (registers.py). A reply that comes later than twice its timeout can still pass for the
answer to a repetition of its own request, never for another register's.

One thread only (the meter worker's).
"""

from __future__ import annotations

import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

from drivers.errors import MeterGarbage, MeterNoAnswer, MeterPortLost, MeterRefused
from drivers.registers import Block
from drivers.serial_line import LATENCY_S, SerialLine

TRIES = 3
BUSY_TRIES = 2
BUSY_PAUSE_S = 0.5

_REQUEST_BYTES = 8
_REPLY_FRAME_BYTES = 5
_ACKNOWLEDGE = 5
_QUIET_S = 0.05
_QUIET_ROUNDS = 10


@dataclass(slots=True)
class MeterCounters:
    """What happened on the line since the meter object was made. Bytes in the last, else events."""

    requests: int = 0
    silent: int = 0
    damaged: int = 0
    echoes: int = 0
    busy: int = 0
    refused: int = 0
    implausible: int = 0
    port_losses: int = 0
    stray_bytes: int = 0


class IllegalRequest(MeterRefused):
    """The meter does not know these registers, this length or this function (codes 1 to 3)."""


class _Busy(MeterRefused):
    """The meter answers, but cannot serve the request now (the other exception codes)."""


class _Echo(MeterGarbage):
    """Our own request came back."""


class RegisterReader:
    """Reads blocks from one slave on an open line.

    ``turnaround_max_s`` and ``pause_s`` are those of the model's table.
    """

    def __init__(
        self,
        line: SerialLine,
        address: int,
        *,
        turnaround_max_s: float,
        pause_s: float = 0.0,
        counters: MeterCounters,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import minimalmodbus

        self._modbus = minimalmodbus
        self._instrument = minimalmodbus.Instrument(line, address)
        self._line = line
        self.address = address
        self.where = f"address {address} on {line.port}"
        self._turnaround_max_s = turnaround_max_s
        self._pause_s = pause_s
        self._counters = counters
        self._monotonic = monotonic
        self._sleep = sleep
        # Whoever had the line before may have asked just now.
        self._rested_at = monotonic() + pause_s
        self._strays_until: float | None = None
        self._failed = False

    def timeout_s(self, block: Block) -> float:
        """From the first bit of the request for ``block`` to the last bit of its reply."""
        count = _REQUEST_BYTES + _REPLY_FRAME_BYTES + 2 * block.count
        return count * self._line.char_s + self._turnaround_max_s + LATENCY_S

    def start_sample(self) -> bool:
        """To be called before the first block of a sample; whether a try failed since the last."""
        failed, self._failed = self._failed, False
        self._settle()
        return failed

    def read(self, block: Block) -> bytes:
        """The registers of ``block``, two bytes each, as they came over the wire.

        Raises MeterNoAnswer or MeterGarbage after three tries, MeterRefused after two when the
        meter is busy, IllegalRequest and MeterPortLost at once.
        """
        garbage: MeterGarbage | None = None
        busy = 0
        for earlier_tries in range(TRIES):
            self._settle()
            try:
                data = self._ask(block)
            except _Busy:
                busy += 1
                if busy == BUSY_TRIES:
                    raise
                self._sleep(BUSY_PAUSE_S)
            except _Echo:
                raise
            except MeterGarbage as error:
                garbage = error
            except MeterNoAnswer:
                pass
            else:
                if earlier_tries:
                    # This may have been the reply to an earlier try: its own is still to come.
                    self._expect_strays(block)
                return data
        if garbage is not None:
            raise garbage
        raise MeterNoAnswer(
            f"meter: no answer from {self.where} after {TRIES} tries; "
            "check its supply, the A/B wiring, the address, the baud rate and the parity"
        )

    def _ask(self, block: Block) -> bytes:
        self._counters.requests += 1
        self._line.timeout = self.timeout_s(block)
        try:
            words = self._instrument.read_registers(block.start, block.count, block.function)
        except self._modbus.NoResponseError as error:
            self._counters.silent += 1
            self._expect_strays(block)
            raise MeterNoAnswer(f"meter: no answer from {self.where}") from error
        except self._modbus.IllegalRequestError as error:
            self._counters.refused += 1
            raise IllegalRequest(
                f"meter: {self.where} refuses {block}: {error}; check [meter] model"
            ) from error
        except self._modbus.SlaveReportedException as error:
            raise self._busy(block, str(error)) from error
        except self._modbus.ModbusException as error:
            raise self._damage(block) from error
        except (OSError, termios.error) as error:
            raise self._lost(error) from error
        finally:
            self._rested_at = self._monotonic() + self._pause_s
        return struct.pack(f">{block.count}H", *words)

    def _busy(self, block: Block, said: str) -> MeterRefused:
        self._counters.busy += 1
        self._expect_strays(block)
        return _Busy(
            f"meter: {self.where} answers, but not with {block}: {said}; "
            "if that stays, switch the meter off and on"
        )

    def _damage(self, block: Block) -> MeterRefused | MeterGarbage:
        """What a reply means that minimalmodbus could make nothing of."""
        request, reply = self._line.request, self._line.reply
        if reply[:1] == request[:1] and reply[1:3] == bytes((block.function | 0x80, _ACKNOWLEDGE)):
            return self._busy(block, "acknowledged, still working on it")
        self._expect_strays(block)
        # A reply has its length where a request has the register's high byte: in five bytes they
        # differ for every block that is ever asked for.
        length = min(len(reply), len(request))
        if length >= _REPLY_FRAME_BYTES and reply[:length] == request[:length]:
            self._counters.echoes += 1
            return _Echo(
                f"meter: our own request comes back on {self._line.port} (local echo); "
                "switch the echo off at the RS485 adapter"
            )
        self._counters.damaged += 1
        return MeterGarbage(
            f"meter: damaged answers from {self.where} to {block}; "
            "check termination, shield, parity, and that nobody else asks on this line"
        )

    def _lost(self, error: Exception) -> MeterPortLost:
        self._counters.port_losses += 1
        return MeterPortLost(
            f"meter: {self._line.port} is gone ({error}); check the adapter and its cable"
        )

    def _expect_strays(self, block: Block) -> None:
        self._failed = True
        self._strays_until = self._monotonic() + self.timeout_s(block)

    def _settle(self) -> None:
        """Wait until the line is quiet and the meter rested."""
        self._drain()
        self._sleep(max(0.0, self._rested_at - self._monotonic()))

    def _drain(self) -> None:
        """Let what may still come come, and throw it away."""
        if self._strays_until is None:
            return
        self._sleep(max(0.0, self._strays_until - self._monotonic()))
        try:
            # Bounded, because a babbling line never is quiet.
            for _ in range(_QUIET_ROUNDS):
                waiting = self._line.in_waiting
                if not waiting:
                    break
                self._counters.stray_bytes += waiting
                self._line.reset_input_buffer()
                self._sleep(_QUIET_S)
        except (OSError, termios.error) as error:
            raise self._lost(error) from error
        self._strays_until = None
