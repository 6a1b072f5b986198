"""The other ends of a Modbus line that others have written, and a line of two pseudo-terminals.

Run as a program it is a serial server of pymodbus: ``modbus_peers.py PORT BAUD``, its registers as
JSON on standard input, ``{"address": 1, "3": {"64512": 328, ...}, "4": {...}}``, a block for each
run of neighbours. It knows nothing of our code.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator, Mapping
from pathlib import Path

Registers = dict[int, int]


def float32(values: Mapping[int, float]) -> Registers:
    """Registers that hold these values, high word first."""
    found: Registers = {}
    for address, value in values.items():
        found[address], found[address + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return found


@contextlib.contextmanager
def crossed() -> Iterator[tuple[str, str]]:
    """Two serial ports with a cable between them."""
    pairs = [pty.openpty() for _ in range(2)]
    for pair in pairs:
        tty.setraw(pair[1], termios.TCSANOW)
    (one, _), (other, _) = pairs
    over_r, over_w = os.pipe()

    def carry() -> None:
        while True:
            ready = select.select([one, other, over_r], [], [])[0]
            if over_r in ready:
                return
            for source in ready:
                os.write(other if source == one else one, os.read(source, 4096))

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield os.ttyname(pairs[0][1]), os.ttyname(pairs[1][1])
    finally:
        os.write(over_w, b".")
        thread.join()
        for descriptor in (*pairs[0], *pairs[1], over_r, over_w):
            os.close(descriptor)


@contextlib.contextmanager
def pymodbus_meter(
    holding: Registers, inputs: Registers, *, address: int = 1, baudrate: int = 9600
) -> Iterator[str]:
    """A meter made of pymodbus; the port to ask it on."""
    with crossed() as (ours, theirs):
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), theirs, str(baudrate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        json.dump({"address": address, "3": holding, "4": inputs}, process.stdin)
        process.stdin.close()
        try:
            assert process.stdout.readline() == "listening\n"
            yield ours
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


async def _serve(port: str, baudrate: int) -> None:
    from pymodbus.datastore import (
        ModbusServerContext,
        ModbusSlaveContext,
        ModbusSparseDataBlock,
    )
    from pymodbus.framer import Framer
    from pymodbus.server import ModbusSerialServer

    told = json.load(sys.stdin)
    blocks = [
        ModbusSparseDataBlock({int(key): value for key, value in told[function].items()})
        for function in ("3", "4")
    ]
    slave = ModbusSlaveContext(hr=blocks[0], ir=blocks[1], zero_mode=True)
    server = ModbusSerialServer(
        ModbusServerContext(slaves={told["address"]: slave}, single=False),
        framer=Framer.RTU,
        port=port,
        baudrate=baudrate,
        ignore_missing_slaves=True,
    )
    await server.listen()
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.serving


if __name__ == "__main__":
    import asyncio

    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
