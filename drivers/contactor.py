"""The contactor's line, and the lease without which it may not be active.

The main thread renews the lease, closes and opens; the guard thread calls :meth:`Contactor.check`
all the time. On Raspberry Pi kernels an output keeps its level when its process dies, so the lease
covers a main loop that is stuck while the process lives; what stands behind a dead process is not
here. One lock covers lease and line, the only lock of the station that a driver call may hold: a
closing that has passed the check of the lease must be on the line before the guard looks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from drivers.errors import GpioError, LeaseLapsed
from drivers.gpio_lines import OutputLine


class Contactor:
    """The contactor on BCM line ``pin``; ``lease_s`` after its last life sign the lease lapses.

    ``commanded`` is what was asked of the line; :meth:`read_back` tells what the pin says.
    """

    def __init__(
        self,
        pin: int,
        *,
        active_high: bool = True,
        lease_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.commanded = False
        self._line = OutputLine("contactor", pin, active_high=active_high)
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._renewed_at: float | None = None
        self._lapsed = False
        self._unreported = False

    def setup(self) -> None:
        """Make the line an output at its inactive level, in one call. Starts no lease.

        Raises GpioError, LibraryMissing.
        """
        with self._lock:
            self._line.setup()

    def renew(self) -> None:
        """The main loop's life sign. Too late it revives nothing: the lapse stands until rearm().

        Raises GpioError when the lease was found lapsed and the contacts would not open.
        """
        with self._lock:
            self._find_lapse()
            self._renewed_at = self._monotonic()
            self._open_if_lapsed()

    def close(self) -> None:
        """Close the contacts. Raises LeaseLapsed without a living lease, GpioError."""
        with self._lock:
            self._find_lapse()
            self._open_if_lapsed()
            if self._lapsed:
                raise LeaseLapsed(
                    "contactor: its lease lapsed, the main loop gave no life sign for "
                    f"{self._lease_s:g} s; it stays open until the lapse is dealt with"
                )
            if self._renewed_at is None:
                raise LeaseLapsed("contactor: no lease yet; the main loop has not renewed it")
            # Counted as closed before the line is touched: if the write fails half-way, opening
            # is still tried, here and by the guard.
            self.commanded = True
            try:
                self._line.write(True)
            except GpioError:
                self._drive_inactive()
                raise

    def open(self) -> None:
        """Open the contacts, whatever the lease; always writes the line. Raises GpioError."""
        with self._lock:
            self._drive_inactive()

    def check(self) -> bool:
        """The guard's look: True exactly once for each lapse, after opening the contacts.

        Raises GpioError while they will not open; the lapse is then reported by a later call, and
        opening is tried again by each.
        """
        with self._lock:
            self._find_lapse()
            self._open_if_lapsed()
            report, self._unreported = self._unreported, False
            return report

    def rearm(self) -> None:
        """The lapse has been dealt with: closing is allowed again. Counts as a life sign."""
        with self._lock:
            self._find_lapse()
            self._open_if_lapsed()
            self._lapsed = False
            self._renewed_at = self._monotonic()

    def read_back(self) -> bool:
        """Whether the line is at its active level as the pin reads. Raises GpioError."""
        with self._lock:
            return self._line.reads_active()

    def _find_lapse(self) -> None:
        if self._lapsed or self._renewed_at is None:
            return
        if self._monotonic() - self._renewed_at >= self._lease_s:
            self._lapsed = True
            self._unreported = True

    def _open_if_lapsed(self) -> None:
        if self._lapsed and self.commanded:
            self._drive_inactive()

    def _drive_inactive(self) -> None:
        self._line.write(False)
        self.commanded = False
