"""LEDs and buzzer: what their pins went through."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import GpioError
from drivers.indicator import Indicator
from tests.drivers.gpio_recorder import GpioRecorder

GREEN, RED, BUZZER = 5, 6, 13


@pytest.fixture
def gpio(monkeypatch):
    return put_in_place(monkeypatch)


def put_in_place(monkeypatch) -> GpioRecorder:
    recorder, package = GpioRecorder(), ModuleType("RPi")
    package.GPIO = recorder
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", recorder)
    return recorder


@pytest.mark.parametrize(("active_high", "dark"), [(True, 0), (False, 1)])
def test_lines_start_dark_in_one_step_each(gpio, active_high, dark):
    indicator = Indicator(GREEN, RED, BUZZER, active_high=active_high)
    indicator.setup()
    indicator.setup()
    assert gpio.history == [(pin, "out", dark) for pin in (GREEN, RED, BUZZER)]
    indicator.show(True, False, True)
    assert gpio.history[3:] == [(GREEN, "write", 1 - dark), (BUZZER, "write", 1 - dark)]


def test_without_a_buzzer_its_state_is_nobodys(gpio):
    indicator = Indicator(GREEN, RED)
    indicator.setup()
    indicator.show(False, True, True)
    assert gpio.levels == {GREEN: 0, RED: 1}


def test_a_failed_write_is_tried_again(gpio):
    indicator = Indicator(GREEN, RED)
    indicator.setup()
    gpio.fails = OSError(5, "Input/output error")
    with pytest.raises(GpioError, match="green LED: GPIO5"):
        indicator.show(True, False, False)
    gpio.fails = None
    indicator.show(True, False, False)
    assert gpio.levels[GREEN] == 1


@settings(max_examples=100, derandomize=True, deadline=None)
@given(shows=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=20))
def test_pins_follow_and_only_changes_are_written(shows):
    with pytest.MonkeyPatch.context() as monkeypatch:
        gpio = put_in_place(monkeypatch)
        indicator = Indicator(GREEN, RED, BUZZER)
        indicator.setup()
        before = (False, False, False)
        for wanted in shows:
            written = len(gpio.history)
            indicator.show(*wanted)
            changes = sum(a != b for a, b in zip(before, wanted, strict=True))
            assert len(gpio.history) - written == changes
            assert tuple(bool(gpio.levels[pin]) for pin in (GREEN, RED, BUZZER)) == wanted
            before = wanted
