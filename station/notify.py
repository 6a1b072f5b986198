"""What systemd is told: ready, the phase in words, that the main loop lives, that it is leaving.

The datagrams of sd_notify(3), sent from the main thread only: the watchdog has to hear of the main
loop, so no other thread may speak for it. Without NOTIFY_SOCKET nothing is sent. Nothing here
waits: what systemd's queue does not take now is said again with the next life sign.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

from station.rules.values import Phase
from station.status import Snapshot

log = logging.getLogger("station.notify")

_WORDS = {
    Phase.AVAILABLE: "free",
    Phase.PREPARING: "preparing a charge, contactor open",
    Phase.CHARGING: "charging",
    Phase.SUSPENDED_EV: "contactor closed, the car draws nothing",
    Phase.FINISHING: "contactor open, waiting for the final reading",
    Phase.FAULTED: "out of order",
    Phase.UNAVAILABLE: "takes no charge now",
}


def in_words(snapshot: Snapshot) -> str:
    """The phase for `systemctl status`, with what stands in the way."""
    why = [fault.name for fault in snapshot.faults] or list(snapshot.unavailable)
    words = _WORDS[snapshot.phase]
    return f"{words}: {'; '.join(why)}" if why else words


class Notifier:
    """Speaks to the socket that ``environment`` names; ``pid`` is this process.

    ``alive_every_s``: how often :meth:`alive` will be called. ``watchdog_s``: after so many seconds
    without a life sign systemd ends this process; None when it does not watch it.
    """

    def __init__(self, environment: Mapping[str, str], pid: int, alive_every_s: float) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(environment, pid) if self._address else None
        self._status: str | None = None
        self._ready = False
        self._owed: dict[str, str] = {}
        self._silent = False
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        if self.watchdog_s is not None and self.watchdog_s < 2 * alive_every_s:
            log.warning(
                "WatchdogSec= is %g s, the main loop gives a life sign every %g s: systemd will "
                "kill a healthy daemon; set it to 5 s",
                self.watchdog_s,
                alive_every_s,
            )

    def ready(self) -> None:
        """The box has booted. Said once."""
        if not self._ready:
            self._ready = True
            self._send(READY="1")

    def status(self, text: str) -> None:
        """Said when it differs from what was said before."""
        if text != self._status:
            self._status = text
            self._send(STATUS=" ".join(text.split()))

    def alive(self) -> None:
        """The main loop's life sign; also repeats what was not heard."""
        if self.watchdog_s is not None:
            self._send(WATCHDOG="1")
        elif self._owed:
            self._send()

    def stopping(self) -> None:
        """From now on an end of this process is what was asked for."""
        self._send(STOPPING="1")

    def _send(self, **fields: str) -> None:
        if not self._address:
            return
        self._owed |= fields
        text = "\n".join(f"{name}={value}" for name, value in self._owed.items())
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError as error:
            if not self._silent:
                log.warning("systemd does not hear: %s; is its socket still there?", error)
            self._silent = True
            return
        self._owed.clear()
        self._silent = False


def _address(name: str) -> str:
    """As the socket module wants it; empty when there is nobody to tell."""
    if name.startswith("@"):
        return "\0" + name[1:]
    if name.startswith("/") or not name:
        return name
    log.warning("NOTIFY_SOCKET=%s is no Unix socket; systemd is told nothing", name)
    return ""


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    text = environment.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(text) / 1e6
