"""The loop looks at the inputs before it judges what waits in its queue.

Half a second after the contactor closed its mirror contact must have followed. What the core knows
of the mirror contact is what the loop told it, so whatever else comes in that moment, and however
long the loop was held up, the contact's own word has to come first.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from station.clock import Clock, monotonic
from station.config import load
from station.daemon import INPUT_POLL_S, Daemon
from station.rules.messages import ContactorObserved, Event, MeterMissed
from station.rules.values import Now
from tools.installation import Box, Station

METER = MeterMissed("no answer", 0.0)


class Source:
    """A machine's clock that needs no machine."""

    boot_id = "boot"
    energy_speed = 1.0

    def now(self) -> Now:
        return Now(monotonic(), datetime.now(UTC), True)

    def uptime_ms(self) -> int:
        return 0

    def undervoltage(self) -> bool:
        return False


class MirrorContact:
    """Debounced as drivers.inputs does it: a level counts when two reads in a row agree."""

    def __init__(self) -> None:
        self.closed = False
        self._last: bool | None = None
        self._settled: bool | None = None

    def poll(self) -> bool | None:
        if self.closed == self._last:
            self._settled = self.closed
        self._last = self.closed
        return self._settled


class Line:
    """The contactor's line, up by command."""

    commanded = True

    def check(self) -> bool:
        return False

    def read_back(self) -> bool:
        return True

    def renew(self) -> None:
        return None


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    (tmp_path / "token").write_text("a-token\n")
    changes = {"contactor": {"feedback_pin": 24}}
    box = Box(tmp_path)
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(str(box.socket))  # nobody answers there, and nobody is asked
    station = Station("box-1", tmp_path, box, "http://127.0.0.1:9", tmp_path / "token", changes)
    station.write_config()
    built = Daemon(load(station.config_file), Clock(Source()))
    stand_in: Any = built
    stand_in.contactor, stand_in.inputs.feedback = Line(), MirrorContact()
    return built


def events(daemon: Daemon, renew_in_s: float = 0.3) -> list[Event]:
    daemon.renew_due_s = daemon.show_due_s = monotonic() + renew_in_s
    return daemon._next_events()


def until(daemon: Daemon, feedback: bool) -> ContactorObserved:
    """What is told of the mirror contact when it is this; no renewal comes in between."""
    by_s = monotonic() + 5
    while True:
        for event in events(daemon):
            if isinstance(event, ContactorObserved) and event.feedback_closed is feedback:
                return event
        assert monotonic() < by_s, f"the mirror contact was never told to be {feedback}"


def move(daemon: Daemon, *, closed: bool) -> None:
    mirror: Any = daemon.inputs.feedback
    mirror.closed = closed


def test_a_mirror_contact_that_moves_is_told_before_the_next_renewal(daemon: Daemon) -> None:
    assert until(daemon, False).line_active
    move(daemon, closed=True)
    assert until(daemon, True).line_active


def test_events_that_never_cease_do_not_keep_the_inputs_from_being_read(daemon: Daemon) -> None:
    until(daemon, False)
    move(daemon, closed=True)
    by_s = monotonic() + 5
    seen: list[Event] = []
    while not any(isinstance(event, ContactorObserved) for event in seen):
        assert monotonic() < by_s, "the inputs were never read"
        daemon.queue.put(METER)
        seen = events(daemon)
    assert seen[-1] == METER


def test_what_was_seen_is_dated_by_the_first_of_the_two_reads(daemon: Daemon) -> None:
    until(daemon, False)
    began_s = monotonic()
    move(daemon, closed=True)
    told = until(daemon, True)
    assert told.seen_s is not None
    assert began_s - INPUT_POLL_S <= told.seen_s < monotonic()


def test_a_look_from_before_the_loop_was_held_up_is_dated_as_such(daemon: Daemon) -> None:
    """The contact moved meanwhile, and one read alone does not count: what is told is old."""
    until(daemon, False)
    daemon.state = replace(daemon.state, closed=True)
    before_s = daemon.polled_s
    daemon.poll_due_s = monotonic()
    move(daemon, closed=True)
    told = [event for event in events(daemon) if isinstance(event, ContactorObserved)]
    assert [(one.feedback_closed, one.seen_s) for one in told] == [(False, before_s)]
    later = until(daemon, True)
    assert later.seen_s is not None
    assert later.seen_s > before_s


def test_a_mirror_contact_that_contradicts_is_told_at_every_look(daemon: Daemon) -> None:
    until(daemon, False)
    daemon.state = replace(daemon.state, closed=True)
    first, second = until(daemon, False), until(daemon, False)
    assert first.seen_s is not None
    assert second.seen_s is not None
    assert first.seen_s < second.seen_s


def test_what_a_renewal_saw_comes_before_what_waits_in_the_queue(daemon: Daemon) -> None:
    """An event that waits may switch: what was seen before it must not be held against that."""
    until(daemon, False)
    daemon.state = replace(daemon.state, closed=True)
    daemon.queue.put(METER)
    daemon.renew_due_s = 0.0
    daemon._renew()
    assert isinstance(events(daemon)[0], ContactorObserved)
    assert events(daemon)[-1] == METER
