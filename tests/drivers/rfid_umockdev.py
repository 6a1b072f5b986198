"""The simulated chip behind a mocked /dev/spidev0.0, for a child process with the real spidev.

Run by the system's Python (which has gi and UMockdev): ``rfid_umockdev.py UID ERRNO COMMAND...``.
The child runs under the mock; its exit status is ours. ERRNO > 0 fails every SPI message. What the
kernel was last told about the device is left in the file that SPI_SETTINGS names, if any. The
handler is no part of the child because spidev holds the interpreter lock during some ioctls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2]))
from simulator.rfid.mfrc522 import Mfrc522Chip  # noqa: E402
from simulator.rfid.picc import Field  # noqa: E402

DEVICE = (
    "P: /devices/platform/spi0.0/spidev/spidev0.0\n"
    "N: spidev0.0\n"
    "E: DEVNAME=/dev/spidev0.0\n"
    "E: SUBSYSTEM=spidev\n"
    "E: MAJOR=153\n"
    "E: MINOR=0\n"
    "A: dev=153:0\\n\n"
)
_SPI_MAGIC = ord("k")
_MESSAGE, _MODE, _LSB_FIRST, _BITS, _SPEED, _MODE32 = range(6)
_TRANSFER_BYTES = 32


class SpiHandler(UMockdev.IoctlBase):  # type: ignore[misc]
    """Answers the ioctls of linux/spi/spidev.h."""

    def __init__(self, chip: Mfrc522Chip, errno: int) -> None:
        super().__init__()
        self._chip = chip
        self._errno = errno
        self.messages = 0
        self._settings = {
            _MODE: bytes(1),
            _LSB_FIRST: bytes(1),
            _BITS: b"\x08",
            _SPEED: (500_000).to_bytes(4, sys.byteorder),
            _MODE32: bytes(4),
        }

    def do_handle_ioctl(self, client: Any) -> bool:
        request = client.get_request()
        magic, number, size = request >> 8 & 0xFF, request & 0xFF, request >> 16 & 0x3FFF
        if magic != _SPI_MAGIC:
            return False
        argument = client.get_arg().resolve(0, size)
        if number != _MESSAGE:
            if request >> 30 == 2:
                argument.update(0, self._settings[number])
            else:
                self._settings[number] = bytes(argument.retrieve())
            client.complete(0, 0)
        elif self._errno:
            client.complete(-1, self._errno)
        else:
            client.complete(self._message(argument, size), 0)
        return True

    def told(self) -> dict[str, int]:
        """Mode, bits per word and speed in Hz, as the kernel has them now."""
        names = {"mode": _MODE, "bits": _BITS, "speed_hz": _SPEED}
        return {
            name: int.from_bytes(self._settings[number], sys.byteorder)
            for name, number in names.items()
        } | {"messages": self.messages}

    def _message(self, argument: Any, size: int) -> int:
        assert size == _TRANSFER_BYTES, "one transfer per message is all that is mocked"
        header = bytes(argument.retrieve())
        self.messages += 1
        length = int.from_bytes(header[16:20], sys.byteorder)
        speed_hz = int.from_bytes(header[20:24], sys.byteorder)
        sent = bytes(argument.resolve(0, length).retrieve())
        answer = self._chip.transfer(sent, time.monotonic() * 1e6, speed_hz)
        argument.resolve(8, length).update(0, list(answer))
        return length


def main(uid: str, errno: str, *command: str) -> int:
    field = Field()
    if uid:
        field.present(bytes.fromhex(uid))
    testbed = UMockdev.Testbed.new()
    testbed.add_from_string(DEVICE)
    handler = SpiHandler(Mfrc522Chip(field), int(errno))
    testbed.attach_ioctl("/dev/spidev0.0", handler)
    environment = os.environ | {
        "LD_PRELOAD": "libumockdev-preload.so.0",
        "UMOCKDEV_DIR": testbed.get_root_dir(),
    }
    child = subprocess.Popen(command, env=environment)
    loop = GLib.MainLoop()

    def look_for_its_end() -> bool:
        if child.poll() is None:
            return True
        loop.quit()
        return False

    GLib.timeout_add(20, look_for_its_end)
    loop.run()
    if (left := os.environ.get("SPI_SETTINGS")) is not None:
        Path(left).write_text(json.dumps(handler.told()))
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
