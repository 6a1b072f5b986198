"""A serial port that can be unplugged: a pseudo-terminal, replaced by a new one at each plug.

One thread listens and sends; any thread may plug, wake and ask for the path. None of that waits for
anything but the listening thread's waking up.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
import tty

_NONE = -1
_READ_SIZE = 4096


class PtyPort:
    """The far end of a serial port. Closed for good by ``close``, after its thread has ended."""

    def __init__(self) -> None:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._lock = threading.Condition()
        self._master = _NONE
        self._listening_on = _NONE
        self._slave = _NONE
        self._path = ""
        self._plugging = 0

    @property
    def path(self) -> str:
        """What a program opens; empty while unplugged."""
        with self._lock:
            return self._path

    @property
    def plugging(self) -> int:
        """Counts the changes: with another number it is another port, or none."""
        with self._lock:
            return self._plugging

    def plug(self, on: bool) -> bool:
        """Plug in or unplug; whether that changed anything."""
        with self._lock:
            if on == (self._master != _NONE):
                return False
            if on:
                # Our own hold on the slave's end: without one, the master's end would report a
                # hang-up between two openings of the port.
                self._master, self._slave = os.openpty()
                tty.setraw(self._slave)
                os.set_blocking(self._master, False)
                self._path = os.ttyname(self._slave)
                self._plugging += 1
                self.wake()
            else:
                self._unplug()
            return True

    def wake(self) -> None:
        """Let ``listen`` return early."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"!")

    def listen(self, deadline: float | None) -> bytes:
        """Wait for bytes until monotonic ``deadline`` in s (None: for ever); empty if none came."""
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        with self._lock:
            master, plugging = self._master, self._plugging
            self._listening_on = master
        sources = [self._wake_read] if master == _NONE else [self._wake_read, master]
        ready, _, _ = select.select(sources, [], [], timeout)
        with self._lock:
            self._listening_on = _NONE
            self._lock.notify_all()
            if self._wake_read in ready:
                os.read(self._wake_read, _READ_SIZE)
            if master not in ready or plugging != self._plugging:
                return b""
            try:
                return os.read(master, _READ_SIZE)
            except BlockingIOError:
                # The program at the other end has flushed what it had sent.
                return b""

    def send(self, data: bytes, plugging: int) -> bool:
        """Send to the port with that number; False when it is gone. What nobody reads is lost."""
        with self._lock:
            if plugging != self._plugging or self._master == _NONE:
                return False
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)
            return True

    def close(self) -> None:
        """Unplug and give everything back."""
        self.plug(False)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _unplug(self) -> None:
        """The kernel hangs up only when nobody waits for the master's end any more."""
        master, slave = self._master, self._slave
        self._master = self._slave = _NONE
        self._path = ""
        self._plugging += 1
        self.wake()
        self._lock.wait_for(lambda: self._listening_on != master)
        os.close(master)
        os.close(slave)
