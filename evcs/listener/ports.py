"""Where a line ends at the server: a serial device, or a TCP port of the loopback.

Reads return what has come within a moment, empty if nothing has; everything that can go wrong with
a line is LineLost, after which it is opened anew.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import termios
from dataclasses import dataclass
from typing import Protocol

READ_WITHIN_S = 0.2
WRITE_WITHIN_S = 2.0
CHUNK_BYTES = 4096


class LineLost(Exception):
    """The line cannot be used now; the text says what to look at."""


class Port(Protocol):
    """One line. One thread."""

    def open(self) -> None: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bound:
    """``--port DEVICE=STATION``: which line is whose."""

    port: str
    station: str


def parse(text: str) -> Bound:
    """Return what ``DEVICE=STATION`` or ``tcp://127.0.0.1:PORT=STATION`` says. Raises ValueError.

    Only the loopback: nobody on a line proves who they are.
    """
    port, mark, station = text.rpartition("=")
    if not mark or not port or not re.fullmatch(r"[A-Za-z0-9._-]{1,20}", station):
        raise ValueError(
            f"{text!r}: write DEVICE=STATION or tcp://127.0.0.1:PORT=STATION; a line belongs to "
            "one station"
        )
    if port.startswith("tcp://"):
        host, number = address(port)
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{port}: only the loopback, as 127.0.0.1; over a network use REST")
        if not 0 < number < 65536:
            raise ValueError(f"{port}: a port is 1 to 65535")
    return Bound(port, station)


def address(port: str) -> tuple[str, int]:
    """Return host and port of ``tcp://HOST:PORT``. Raises ValueError."""
    match = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:]+)\]|([0-9.]+)):([0-9]{1,5})", port)
    if match is None:
        raise ValueError(f"{port}: write tcp://127.0.0.1:PORT")
    return match[1] or match[2], int(match[3])


def port_for(port: str, baudrate: int) -> Port:
    """Return the port, not opened yet."""
    return TcpPort(*address(port)) if port.startswith("tcp://") else SerialPort(port, baudrate)


class SerialPort:
    """A serial device, for ourselves alone."""

    def __init__(self, device: str, baudrate: int) -> None:
        self._device, self._baudrate = device, baudrate
        self._serial: object = None

    def open(self) -> None:
        """Raises LineLost."""
        import serial

        try:
            self._serial = serial.Serial(
                self._device,
                self._baudrate,
                timeout=READ_WITHIN_S,
                write_timeout=WRITE_WITHIN_S,
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:
            raise LineLost(f"{self._device} cannot be opened: {error}") from error

    def read(self) -> bytes:
        """Raises LineLost when the device is gone."""
        port = self._serial
        try:
            first = port.read(1)  # type: ignore[attr-defined]
            return bytes(first + port.read(port.in_waiting)) if first else b""  # type: ignore[attr-defined]
        except (OSError, TypeError, termios.error) as error:
            raise LineLost(f"{self._device} is gone: {error}") from error

    def write(self, data: bytes) -> None:
        """Raises LineLost."""
        try:
            self._serial.write(data)  # type: ignore[attr-defined]
        except (OSError, termios.error) as error:
            raise LineLost(f"{self._device} cannot be written: {error}") from error

    def close(self) -> None:
        """Never raises."""
        if self._serial is not None:
            with contextlib.suppress(OSError, termios.error):
                self._serial.close()  # type: ignore[attr-defined]
        self._serial = None


class TcpPort:
    """A port of the loopback, one client at a time: the latest one that came."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._listening: socket.socket | None = None
        self._client: socket.socket | None = None

    def open(self) -> None:
        """Raises LineLost."""
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            self._listening = socket.create_server((self._host, self._port), family=family)
            self._listening.settimeout(READ_WITHIN_S)
        except OSError as error:
            self.close()
            raise LineLost(f"tcp://{self._host}:{self._port} cannot be opened: {error}") from error

    def read(self) -> bytes:
        """A client that goes away is silence; the next one is waited for. Raises LineLost if none
        can be taken (no descriptor is left)."""
        if self._listening is None:
            raise LineLost("the port is not open")
        if self._client is None:
            try:
                self._client, _ = self._listening.accept()
                self._client.settimeout(READ_WITHIN_S)
            except TimeoutError:
                pass
            except OSError as error:
                raise LineLost(f"tcp://{self._host}:{self._port} takes nobody: {error}") from error
            return b""
        try:
            data = self._client.recv(CHUNK_BYTES)
        except TimeoutError:
            self._take_newer()
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop()
        return data

    def write(self, data: bytes) -> None:
        """An answer to a client that is gone is lost, as on any line."""
        if self._client is None:
            return
        try:
            self._client.settimeout(WRITE_WITHIN_S)
            self._client.sendall(data)
            self._client.settimeout(READ_WITHIN_S)
        except OSError:
            self._drop()

    def close(self) -> None:
        """Never raises."""
        self._drop()
        if self._listening is not None:
            self._listening.close()
        self._listening = None

    def _take_newer(self) -> None:
        """A client whose end nobody heard must not keep the next one out."""
        assert self._listening is not None
        self._listening.settimeout(0)
        try:
            newer, _ = self._listening.accept()
        except OSError:
            return
        finally:
            self._listening.settimeout(READ_WITHIN_S)
        self._drop()
        self._client = newer
        self._client.settimeout(READ_WITHIN_S)

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
