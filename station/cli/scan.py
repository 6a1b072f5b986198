"""evcs-station meter --scan: who answers on the serial line, and how it speaks.

One question per address and setting (its own address, holding register 0014), one try each. The
devices on one line speak alike, so the scan ends with the first setting at which anything answers.
"""

from __future__ import annotations

import errno
import json
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from drivers import serial_line
from drivers.errors import MeterError, MeterGarbage, MeterPortLost
from drivers.meter import Meter
from drivers.registers import MODELS, NODE_ADDRESS
from drivers.serial_line import LATENCY_S, SerialLine
from station.cli.common import Problem, alone, daemon_says, note
from station.config import Config, MeterConfig

BAUDRATES = (9600, 2400, 19200, 38400, 4800, 1200)
PARITIES = ("none", "even", "odd")
ADDRESSES = range(1, 11)
ALL_ADDRESSES = range(1, 248)

_TURNAROUND_MAX_S = 0.2
_REQUEST_BYTES, _REPLY_BYTES, _REFUSAL_BYTES = 8, 9, 5
_EXCEPTION = 0x80


@dataclass(frozen=True, slots=True)
class Found:
    """Something that answers. ``model`` None: a Modbus slave, but none of the known meters."""

    address: int
    baudrate: int
    parity: str
    model: str | None = None
    serial: str | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        what = (
            f"{self.model}, serial {self.serial or 'not told'}"
            if self.model
            else f"answers, but is none of {', '.join(MODELS)} ({self.problem})"
        )
        return (
            f"address = {self.address}, baudrate = {self.baudrate}, "
            f'parity = "{self.parity}": {what}'
        )


def scan(config: Config, *, all_addresses: bool, as_json: bool) -> int:
    """Prints what answers. Exit status 1 when nothing does. Raises as ``search``."""
    if daemon_says(config, "status") is not None:
        raise Problem("a scan needs the serial line for itself: stop the daemon first")
    found: list[Found] = []
    interrupted = False
    with alone(config):
        addresses = ALL_ADDRESSES if all_addresses else ADDRESSES
        try:
            for one in search(config.meter, addresses, progress=note):
                found.append(one)
                if not as_json:
                    print(one, flush=True)
        except KeyboardInterrupt:
            interrupted = True
    if as_json:
        print(json.dumps([one.as_dict() for one in found]))
    if not found and not interrupted:
        note(
            f"evcs-station: nothing answers on {config.meter.port}; check the meter's supply, "
            "swap A and B, check the adapter"
        )
    return 0 if found and not interrupted else 1


def search(
    wanted: MeterConfig, addresses: Sequence[int], *, progress: Callable[[str], None]
) -> Iterator[Found]:
    """Try every setting until one is answered. Raises MeterPortLost, MeterGarbage on an echo."""
    settings = [(baudrate, parity) for baudrate in BAUDRATES for parity in PARITIES]
    waits_s = [_timeout_s(_char_s(*one)) * len(addresses) for one in settings]
    for number, (baudrate, parity) in enumerate(settings):
        left_s = sum(waits_s[number:])
        progress(f"{baudrate} baud, parity {parity}: at most {left_s:.0f} s left")
        try:
            answered = list(_answering(wanted.port, baudrate, parity, addresses))
        except MeterPortLost as error:
            if not _cannot_be_set(error):
                raise
            progress(f"{baudrate} baud, parity {parity}: this adapter cannot do that")
            continue
        for address in answered:
            yield _identified(wanted, address, baudrate, parity)
        if answered:
            return


def _cannot_be_set(error: MeterPortLost) -> bool:
    cause = error.__cause__
    return isinstance(cause, termios.error) and cause.args[0] == errno.EINVAL


def _char_s(baudrate: int, parity: str) -> float:
    return (10 + (parity != "none")) / baudrate


def _timeout_s(char_s: float) -> float:
    return (_REQUEST_BYTES + _REPLY_BYTES) * char_s + _TURNAROUND_MAX_S + LATENCY_S


def _answering(port: str, baudrate: int, parity: str, addresses: Sequence[int]) -> Iterator[int]:
    line = serial_line.open_line(port, baudrate=baudrate, parity=parity, stopbits=1)
    try:
        for address in addresses:
            if _answers(line, address):
                yield address
    except (OSError, termios.error) as error:
        raise MeterPortLost(
            f"meter: {port} is gone ({error}); check the adapter and its cable"
        ) from error
    finally:
        line.close()


def _answers(line: SerialLine, address: int) -> bool:
    question = bytes((address, NODE_ADDRESS.function)) + NODE_ADDRESS.start.to_bytes(2, "big")
    question += NODE_ADDRESS.count.to_bytes(2, "big")
    question += checksum(question)
    line.timeout = _timeout_s(line.char_s)
    line.reset_input_buffer()
    line.write(question)
    reply = line.read(_REPLY_BYTES)
    if reply.startswith(question):
        raise MeterGarbage(
            f"meter: our own request comes back on {line.port} (local echo); "
            "switch the echo off at the RS485 adapter"
        )
    return is_answer(reply, address)


def is_answer(reply: bytes, address: int) -> bool:
    """Whether the bytes are one whole answer of this slave, be it a refusal."""
    function = NODE_ADDRESS.function
    whole = (len(reply) == _REPLY_BYTES and reply[1] == function) or (
        len(reply) == _REFUSAL_BYTES and reply[1] == function | _EXCEPTION
    )
    return whole and reply[0] == address and checksum(reply[:-2]) == reply[-2:]


def checksum(data: bytes) -> bytes:
    """CRC-16 of Modbus, low byte first, as it goes over the line."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def _identified(wanted: MeterConfig, address: int, baudrate: int, parity: str) -> Found:
    """The model that fits, the configured one first: of that it is told why it does not."""
    problems = []
    for model in sorted(MODELS, key=lambda name: name != wanted.model):
        meter = Meter(wanted.port, model=model, address=address, baudrate=baudrate, parity=parity)
        try:
            meter.open()
            return Found(address, baudrate, parity, model, meter.serial)
        except MeterError as error:
            problems.append(str(error))
        finally:
            meter.close()
    return Found(address, baudrate, parity, problem=problems[0])
