"""The serial port under minimalmodbus: exclusive, and asleep while the line carries a known reply.

pyserial alone wakes for every byte that arrives. One thread only (the meter worker's).
"""

from __future__ import annotations

import contextlib
import errno
import select
import termios
import time
from typing import TYPE_CHECKING

from drivers.errors import MeterPortLost

if TYPE_CHECKING:
    import serial

PARITIES = {"none": "N", "even": "E", "odd": "O"}

LATENCY_S = 0.032
"""How far a USB adapter may delay what it has received: two of its 16 ms rounds."""

_WRITE_TIMEOUT_S = 1.0


class SerialLine:
    """What minimalmodbus calls its serial port, on top of an open pyserial port.

    ``timeout`` is for a whole reply, in s. ``request`` and ``reply`` are the last bytes sent and
    received. Errors are pyserial's and termios.error, as minimalmodbus' callers see them.
    """

    def __init__(self, port: serial.Serial, char_s: float) -> None:
        self._serial = port
        self.char_s = char_s
        self.timeout = 0.0
        self.request = b""
        self.reply = b""

    @property
    def port(self) -> str:
        """Its path, by which minimalmodbus keeps the silence between frames."""
        return str(self._serial.port)

    @property
    def baudrate(self) -> int:
        return int(self._serial.baudrate)

    @property
    def is_open(self) -> bool:
        return bool(self._serial.is_open)

    @property
    def in_waiting(self) -> int:
        """Bytes that have come and were not read."""
        return int(self._serial.in_waiting)

    def open(self) -> None:
        self._serial.open()

    def close(self) -> None:
        """Never raises: what cannot be closed is gone."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.close()

    def reset_input_buffer(self) -> None:
        self._serial.reset_input_buffer()

    def reset_output_buffer(self) -> None:
        self._serial.reset_output_buffer()

    def write(self, data: bytes) -> int:
        self.request, self.reply = data, b""
        return int(self._serial.write(data) or 0)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; fewer when the time is over, or the reply has broken off.

        Wakes for the first byte, sleeps while the line carries the rest, and gives stragglers
        LATENCY_S: the shorter reply of a slave that refuses does not cost the whole time-out.
        """
        received = bytearray()
        deadline = time.monotonic() + self.timeout
        while len(received) < size:
            # Even after the deadline: what has come meanwhile has come in time.
            left_s = max(0.0, deadline - time.monotonic())
            if not select.select([self._serial.fileno()], [], [], left_s)[0]:
                break
            first = not received
            received += self._serial.read(size - len(received))
            missing = size - len(received)
            if first and missing:
                rest_s = missing * self.char_s
                deadline = min(deadline, time.monotonic() + rest_s + LATENCY_S)
                # Awake for the last byte: a sleep always ends a little late.
                time.sleep(rest_s - self.char_s)
        self.reply = bytes(received)
        return self.reply


def open_line(path: str, *, baudrate: int, parity: str, stopbits: int) -> SerialLine:
    """Open ``path`` for ourselves alone (``parity``: none, even or odd).

    The lock keeps out every program that also asks for it. Raises MeterPortLost.
    """
    import serial

    try:
        port = serial.Serial(
            path,
            baudrate=baudrate,
            parity=PARITIES[parity],
            stopbits=stopbits,
            timeout=0,
            write_timeout=_WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except (OSError, termios.error, ValueError) as error:
        raise MeterPortLost(f"meter: cannot open {path}: {_why(error)}") from error
    bits_per_char = 1 + 8 + (parity != "none") + stopbits
    return SerialLine(port, bits_per_char / baudrate)


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "there is no such port; check that the adapter is plugged in, and [meter] port"
    if number == errno.EACCES:
        return "no permission; add the user to the group that owns it (dialout)"
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another program holds it; stop that one first"
    return f"{error}; check that it is a serial port"
