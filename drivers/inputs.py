"""An input of the box: stop, vehicle, mirror contact. Main thread only, polled every 40 ms."""

from __future__ import annotations

from drivers.gpio_lines import InputLine, Pull


class Input:
    """``active_high``: the level that means pressed, present, or contacts closed. BCM line.

    ``pull`` (:class:`drivers.gpio_lines.Pull`) decides how a broken wire reads. The default pulls
    to the active level: right for contacts that are closed at rest and hold the line inactive, the
    stop (a broken wire reads as pressed) and the mirror contact (it reads as closed). A contact
    that closes to say something, such as the vehicle's, wants ``"inactive"``.
    """

    def __init__(self, pin: int, *, active_high: bool = True, pull: str = Pull.ACTIVE) -> None:
        self._line = InputLine("input", pin, active_high=active_high, pull=pull)
        self._last: bool | None = None
        self._settled: bool | None = None

    def setup(self) -> None:
        """Make the line an input with its pull. Raises GpioError, LibraryMissing."""
        self._line.setup()

    def poll(self) -> bool | None:
        """Read once: the level that two reads in a row agreed on last, None until two have.

        Raises GpioError.
        """
        level = self._line.reads_active()
        if level == self._last:
            self._settled = level
        self._last = level
        return self._settled
