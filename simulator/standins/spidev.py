"""``spidev`` on the simulated box: bus 0, device 0, where the reader chip hangs.

As with the kernel's driver, transfers of one handle are ordered; any thread may call.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from simulator.client import BoxClient, BoxRefused

_DEFAULT_HZ = 500_000
_CHIP_SELECTS = ((0, 0), (0, 1))
_WIRED = (0, 0)
_LONGEST_TRANSFER = 4096


class _Bus:
    client: BoxClient | None = None


def attach(client: BoxClient) -> None:
    """Use the box behind ``client`` from now on, for handles that are open as well."""
    if _Bus.client is not None:
        _Bus.client.close()
    _Bus.client = client


class SpiDev:
    """One handle. The settings are kept; only the speed reaches the box."""

    def __init__(self, bus: int | None = None, device: int | None = None) -> None:
        self._device: tuple[int, int] | None = None
        self.max_speed_hz = _DEFAULT_HZ
        self.mode = 0
        self.bits_per_word = 8
        self.no_cs = False
        self.lsbfirst = False
        self.cshigh = False
        self.loop = False
        self.threewire = False
        self.read0 = False
        if bus is not None and device is not None:
            self.open(bus, device)

    def open(self, bus: int, device: int) -> None:
        """FileNotFoundError where there is no /dev/spidevBUS.DEVICE."""
        if (bus, device) not in _CHIP_SELECTS:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._device = (bus, device)

    def close(self) -> None:
        self._device = None

    def xfer2(
        self,
        values: Sequence[int],
        speed_hz: int = 0,
        delay_usec: int = 0,
        bits_per_word: int = 0,
    ) -> Sequence[int]:
        """Send ``values`` and return what came back; a list is overwritten in place.

        TypeError for what is no sequence of bytes, or empty; OSError when the bus does not work.
        """
        if not isinstance(values, (list, tuple, bytes, bytearray)) or not values:
            raise TypeError("Non-empty list of bytes is needed")
        answer = self._transfer(_octets(values), speed_hz)
        if isinstance(values, list):
            values[:] = answer
            return values
        return tuple(answer) if isinstance(values, tuple) else list(answer)

    # Chip select stays low between the bytes either way: the box knows no pause inside a transfer.
    xfer = xfer2
    xfer3 = xfer2

    def readbytes(self, length: int) -> list[int]:
        """Clock in ``length`` bytes while sending zeros."""
        return list(self._transfer(bytes(length), 0))

    def writebytes(self, values: Sequence[int]) -> None:
        """Send and forget what comes back."""
        if not values:
            raise TypeError("Non-empty list of bytes is needed")
        self._transfer(_octets(values), 0)

    writebytes2 = writebytes

    def __enter__(self) -> SpiDev:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transfer(self, tx: bytes, speed_hz: int) -> bytes:
        if self._device is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if len(tx) > _LONGEST_TRANSFER:
            raise OverflowError(f"a transfer has at most {_LONGEST_TRANSFER} bytes")
        if _Bus.client is None:
            raise OSError(errno.ENODEV, "no simulated box; call simulator.standins.install() first")
        if self._device != _WIRED:
            # Nothing drives MISO on the other chip select; the Pi pulls it down.
            return bytes(len(tx))
        try:
            answer = _Bus.client.call("spi", tx=tx.hex(), hz=speed_hz or self.max_speed_hz)
        except BoxRefused as refusal:
            raise OSError(errno.EIO, str(refusal)) from refusal
        return bytes.fromhex(answer["rx"])


def _octets(values: Sequence[int]) -> bytes:
    try:
        return bytes(values)
    except ValueError:
        # As the C library does: only the low byte of each number goes out.
        return bytes(value & 0xFF for value in values)
