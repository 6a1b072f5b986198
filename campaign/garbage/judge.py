"""Samples and bookings held against the register's true course."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from campaign.garbage.damage import LINE, Kind
from campaign.garbage.people import Register
from drivers.float32 import step_wh
from station.rules.metering import LOST_MIN_MISSES
from station.rules.state import State
from station.rules.values import EndReason, Fault, MeterFacts, Reading, Session

_RECENT = 3
LINE_FAULTS = frozenset({*LINE, "meter-silent"})


@dataclass
class Judge:
    """What was counted in one life. ``meter`` is the serial number whose register is known."""

    register: Register
    meter: str
    update_s: float
    answers: int = 0
    damaged: Counter[Kind] = field(default_factory=Counter)
    raised: int = 0
    refused: int = 0
    accepted: int = 0
    line_passed: int = 0
    off_at_rest: int = 0
    off: Counter[str] = field(default_factory=Counter)
    largest_off_wh: float = 0.0
    bookings: int = 0
    estimates: int = 0
    unused: int = 0
    lost: int = 0
    hasty: int = 0
    hasty_strict: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)
    line_wrong: list[str] = field(default_factory=list)
    taken_wrong: list[str] = field(default_factory=list)
    refused_unspoiled: int = 0
    _bad_in_a_row: int = 0
    _spoiled_in_a_row: int = 0
    _hits: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    _closed_wh: float = 0.0
    _opened_wh: float = 0.0
    _true_wh: dict[str, tuple[float, float]] = field(default_factory=dict)

    def closed(self, now_s: float) -> None:
        self._closed_wh = self.register.wh(now_s)

    def opened(self, now_s: float) -> None:
        self._opened_wh = self.register.wh(now_s)

    def missed(self, hits: set[str]) -> None:
        """A sample that the driver refused."""
        self.raised += 1
        self._bad(hits)

    def _bad(self, hits: set[str]) -> None:
        self._bad_in_a_row += 1
        self._spoiled_in_a_row += bool(hits)

    def sample(self, reading: Reading, before: State, after: State, hits: set[str]) -> None:
        """A sample that the driver let through. ``hits``: what went wrong on its way."""
        self._hits.append(frozenset(hits))
        recent = frozenset().union(*self._hits)
        off_wh = self._off_wh(reading)
        if recent <= LINE_FAULTS:
            self.line_passed += 1
            if off_wh or not _sane(reading):
                self.line_wrong.append(f"{reading} came of {sorted(recent)}")
        if after.track.last is not reading or after.meter_misses:
            if after.meter_misses > before.meter_misses or after.meter_problem:
                self.refused += 1
                self.refused_unspoiled += not hits
                self._bad(hits)
            return
        self.accepted += 1
        self._bad_in_a_row = self._spoiled_in_a_row = 0
        session = before.session
        if session is None or session.start is None or session.closed_at_s is None:
            self.off_at_rest += bool(off_wh)
            return
        start = session.start
        off_wh = self._off_wh(reading, start.import_wh - self._closed_wh, reading.grid_wh + 1)
        if off_wh and start.serial == reading.facts.serial:
            self.off[", ".join(sorted(recent - LINE_FAULTS)) or "the line"] += 1
            if recent <= LINE_FAULTS:
                self.taken_wrong.append(f"{off_wh:.1f} Wh off, of {sorted(recent)}: {reading}")
            self.largest_off_wh = max(self.largest_off_wh, off_wh)

    def _off_wh(self, reading: Reading, shift_wh: float = 0.0, more_wh: float = 0.0) -> float:
        """How far the register is from anything it was while this could be asked; 0 within a step.

        A meter renews its registers now and then. ``shift_wh``: held against the session's start
        instead, whose own step and rounding are ``more_wh``.
        """
        if not shift_wh and reading.facts.serial != self.meter:
            return 0.0
        value, slack_wh = reading.facts.import_wh - shift_wh, reading.grid_wh + 1 + more_wh
        low = self.register.wh(reading.requested_at_s - self.update_s) - slack_wh
        high = self.register.wh(reading.received_at_s) + slack_wh
        return max(0.0, low - value, value - high)

    def ending(self, session: Session) -> None:
        """The decision to end is stored: was the meter given up too soon?"""
        self._true_wh[session.uuid] = (self._closed_wh, self._opened_wh)
        if session.reason is EndReason.METER_LOST:
            self.lost += 1
            self.hasty += self._bad_in_a_row + 1 < LOST_MIN_MISSES
            self.hasty_strict += self._spoiled_in_a_row + 1 < LOST_MIN_MISSES

    def booked(self, session: Session) -> None:
        """The end is stored as it will be sent."""
        start, end = session.start, session.end
        if start is None or end is None:
            self.wrong.append(f"a booking without a register: {session}")
            return
        booked_wh = end.import_wh - start.import_wh
        if session.reason is EndReason.NOT_STARTED:
            self.unused += 1
            flowed_wh = 0.0
        else:
            closed_wh, opened_wh = self._true_wh[session.uuid]
            flowed_wh = opened_wh - closed_wh
        allowed_wh = _allowed_wh(end)
        self.bookings += not session.estimated
        self.estimates += session.estimated
        too_much = booked_wh > flowed_wh + allowed_wh
        too_little = booked_wh < (0 if session.estimated else flowed_wh) - allowed_wh
        if too_much or too_little:
            self.wrong.append(
                f"{session.uuid} ({session.reason}{', estimated' * session.estimated}): "
                f"{booked_wh} Wh booked, {flowed_wh:.1f} Wh flowed"
            )

    def faulted(self, fault: Fault) -> None:
        self.faults += 1
        self.wrong.append(f"{fault.name}: {fault.detail}")


def _allowed_wh(end: MeterFacts) -> float:
    return 2 * (step_wh(end.import_wh / 1000) + 1)


def _sane(reading: Reading) -> bool:
    """Whether every value can be of its own register."""
    volts = reading.voltage_v or ()
    amperes = reading.current_a or ()
    return (
        all(227 < v < 233 for v in volts)
        and all(0 <= a < 17 for a in amperes)
        and 0 <= (reading.power_w or 0.0) < 11_050
        and abs(sum(wh or 0 for wh in reading.facts.phase_wh) - reading.facts.import_wh) < 1e9
    )
