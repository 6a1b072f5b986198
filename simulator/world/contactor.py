"""The contactor: contacts follow the coil with a mechanical delay, unless a fault holds them.

Pure; time comes in as an argument. Whoever owns it asks ``due_s`` and calls :meth:`move` then.
"""

from __future__ import annotations

# Order of magnitude of a 25-40 A installation contactor's data sheet.
CLOSE_S = 0.020
OPEN_S = 0.015


class Contactor:
    """``closed`` is where the main contacts (and the mirror contact) really are."""

    def __init__(self) -> None:
        self.closed = False
        self.due_s: float | None = None
        self._coil = False
        self._welded = False
        self._stuck_open = False

    @property
    def coil(self) -> bool:
        """Whether current flows through the coil."""
        return self._coil

    def set_coil(self, on: bool, now_s: float) -> None:
        """Current through the coil on or off."""
        self._coil = on
        self._aim(now_s)

    def set_welded(self, on: bool, now_s: float) -> None:
        """Contacts that are closed, or close later, do not open again while this is set."""
        self._welded = on
        self._aim(now_s)

    def set_stuck_open(self, on: bool, now_s: float) -> None:
        """The armature does not pull in (coil wire broken); welded contacts stay closed even so."""
        self._stuck_open = on
        self._aim(now_s)

    def move(self, now_s: float) -> None:
        """The contacts arrive. To be called at ``due_s``."""
        self.due_s = None
        self.closed = not self.closed
        self._aim(now_s)

    def _aim(self, now_s: float) -> None:
        wanted = (self._coil and not self._stuck_open) or (self.closed and self._welded)
        if wanted == self.closed:
            self.due_s = None
        elif self.due_s is None:
            self.due_s = now_s + (CLOSE_S if wanted else OPEN_S)
