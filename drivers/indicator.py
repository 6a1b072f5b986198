"""The LEDs and the buzzer. Main thread only."""

from __future__ import annotations

from drivers.gpio_lines import OutputLine


class Indicator:
    """Green and red LED, and a buzzer if ``buzzer_pin`` is given; BCM lines."""

    def __init__(
        self,
        green_pin: int,
        red_pin: int,
        buzzer_pin: int | None = None,
        *,
        active_high: bool = True,
    ) -> None:
        self._lines = {
            "green": OutputLine("green LED", green_pin, active_high=active_high),
            "red": OutputLine("red LED", red_pin, active_high=active_high),
        }
        if buzzer_pin is not None:
            self._lines["buzzer"] = OutputLine("buzzer", buzzer_pin, active_high=active_high)
        self._shown: dict[str, bool] = {}

    def setup(self) -> None:
        """Make the lines outputs, all dark and silent. Raises GpioError, LibraryMissing."""
        for name, line in self._lines.items():
            line.setup()
            self._shown.setdefault(name, False)

    def show(self, green: bool, red: bool, buzzer: bool) -> None:
        """Write what differs from what is shown. Raises GpioError; the next call tries again."""
        wanted = {"green": green, "red": red, "buzzer": buzzer}
        for name, line in self._lines.items():
            if self._shown.get(name) != wanted[name]:
                line.write(wanted[name])
                self._shown[name] = wanted[name]
