"""A backlog goes out twenty at a time and is confirmed in one commit. No thread, no waiting.

What was sent and not confirmed is sent again: after a silence, after a commit that failed, after
the process died. The same uuid books it once.
"""

from __future__ import annotations

import logging
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from station.journal.database import connect
from station.journal.store import Store
from station.rules.messages import (
    Announce,
    RepairStamps,
    ServerHeard,
    TagListConfirmed,
)
from station.rules.values import Phase, Record, Session, TimeQuality
from station.status import Snapshot
from station.transport.answers import Answer, Kind
from station.uplink.line import Line
from station.uplink.outbox import MOST_UNCONFIRMED
from station.uplink.sender import Sender
from station.workers.link import Link
from tests.station.journal_rig import BOOT, NOON, FakeClock, begun, ended, offline
from tests.station.test_uplink import SILENT, WRONG, Wire

T = TypeVar("T")
DAY_S = 24 * 3600.0
REST = Snapshot(phase=Phase.AVAILABLE, mono_s=0.0, booted=True)
CHARGING = Snapshot(phase=Phase.CHARGING, mono_s=0.0, contactor_closed=True, booted=True)


@dataclass
class Journal:
    """The store, called at once. ``commits`` counts what went to the disk."""

    path: Path
    commits: int = 0
    fails: bool = False

    def __post_init__(self) -> None:
        self.store = Store(connect(self.path))
        self.store.database.set_trace_callback(self._trace)

    def _trace(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    def call(self, function: Callable[[Store], T]) -> T:
        if self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        return function(self.store)

    def waiting(self) -> list[int]:
        return [one.session.seq for one in self.store.waiting()]


@dataclass
class Way:
    """A sender on a journal and a scripted server; time is what ``clock`` says."""

    journal: Journal
    wire: Wire = field(default_factory=Wire)
    clock: FakeClock = field(default_factory=FakeClock)
    snapshot: Snapshot = REST
    posted: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = Link(random.Random(1))
        self.sender = Sender(
            Line(
                transport=self.wire,
                journal=self.journal,
                clock=self.clock,  # type: ignore[arg-type]
                snapshot=lambda: self.snapshot,
                post=self.posted.append,
                link=self.link,
                log=logging.getLogger("test"),
                monotonic=lambda: self.clock.mono_s,
            ),
            "evcs-station test",
        )

    def settle(self) -> Way:
        """The first heartbeat and the tag list are out of the way."""
        self.sender.turn()
        self.sender.turn()
        assert [call.name for call in self.wire.calls] == ["heartbeat", "tags"]
        self.posted.clear()
        self.journal.commits = 0
        return self

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.sender.turn()

    def pass_time(self, seconds: float) -> None:
        self.clock.mono_s += seconds
        self.clock.utc += timedelta(seconds=seconds)

    def ends(self) -> list[int]:
        """The seqs of the ENDs as the wire saw them."""
        return [call.json["seq"] for call in self.wire.of("end")]


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    yield journal
    journal.store.database.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def way(path: Path) -> Iterator[Way]:
    """45 ENDs wait."""
    with opened(path) as journal:
        for number in range(1, 46):
            journal.store.put_session(ended(number), Record.ENDED, BOOT, Announce.END)
        yield Way(journal).settle()


def test_twenty_are_confirmed_in_one_commit(way: Way) -> None:
    assert MOST_UNCONFIRMED == 20
    way.turns(19)
    assert way.ends() == list(range(1, 20))
    assert (way.journal.commits, len(way.journal.waiting())) == (0, 45)
    way.turns(1)
    assert way.journal.commits == 1
    assert way.journal.waiting() == list(range(21, 46))
    way.turns(20)
    assert way.journal.commits == 2
    way.turns(5)
    assert way.journal.commits == 3
    assert way.journal.waiting() == []
    assert way.ends() == list(range(1, 46))


def test_after_a_silence_it_begins_again_at_the_oldest_that_was_not_heard(way: Way) -> None:
    way.turns(7)
    way.wire.answers("end", SILENT)
    way.turns(1)
    assert way.ends() == list(range(1, 9))
    assert way.journal.commits == 1, "what was heard before is confirmed now"
    assert way.journal.waiting() == list(range(8, 46))
    way.turns(5)
    assert len(way.ends()) == 8, "the link pauses"
    way.pass_time(2)
    way.turns(20)
    assert way.ends()[8:] == list(range(8, 28))
    assert way.journal.waiting() == list(range(28, 46))


def test_what_is_never_taken_is_set_aside_and_the_rest_confirmed_in_one_commit(way: Way) -> None:
    way.turns(3)
    way.wire.answers("end", WRONG)
    way.turns(17)
    assert way.ends() == list(range(1, 21))
    assert way.journal.commits == 2, "one for the quarantine, one for the nineteen"
    assert way.journal.waiting() == list(range(21, 46))
    assert [one.session.seq for one in way.journal.store.quarantined()] == [4]


def test_a_heartbeat_in_between_confirms_first_and_tells_what_really_waits(way: Way) -> None:
    way.turns(7)
    way.pass_time(61)
    way.turns(1)
    beats = way.wire.of("heartbeat")
    assert len(beats) == 2
    assert beats[-1].json["pending"] == 45 - 7
    assert way.journal.waiting() == list(range(8, 46))
    way.turns(13)
    assert way.ends() == list(range(1, 21)), "it goes on where it was"
    assert way.journal.waiting() == list(range(21, 46))


def test_a_commit_that_fails_sends_them_again(way: Way) -> None:
    way.turns(19)
    way.journal.fails = True
    with pytest.raises(sqlite3.Error) as error:
        way.turns(1)
    way.sender.journal_failed(error.value)  # type: ignore[arg-type]
    way.journal.fails = False
    way.turns(1)
    assert len(way.ends()) == 20, "for a while nothing is tried"
    way.pass_time(11)
    way.turns(20)
    assert way.ends()[20:] == list(range(1, 21))
    assert way.journal.waiting() == list(range(21, 46))


@pytest.mark.parametrize("sent", [1, 7, 19, 20, 33])
def test_what_was_not_confirmed_when_the_process_died_is_sent_again_with_the_same_bytes(
    path: Path, sent: int
) -> None:
    with opened(path) as journal:
        for number in range(1, 46):
            journal.store.put_session(ended(number), Record.ENDED, BOOT, Announce.END)
        first = Way(journal).settle()
        first.turns(sent)
        confirmed = sent // MOST_UNCONFIRMED * MOST_UNCONFIRMED
        assert journal.waiting() == list(range(confirmed + 1, 46))
    with opened(path) as journal:
        second = Way(journal).settle()
        second.turns(100)
        assert journal.waiting() == []
        assert second.ends() == list(range(confirmed + 1, 46))
    twice = Counter((call.uuid, call.body) for call in first.wire.of("end") + second.wire.of("end"))
    assert len(twice) == 45, "the same uuid with other bytes would be another END"
    assert sorted(twice.values()) == [1] * (45 - sent + confirmed) + [2] * (sent - confirmed)


def test_one_whose_stamps_are_repaired_on_its_way_goes_out_repaired(path: Path) -> None:
    """Of those that are confirmed together only it stays."""
    with opened(path) as journal:
        for number in (1, 2, 3):
            stamps = (
                {"end_time_quality": TimeQuality.ESTIMATED, "ended_s": 4000.0}
                if number == 2
                else {}
            )
            journal.store.put_session(ended(number, **stamps), Record.ENDED, BOOT, Announce.END)
        way = Way(journal).settle()
        way.turns(2)
        journal.store.repair_stamps(RepairStamps(mono_s=5000.0, utc=NOON), BOOT)
        way.turns(1)
        assert journal.waiting() == [2]
        way.turns(1)
        assert journal.waiting() == []
        assert [call.json["end_time_quality"] for call in way.wire.of("end")] == [
            "synced",
            "estimated",
            "synced",
            "synced",
        ]


# --- a charge that is over needs no START


@pytest.fixture
def charges(path: Path) -> Iterator[Way]:
    """START and END of 25 charges wait, and the START of one that runs."""
    with opened(path) as journal:
        for number in range(1, 26):
            put(journal, offline(number), Record.ACCEPTED, Announce.START)
            put(journal, ended(number), Record.ENDED, Announce.END)
        put(journal, offline(26), Record.ACCEPTED, Announce.START)
        yield Way(journal).settle()


def put(journal: Journal, session: Session, record: Record, announce: Announce) -> None:
    journal.store.put_session(session, record, BOOT, announce)


def told(way: Way) -> list[tuple[str, int]]:
    return [(call.name, call.json["seq"]) for call in way.wire.of("start", "end")]


def test_a_charge_that_is_over_is_told_by_its_end_alone(charges: Way) -> None:
    charges.turns(9)
    assert told(charges) == [("end", number) for number in range(1, 10)]
    assert (charges.journal.commits, len(charges.journal.waiting())) == (0, 51)
    charges.turns(1)
    assert charges.journal.commits == 1
    assert len(charges.journal.waiting()) == 31, "both are gone, in one commit"
    charges.turns(16)
    assert told(charges) == [*(("end", number) for number in range(1, 26)), ("start", 26)]
    assert charges.journal.waiting() == []


def test_a_way_whose_end_does_not_tell_all_carries_both(charges: Way) -> None:
    charges.wire.end_tells_all = False
    charges.turns(51)
    both = [(kind, number) for number in range(1, 26) for kind in ("start", "end")]
    assert told(charges) == [*both, ("start", 26)]
    assert charges.journal.waiting() == []


def test_the_start_of_an_end_that_is_refused_goes_out_by_itself(charges: Way) -> None:
    charges.turns(2)
    charges.wire.answers("end", WRONG)
    charges.turns(3)
    assert told(charges)[2:] == [("end", 3), ("start", 3), ("end", 4)]
    assert [one.session.seq for one in charges.journal.store.quarantined()] == [3]
    charges.turns(22)
    assert told(charges)[5:] == [*(("end", number) for number in range(5, 26)), ("start", 26)]
    assert charges.journal.waiting() == []


def test_after_a_silence_the_end_goes_again_and_still_without_its_start(charges: Way) -> None:
    charges.turns(2)
    charges.wire.answers("end", SILENT)
    charges.turns(1)
    assert [number for number in charges.journal.waiting() if number <= 3] == [3, 3]
    charges.pass_time(2)
    charges.turns(1)
    assert told(charges)[2:] == [("end", 3), ("end", 3)]


@pytest.mark.parametrize("which", ["start", "end"])
def test_a_repair_on_the_way_keeps_what_was_told_wrongly(path: Path, which: str) -> None:
    estimated: dict[str, Any] = {"time_quality": TimeQuality.ESTIMATED, "started_s": 4000.0}
    if which == "end":
        estimated = {"end_time_quality": TimeQuality.ESTIMATED, "ended_s": 4000.0}
    with opened(path) as journal:
        put(journal, offline(1, **estimated), Record.ACCEPTED, Announce.START)
        put(journal, ended(1, **estimated), Record.ENDED, Announce.END)
        put(journal, ended(2), Record.ENDED, Announce.END)
        way = Way(journal).settle()
        way.turns(1)
        journal.store.repair_stamps(RepairStamps(mono_s=5000.0, utc=NOON), BOOT)
        way.turns(1)
        assert journal.waiting() == ([1, 1] if which == "start" else [1])
        way.turns(1)
        assert journal.waiting() == []
        assert told(way) == [("end", 1), ("end", 2), ("end", 1)]
        again = way.wire.of("end")[-1].json
        assert (again["time_quality"], again["end_time_quality"]) == ("synced", "synced")


@pytest.mark.parametrize("sent", [1, 9, 10, 13])
def test_what_end_told_for_its_start_survives_a_death(path: Path, sent: int) -> None:
    with opened(path) as journal:
        for number in range(1, 26):
            put(journal, offline(number), Record.ACCEPTED, Announce.START)
            put(journal, ended(number), Record.ENDED, Announce.END)
        Way(journal).settle().turns(sent)
        assert journal.waiting()[:2] == [sent // 10 * 10 + 1] * 2
    with opened(path) as journal:
        second = Way(journal).settle()
        second.turns(50)
        assert told(second) == [("end", number) for number in range(sent // 10 * 10 + 1, 26)]
        assert journal.waiting() == []


# --- what is not written for nothing


def test_a_seq_is_stored_and_told_when_it_is_higher_and_then_only(path: Path) -> None:
    with opened(path) as journal:
        journal.store.put_session(begun(10), Record.ASKED, BOOT, Announce.NOTHING)
        way = Way(journal).settle()
        told = [(3, 10, 0), (10, 10, 0), (10, 10, 0), (12, 12, 1), (12, 12, 0), (4, 12, 0)]
        for last_seq, known, commits in told:
            before = journal.commits
            way.wire.answers("heartbeat", Answer(Kind.DONE, {"last_seq": last_seq}))
            way.pass_time(61)
            way.turns(1)
            assert journal.store.last_seq() == known
            assert journal.commits - before == commits, last_seq
        heard = [event.last_seq for event in way.posted if isinstance(event, ServerHeard)]
        assert heard == [3, 10, 12], "the first word of a run is told whatever it is"


def confirmed_at_s(way: Way) -> float | None:
    """How long before now the journal has the list confirmed."""
    return way.journal.store.tags(way.clock.utc).age_at_boot_s


def test_the_days_confirmation_of_the_tag_list_waits_for_the_end_of_a_charge(path: Path) -> None:
    with opened(path) as journal:
        way = Way(journal)
        same = {"tags_etag": '"v7"'}
        way.wire.usual = {"heartbeat": Answer(Kind.DONE, same), "tags": Answer(Kind.UNCHANGED)}
        way.snapshot = replace(REST, tags_etag='"v7"')
        way.settle()
        way.pass_time(DAY_S + 1)
        way.snapshot = replace(CHARGING, tags_etag='"v7"')
        for _ in range(60):
            way.pass_time(60)
            way.turns(2)
        assert way.journal.commits == 0
        assert confirmed_at_s(way) == pytest.approx(DAY_S + 3601)
        confirmed = [one for one in way.posted if isinstance(one, TagListConfirmed)]
        assert len(confirmed) == 60, "the core hears it all the same"
        way.snapshot = replace(REST, tags_etag='"v7"')
        for _ in range(5):
            way.pass_time(60)
            way.turns(2)
        assert way.journal.commits == 1
        assert confirmed_at_s(way) == pytest.approx(4 * 60)
