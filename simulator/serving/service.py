"""The box as a service on a Unix stream socket: one JSON object per line, each way.

A request is ``{"op": NAME, ...}``, its answer ``{"ok": true, ...}`` or ``{"ok": false, "error":
TEXT}``. ``hello`` with a ``role`` tells who calls: ``pi`` runs on the Raspberry Pi and dies with
its power, every other role stands outside. After ``watch`` the connection carries events only.
Lines that make no sense are answered with an error and the connection goes on.

One thread for each connection, one that accepts; the box's own lock orders them.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from simulator.errors import Refused
from simulator.hardware import Hardware
from simulator.meter.line import WARM_UP_S
from simulator.meter.meter_models import SDM630, MeterModel
from simulator.serving.arguments import Arguments
from simulator.serving.doorway import Doorway, MeterLink
from simulator.serving.operations import Operations
from simulator.serving.watchers import Watchers, encode
from simulator.world.build import build
from simulator.world.wiring import Load, Wiring

PI_ROLE = "pi"
_LONGEST_LINE = 1 << 20
_WATCH_POLL_S = 0.5
_DYING_S = 2.0


class _Caller:
    """One connection and the process behind it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.role = ""
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid: int = struct.unpack("3i", credentials)[0]
        try:
            # A handle on the process itself: its number may be another's by the time of a kill.
            self._process = os.pidfd_open(self.pid)
        except OSError:
            self._process = -1

    def may_be_killed(self) -> bool:
        """On the Pi, and neither this process nor the one that started it (a test, a script)."""
        return self.role == PI_ROLE and self.pid not in (os.getpid(), os.getppid())

    def kill(self) -> bool:
        """SIGKILL; False when it is dead already."""
        if self._process < 0:
            return False
        try:
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def wait_until_dead(self, deadline: float) -> None:
        timeout_s = max(0.0, deadline - time.monotonic())
        select.select([self._process], [], [], timeout_s)

    def close(self) -> None:
        self.connection.close()
        if self._process >= 0:
            os.close(self._process)
            self._process = -1


class Service:
    """A box that listens at ``path`` from :meth:`start` to :meth:`stop`. Refused if it cannot.

    ``wiring``, ``standby_w``: None = what is usual for the ``load``.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 1.0,
        seed: int = 0,
        wiring: Wiring | None = None,
        load: Load = Load.WALLBOX,
        standby_w: float | None = None,
        meter_model: MeterModel = SDM630,
        meter_baudrate: int | None = None,
        meter_warm_up_s: float = WARM_UP_S,
    ) -> None:
        self._path = path
        self._watchers = Watchers()
        self._meter_link = MeterLink(path.with_name(path.name + ".meter"))
        self._hardware = Hardware(
            event=self._watchers.publish,
            meter_port=self._meter_link.point,
            built=build(load, wiring, standby_w, meter_model.phases),
            speed=speed,
            seed=seed,
            meter_model=meter_model,
            meter_baudrate=meter_baudrate,
            meter_warm_up_s=meter_warm_up_s,
        )
        self._operations = Operations(self._hardware, self._kill_pi)
        self._callers: set[_Caller] = set()
        self._callers_lock = threading.Lock()
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)

    def start(self) -> None:
        """Switch the box on and listen. Raises Refused when the socket's place is taken."""
        self._doorway = Doorway(self._path)
        self._hardware.start()
        self._meter_link.point(self._hardware.meter_port)
        self._acceptor.start()

    def stop(self) -> None:
        """Hang up on everybody, switch off, and leave nothing behind."""
        self._stopping = True
        self._doorway.close()
        self._acceptor.join()
        with self._callers_lock:
            callers = list(self._callers)
        for caller in callers:
            with suppress(OSError):
                caller.connection.shutdown(socket.SHUT_RDWR)
        self._hardware.stop()
        self._meter_link.point(None)

    @property
    def meter_port(self) -> str:
        """Where the meter's line can be opened; the link beside the socket leads there."""
        return self._hardware.meter_port

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._doorway.socket.accept()
            except OSError:
                return
            caller = _Caller(connection)
            with self._callers_lock:
                self._callers.add(caller)
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: _Caller) -> None:
        try:
            for line in _lines(caller.connection):
                answer = self._answer(caller, line)
                if answer is None:
                    self._stream(caller.connection)
                    return
                caller.connection.sendall(encode(answer))
        except OSError:
            # The caller went away in the middle; its lines stay as they are, as on the real header.
            return
        finally:
            with self._callers_lock:
                self._callers.discard(caller)
                caller.close()

    def _answer(self, caller: _Caller, line: bytes) -> dict[str, Any] | None:
        """The answer to one request; None when the connection turns into a stream of events."""
        try:
            request = _parse(line)
            name = request.get("op")
            arguments = Arguments(request)
            if name == "watch":
                return None
            if name == "hello":
                caller.role = arguments.text("role")
                return {"ok": True, "box": "evcs-simbox"}
            return {"ok": True, **self._operations.carry_out(str(name), arguments)}
        except Refused as refusal:
            return {"ok": False, "error": str(refusal)}

    def _stream(self, connection: socket.socket) -> None:
        watcher = self._watchers.add()
        try:
            connection.sendall(encode({"t_us": time.monotonic_ns() // 1000, "event": "watching"}))
            while not watcher.lost and not self._stopping and not _hung_up(connection):
                connection.sendall(watcher.get(_WATCH_POLL_S))
        finally:
            self._watchers.remove(watcher)

    def _kill_pi(self) -> list[int]:
        """End every process that runs on the Pi, and wait for it; returns their ids."""
        deadline = time.monotonic() + _DYING_S
        with self._callers_lock:
            victims = [caller for caller in self._callers if caller.may_be_killed()]
            victims = [caller for caller in victims if caller.kill()]
            for victim in victims:
                victim.wait_until_dead(deadline)
        return sorted({victim.pid for victim in victims})


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise Refused("a request is one JSON object on one line") from None
    if not isinstance(request, dict):
        raise Refused("a request is one JSON object on one line")
    return request


def _lines(connection: socket.socket) -> Iterator[bytes]:
    """Each line that comes; ends when the caller hangs up or sends a line without end."""
    pending = b""
    while chunk := connection.recv(65536):
        pending += chunk
        while (end := pending.find(b"\n")) >= 0:
            line, pending = pending[:end], pending[end + 1 :]
            yield line
        if len(pending) > _LONGEST_LINE:
            return


def _hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
