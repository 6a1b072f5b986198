"""What can break in the box itself; the meter and the reader have faults of their own."""

from __future__ import annotations

from enum import StrEnum


class BoxFault(StrEnum):
    """The names of ``evcs-simbox fault``.

    ``contactor-welded``: contacts that are closed stay so. ``contactor-stuck-open``: they do not
    close. ``stop-pressed``: the stop button, or a break of its wire. ``feedback-broken``: a break
    of the mirror contact's wire. ``undervoltage``: the mains sags. ``pi-undervoltage``: the
    Raspberry Pi's own 5 V supply does.
    """

    WELDED = "contactor-welded"
    STUCK_OPEN = "contactor-stuck-open"
    STOP_PRESSED = "stop-pressed"
    FEEDBACK_BROKEN = "feedback-broken"
    UNDERVOLTAGE = "undervoltage"
    PI_UNDERVOLTAGE = "pi-undervoltage"
