"""The guard thread: power is leased, not granted.

The main loop renews the contactor's lease every 0.5 s. This thread looks every 0.25 s; when the
lease was not renewed for 2 s it opens the contacts (in the driver, under the driver's lock) and
tells the main loop, should that ever run again. What this does not cover: a C call that keeps the
interpreter lock, and a frozen kernel. For those stand the watchdog and the time relay.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.contactor import Contactor
from drivers.errors import DriverError
from station.rules.messages import LeaseLapsed
from station.workers.thread import Post, Worker

RENEW_EVERY_S = 0.5
CHECK_EVERY_S = 0.25
LEASE_S = 2.0


class LeaseGuard(Worker):
    """Posts LeaseLapsed, once per lapse."""

    def __init__(self, contactor: Contactor, post: Post, on_crash: Callable[[str], None]) -> None:
        super().__init__("lease", on_crash)
        self._contactor = contactor
        self._post = post

    def work(self) -> None:
        while not self.stopping.wait(CHECK_EVERY_S):
            try:
                lapsed = self._contactor.check()
            except DriverError as error:
                # The driver keeps the lapse and tries to open again at every check.
                self.log.critical("the lease lapsed and the line cannot be driven: %s", error)
                continue
            if lapsed:
                self.log.critical("the main loop was late: contactor opened by the guard")
                self._post(LeaseLapsed())
