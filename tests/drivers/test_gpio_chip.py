"""A GPIO library that is there, and a chip that is not, or is not for us."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from drivers.contactor import Contactor
from drivers.errors import GpioError
from drivers.reader import Reader
from tests.drivers.gpio_recorder import GpioRecorder


class LgpioError(Exception):
    """As lgpio's: no OSError, no RuntimeError."""


class Refusing(GpioRecorder):
    def setmode(self, mode: int) -> None:
        raise LgpioError("can not open gpiochip")


@pytest.mark.parametrize("device", [Contactor(17).setup, Reader().open])
def test_a_chip_that_cannot_be_opened_is_a_line_with_advice(
    device: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("RPi")
    package.GPIO = Refusing()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", package.GPIO)
    assert callable(device)
    with pytest.raises(GpioError, match="usermod -aG gpio"):
        device()
