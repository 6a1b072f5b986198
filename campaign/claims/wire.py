"""A serial line that is not to be trusted: two pseudo-terminals with a thread between them."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import select
import threading
import time
import tty
from collections import Counter
from pathlib import Path

_POLL_S = 0.02
# Later than any client waits, and so that another request may be under way by then.
LATE_S = (3.2, 8.0)


class Wire:
    """``station_end`` and ``server_end`` are device paths, the same ones after every cut."""

    MISCHIEF = (
        "requests swallowed",
        "answers swallowed",
        "bytes garbled",
        "answers late",
        "answers said twice",
        "noise on the line",
        "cuts",
    )
    # Of a hundred pieces that pass.
    _CHANCES = (
        ("requests swallowed", 0.6),
        ("answers swallowed", 0.6),
        ("bytes garbled", 1.2),
        ("answers late", 0.6),
        ("answers said twice", 1.0),
        ("noise on the line", 1.5),
        ("cuts", 0.3),
    )

    def __init__(self, folder: Path, dice: random.Random) -> None:
        folder.mkdir()
        self.station_end, self.server_end = folder / "ttyStation", folder / "ttyServer"
        self.counts: Counter[str] = Counter()
        self._dice = dice
        self._late: list[tuple[float, bytes]] = []
        self._ends: dict[str, tuple[int, int]] = {}
        self._done = threading.Event()
        self._plug()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._unplug()

    def _run(self) -> None:
        while not self._done.is_set():
            masters = {end[0]: name for name, end in self._ends.items()}
            ready, _, _ = select.select(list(masters), [], [], _POLL_S)
            for master in ready:
                with contextlib.suppress(OSError):
                    self._pass_on(masters[master], os.read(master, 4096))
                if not self._ends or master not in [end[0] for end in self._ends.values()]:
                    break
            now_s = time.monotonic()
            for item in [one for one in self._late if one[0] <= now_s]:
                self._late.remove(item)
                self._write("station", item[1])

    def _pass_on(self, source: str, data: bytes) -> None:
        if not data:
            return
        request = source == "station"
        target = "server" if request else "station"
        match self._drawn(request):
            case "requests swallowed" | "answers swallowed":
                return
            case "bytes garbled":
                data = self._garbled(data)
            case "answers late":
                self._late.append((time.monotonic() + self._dice.uniform(*LATE_S), data))
                return
            case "answers said twice":
                data += data
            case "noise on the line":
                data = self._dice.randbytes(self._dice.randrange(1, 60)) + b"\n" + data
            case "cuts":
                self._unplug()
                self._plug()
                return
        self._write(target, data)

    def _drawn(self, request: bool) -> str:
        roll = self._dice.uniform(0, 100)
        for what, chance in self._CHANCES:
            if ("answers" in what and request) or ("requests" in what and not request):
                continue
            if roll < chance:
                self.counts[what] += 1
                return what
            roll -= chance
        return ""

    def _garbled(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        for _ in range(self._dice.randrange(1, 4)):
            place = self._dice.randrange(len(spoilt))
            match self._dice.randrange(3):
                case 0:
                    spoilt[place] ^= 1 << self._dice.randrange(8)
                case 1 if len(spoilt) > 1:
                    del spoilt[place]
                case _:
                    spoilt.insert(place, self._dice.randrange(256))
        return bytes(spoilt)

    def _write(self, end: str, data: bytes) -> None:
        with contextlib.suppress(OSError, KeyError):
            os.write(self._ends[end][0], data)

    def _plug(self) -> None:
        for name, path in (("station", self.station_end), ("server", self.server_end)):
            master, slave = pty.openpty()
            tty.setraw(slave)
            # The slave stays open here, or the master would be hung up while nobody listens.
            self._ends[name] = master, slave
            path.unlink(missing_ok=True)
            path.symlink_to(os.ttyname(slave))

    def _unplug(self) -> None:
        for ends in self._ends.values():
            for number in ends:
                with contextlib.suppress(OSError):
                    os.close(number)
        self._ends = {}
