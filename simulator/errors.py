"""What the simulated box says when it cannot do what it was asked.

Raised by the model, sent over the socket as a text, shown by the commands. Any thread.
"""

from __future__ import annotations


class Refused(Exception):
    """The request makes no sense here or now; the text says why and what would."""


class NoMains(Refused):
    """Asked of something that has no power while the mains is cut."""

    def __init__(self) -> None:
        super().__init__("no mains; `evcs-simbox power restore` switches it on again")
