"""The mirror contact has half a second; only a look taken after it may say it did not follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.rules.messages import ContactorObserved, MeterMissed
from station.rules.switching import FEEDBACK_LOOKED_WITHIN_S, FEEDBACK_WITHIN_S
from tests.station.core_rig import SETTINGS, Core


@pytest.fixture
def closed() -> Core:
    """A core that has just closed; the mirror contact was last seen open, before that."""
    core = Core(settings=replace(SETTINGS, has_feedback=True), feedback=False).ready()
    core.tap()
    by_s = core.mono_s + 30
    while not core.closed:
        assert core.mono_s < by_s
        core.pass_time(0.1)
    return core


def look(core: Core, feedback: bool, at_s: float) -> None:
    core.feed(ContactorObserved(core.closed, feedback, at_s))


def later(core: Core, seconds: float) -> None:
    """Something else happens, so much later."""
    core.mono_s += seconds
    core.feed(MeterMissed("no answer", core.mono_s))


def test_an_old_look_is_not_held_against_a_contact_that_has_followed(closed: Core) -> None:
    closed_at_s = closed.mono_s
    later(closed, FEEDBACK_WITHIN_S + 0.1)
    look(closed, False, closed_at_s + 0.01)
    assert closed.closed
    look(closed, True, closed.mono_s - 0.05)
    later(closed, 5.0)
    assert closed.closed
    assert closed.state.faults == ()


def test_a_look_taken_in_time_that_says_open_is_a_fault_at_once(closed: Core) -> None:
    closed_at_s = closed.mono_s
    later(closed, FEEDBACK_WITHIN_S + 0.1)
    look(closed, False, closed_at_s + FEEDBACK_WITHIN_S + 0.05)
    assert not closed.closed
    assert [fault.name for fault in closed.state.faults] == ["contactor_fault"]


def test_a_look_that_never_comes_is_a_fault_too(closed: Core) -> None:
    later(closed, FEEDBACK_LOOKED_WITHIN_S - 0.1)
    assert closed.closed
    later(closed, 0.2)
    assert not closed.closed
    assert [fault.name for fault in closed.state.faults] == ["contactor_fault"]
