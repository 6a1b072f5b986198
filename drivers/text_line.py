"""A line of text to a server: a serial device, or a TCP port of the loopback. One thread.

Every method may raise LinePortLost; after that ``open`` again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import termios
from typing import Any

from drivers.errors import LinePortLost

_WRITE_WITHIN_S = 2.0
_TCP = re.compile(r"tcp://(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+)):([0-9]{1,5})")


def is_port(text: str) -> bool:
    """Whether ``text`` can be a line: a path, or tcp:// and an address of the loopback."""
    if not text.startswith("tcp://"):
        return text.startswith("/")
    match = _TCP.fullmatch(text)
    if match is None or not 0 < int(match[3]) < 65536:
        return False
    try:
        return ipaddress.ip_address(match[1] or match[2]).is_loopback
    except ValueError:
        return False


class TextLine:
    """``port``: as :func:`is_port` takes it; the baud rate counts for devices only."""

    def __init__(self, port: str, baudrate: int) -> None:
        self._port, self._baudrate = port, baudrate
        self._serial: Any = None

    @property
    def is_open(self) -> bool:
        return self._serial is not None

    def open(self) -> None:
        """A device is opened for ourselves alone."""
        import serial

        self.close()
        tcp = self._port.startswith("tcp://")
        url = "socket" + self._port.removeprefix("tcp") if tcp else self._port
        alone: dict[str, Any] = {} if tcp else {"exclusive": True}
        try:
            self._serial = serial.serial_for_url(
                url, self._baudrate, timeout=0, write_timeout=_WRITE_WITHIN_S, **alone
            )
        except (OSError, ValueError, termios.error) as error:
            raise LinePortLost(
                f"server line: {self._port} cannot be opened ({error}); check [server] port, the "
                "cable, and that no other program has it"
            ) from error

    def read(self, within_s: float) -> bytes:
        """What comes within so long, as soon as something has; empty if nothing did."""
        port = self._opened()
        try:
            port.timeout = max(0.0, within_s)
            first = bytes(port.read(1))
            return first + bytes(port.read(port.in_waiting)) if first else b""
        except (OSError, TypeError, termios.error) as error:
            self.close()
            raise LinePortLost(f"server line: {self._port} is gone ({error})") from error

    def write(self, data: bytes) -> None:
        try:
            self._opened().write(data)
        except (OSError, termios.error) as error:
            self.close()
            raise LinePortLost(f"server line: {self._port} cannot be written ({error})") from error

    def close(self) -> None:
        """Never raises."""
        if self._serial is not None:
            with contextlib.suppress(OSError, termios.error):
                self._serial.close()
        self._serial = None

    def _opened(self) -> Any:
        if self._serial is None:
            raise LinePortLost(f"server line: {self._port} is not open")
        return self._serial
