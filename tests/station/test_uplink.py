"""The uplink against a scripted server, with a real journal: what goes out, in which order, and
what becomes of it.

Nothing here waits for time to pass: the pauses of the link are a parameter, and every test waits
for a call on the wire or an event.
"""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.journal.database import connect
from station.journal.store import Store
from station.rules.messages import (
    Announce,
    Request,
    RequestMade,
    ServerAnswered,
    ServerHeard,
    StopRequested,
    StoreLifeSign,
    StoreSession,
    TagListConfirmed,
    TagListReceived,
    Verdict,
)
from station.rules.values import (
    EndReason,
    Fault,
    MeterFacts,
    Phase,
    Record,
    Session,
    TagEntry,
    TagList,
    TimeQuality,
)
from station.status import Snapshot
from station.transport import bodies
from station.transport.answers import Answer, Kind
from station.uplink import heartbeat as heartbeat_module
from station.uplink import sender as sender_module
from station.uplink.commands import REMOTE
from station.workers.journal import JournalWorker
from station.workers.link import Link
from station.workers.uplink import UplinkWorker
from tests.station.journal_rig import (
    BOOT,
    NOON,
    PATIENCE_S,
    Events,
    FakeClock,
    begun,
    ended,
    offline,
    running_journal,
    uuid,
)

DONE = Answer(Kind.DONE)
SILENT = Answer(Kind.SILENT, detail="nobody there")
LATER = Answer(Kind.LATER, code=503, detail="HTTP 503 code 503")
UNAUTHORIZED = Answer(Kind.UNAUTHORIZED, code=406, detail="HTTP 401 code 406")
WRONG = Answer(Kind.WRONG, code=412, detail="HTTP 409 code 412: Facts differ")
UNKNOWN = Answer(Kind.UNKNOWN_SESSION, code=404, detail="HTTP 404 code 404")
TOO_LARGE = Answer(Kind.TOO_LARGE, code=422, detail="HTTP 413 code 422")
UNCHANGED = Answer(Kind.UNCHANGED)
IDLE = Snapshot(phase=Phase.AVAILABLE, mono_s=5000.0, booted=True)
CHARGING = Snapshot(
    phase=Phase.CHARGING,
    mono_s=5000.0,
    session=uuid(1),
    facts=MeterFacts("11223344", 1_240_000, (1, 2, None)),
    power_w=10_999.6,
    contactor_closed=True,
    faults=(Fault("lease_lapse", NOON, "three"),),
    tags_etag='"v7"',
    booted=True,
)


@dataclass
class Call:
    """One attempt as the wire saw it."""

    name: str
    uuid: str | None
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Scripted = Answer | Callable[[Call], Answer]


@dataclass
class Wire:
    """A transport that answers by list, then by default, and keeps what it was given."""

    usual: dict[str, Scripted] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    script: dict[str, deque[Scripted]] = field(default_factory=dict)
    closed: bool = False
    end_tells_all: bool = True

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.open = threading.Event()
        self.open.set()

    def answers(self, name: str, *answers: Scripted) -> None:
        self.script.setdefault(name, deque()).extend(answers)

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._answer("start", uuid, body)

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._answer("end", uuid, body)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._answer("readings", uuid, body)

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        return self._answer("heartbeat", None, body)

    def tags(self, etag: str | None) -> Answer:
        return self._answer("tags", None, {"etag": etag})

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        return self._answer("quarantine", message_id, {"raw": raw, "reason": reason})

    def close(self) -> None:
        self.closed = True

    def _answer(self, name: str, uuid: str | None, body: Mapping[str, Any]) -> Answer:
        call = Call(name, uuid, json.dumps(body).encode())
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
            waiting = self.script.get(name)
            scripted = waiting.popleft() if waiting else self.usual.get(name, DONE)
        assert self.open.wait(PATIENCE_S)
        return scripted(call) if callable(scripted) else scripted

    def of(self, *names: str) -> list[Call]:
        with self.changed:
            return [call for call in self.calls if call.name in names]

    def wait(self, *names: str, count: int = 1) -> list[Call]:
        """All calls of these names, as soon as there are so many."""

        def enough() -> bool:
            return sum(call.name in names for call in self.calls) >= count

        with self.changed:
            assert self.changed.wait_for(enough, PATIENCE_S), [call.name for call in self.calls]
        return self.of(*names)


@dataclass
class Rig:
    """An uplink with its wire, its journal and what it posted."""

    wire: Wire
    uplink: UplinkWorker
    journal: JournalWorker
    events: Events
    journal_events: Events
    snapshot: Snapshot = IDLE

    def kept(self, function: Callable[[Store], Any]) -> Any:
        return self.journal.call(function)

    def store(self, session: Session, record: Record, announce: Announce) -> None:
        """A step of a session as the core would have it stored."""
        self.journal.submit(StoreSession(session, record, announce))


def quick(seed: int = 1) -> Link:
    """Pauses that nobody has to wait for."""
    return Link(random.Random(seed), first_s=0.002, longest_s=0.01, token_refused_s=0.005)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def filled(path: Path, *steps: tuple[Session, Record, Announce]) -> None:
    """What an earlier run left in the journal."""
    store = Store(connect(path))
    store.database.execute("PRAGMA synchronous=OFF")
    for session, record, announce in steps:
        store.put_session(session, record, BOOT, announce)
    store.database.close()


def waiting_end(number: int, **changes: Any) -> tuple[Session, Record, Announce]:
    return ended(number, **changes), Record.ENDED, Announce.END


def waiting_start(number: int) -> tuple[Session, Record, Announce]:
    return offline(number), Record.ACCEPTED, Announce.START


@contextmanager
def running(
    path: Path,
    wire: Wire | None = None,
    *,
    snapshot: Snapshot = IDLE,
    clock: FakeClock | None = None,
    link: Link | None = None,
) -> Iterator[Rig]:
    """Both workers, real threads. ``rig.snapshot`` may be set while they run."""
    clock = clock or FakeClock()
    events = Events()
    uplinks: list[UplinkWorker] = []
    with running_journal(path, clock, lambda: [one.poke() for one in uplinks]) as found:
        journal, journal_events = found
        wire = wire or Wire()
        rig = Rig(wire, None, journal, events, journal_events, snapshot)  # type: ignore[arg-type]
        rig.uplink = UplinkWorker(
            wire,
            journal,
            clock,
            lambda: rig.snapshot,
            "evcs-station 0.1.0",
            events.queue.put,
            events.crashes.put,
            link or quick(),
        )
        uplinks.append(rig.uplink)
        rig.uplink.start()
        try:
            yield rig
        finally:
            wire.open.set()
            rig.uplink.stop()
            rig.uplink.join(PATIENCE_S)
            assert not rig.uplink.is_alive()
            assert wire.closed
            assert events.crashes.empty(), events.crashes.get_nowait()


# --- START that somebody waits for ------------------------------------------------------------


@pytest.mark.parametrize("pokes", [0, 200])
def test_a_start_that_somebody_waits_for_goes_ahead_of_a_backlog(path: Path, pokes: int):
    filled(path, *(waiting_end(number) for number in range(1, 1001)))
    with running(path) as rig:
        rig.wire.wait("end", count=3)
        rig.wire.open.clear()
        sent = len(rig.wire.wait("end", count=len(rig.wire.of("end")) + 1))
        for _ in range(pokes):
            rig.uplink.poke()
        rig.uplink.ask(begun(2000))
        rig.wire.open.set()
        rig.wire.wait("start")
        after = [call.name for call in rig.wire.calls]
        assert after[: after.index("start")].count("end") <= sent, "at most what was under way"
        answered = rig.events.next_of(ServerAnswered)
        assert (answered.uuid, answered.verdict) == (uuid(2000), Verdict.ACCEPTED)
        rig.wire.wait("end", count=sent + 2)


def test_a_start_is_sent_at_once_although_the_link_pauses(path: Path):
    filled(path, waiting_end(1))
    pause = Link(random.Random(1), first_s=1e6, longest_s=1e6)
    wire = Wire()
    wire.answers("heartbeat", SILENT)
    with running(path, wire, link=pause) as rig:
        wire.wait("heartbeat")
        rig.uplink.ask(begun(7))
        assert rig.events.next_of(ServerAnswered).verdict is Verdict.ACCEPTED
        wire.wait("end")
    assert [call.name for call in wire.calls][:2] == ["heartbeat", "start"], "a word ends the pause"


ASKED = [
    (Answer(Kind.DONE, {"action": "continue", "group": "flat-3"}), Verdict.ACCEPTED, "flat-3"),
    (Answer(Kind.DONE, {}), Verdict.ACCEPTED, None),
    (Answer(Kind.DONE, {"group": 3, "action": 3}), Verdict.ACCEPTED, None),
    (Answer(Kind.DONE, {"action": "stop", "group": "g"}), Verdict.ACCEPTED_STOP, "g"),
    (Answer(Kind.REFUSED, code=401), Verdict.UNKNOWN_TAG, None),
    (Answer(Kind.REFUSED, code=403), Verdict.BLOCKED, None),
    (Answer(Kind.REFUSED, code=406), Verdict.STATION_REFUSED, None),
    (Answer(Kind.REFUSED, code=409), Verdict.CHARGING_ELSEWHERE, None),
    (UNAUTHORIZED, Verdict.STATION_REFUSED, None),
    (WRONG, Verdict.INVALID, None),
    (UNKNOWN, Verdict.INVALID, None),
    (TOO_LARGE, Verdict.INVALID, None),
    (SILENT, Verdict.SILENT, None),
    (LATER, Verdict.SILENT, None),
]


@pytest.mark.parametrize(("answer", "verdict", "group"), ASKED, ids=lambda value: str(value)[:30])
def test_what_is_made_of_the_answer_to_a_start(
    path: Path, answer: Answer, verdict: Verdict, group: str | None
):
    wire = Wire()
    wire.answers("start", answer)
    with running(path, wire) as rig:
        rig.uplink.ask(begun(5))
        assert rig.events.next_of(ServerAnswered) == ServerAnswered(
            uuid(5), verdict, group, answer.detail
        )
    (call,) = wire.of("start")
    assert call.json == bodies.start(begun(5))
    assert call.json["authorized_by"] == "server"


def test_an_asked_start_is_sent_once(path: Path):
    """Whether it is sent again is the core's to say, by what it stores."""
    wire = Wire(usual={"start": SILENT})
    with running(path, wire) as rig:
        rig.uplink.ask(begun(5))
        rig.events.next_of(ServerAnswered)
        rig.uplink.ask(begun(6))
        rig.events.next_of(ServerAnswered)
    assert [call.uuid for call in wire.of("start")] == [uuid(5), uuid(6)]


# --- the outbox -------------------------------------------------------------------------------


def test_messages_leave_in_their_order(path: Path):
    steps = []
    for number in (3, 1, 7, 8):
        steps += [waiting_start(number), waiting_end(number)]
    filled(path, *steps)
    with running(path, Wire(end_tells_all=False)) as rig:
        calls = rig.wire.wait("start", "end", count=8)
        assert [(call.name, call.json["seq"]) for call in calls] == [
            (name, number) for number in (3, 1, 7, 8) for name in ("start", "end")
        ]
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(Store.pending) == (0, 0)


def test_what_is_stored_while_it_runs_is_sent(path: Path):
    with running(path) as rig:
        rig.wire.wait("tags")
        rig.store(*waiting_start(1))
        assert rig.wire.wait("start")[0].json["authorized_by"] == "list"
        rig.store(*waiting_end(1))
        assert rig.wire.wait("end")[0].json == json.loads(json.dumps(bodies.end(ended(1))))


@pytest.mark.parametrize("answer", [SILENT, LATER, UNAUTHORIZED], ids=lambda one: one.kind.value)
def test_what_was_not_taken_is_sent_again_with_the_same_bytes(path: Path, answer: Answer):
    filled(path, waiting_start(1), waiting_end(1), waiting_end(2))
    wire = Wire(end_tells_all=False)
    wire.answers("start", answer, answer)
    wire.answers("end", *[answer] * 5)
    with running(path, wire):
        calls = wire.wait("start", "end", count=10)
    names = [(call.name, call.json["seq"]) for call in calls]
    assert names == [("start", 1)] * 3 + [("end", 1)] * 6 + [("end", 2)]
    assert len({call.body for call in calls[:3]}) == 1
    assert len({call.body for call in calls[3:9]}) == 1


def test_the_bytes_are_the_same_after_a_restart(path: Path):
    filled(path, waiting_end(1))
    seen = []
    for run in range(3):
        wire = Wire(usual={"end": SILENT})
        clock = FakeClock(mono_s=1000.0 * run, utc=NOON + timedelta(days=run), boot_id=str(run))
        with running(path, wire, clock=clock):
            seen += wire.wait("end", count=2)
    assert len({call.body for call in seen}) == 1


@pytest.mark.parametrize("answer", [WRONG, UNKNOWN, TOO_LARGE], ids=lambda one: one.kind.value)
@pytest.mark.parametrize("name", ["start", "end"])
def test_what_is_never_taken_goes_to_quarantine_and_the_next_goes_on(
    path: Path, answer: Answer, name: str
):
    first = waiting_start(1) if name == "start" else waiting_end(1)
    filled(path, first, waiting_end(2))
    wire = Wire()
    wire.answers(name, answer)
    with running(path, wire) as rig:
        refused, taken = wire.wait("start", "end", count=2)
        assert (refused.json["seq"], taken.json["seq"]) == (1, 2)
        (report,) = wire.wait("quarantine")
        (message,) = rig.kept(Store.quarantined)
        assert (message.kind, message.session.seq) == (name, 1)
        assert message.reason == answer.detail
        assert json.loads(message.raw) == refused.json
        assert report.uuid == str(message.id)
        assert report.json == {"raw": message.raw, "reason": answer.detail}
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(lambda store: store.quarantined(unreported=True)) == []
        assert rig.kept(Store.pending) == (0, 1)
    assert len(wire.of("quarantine")) == 1


def test_a_report_of_quarantine_is_repeated_until_it_is_heard(path: Path):
    filled(path, waiting_end(1))
    wire = Wire()
    wire.answers("end", WRONG)
    wire.answers("quarantine", SILENT, LATER, UNAUTHORIZED, WRONG)
    with running(path, wire) as rig:
        reports = wire.wait("quarantine", count=4)
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
    assert len({report.body for report in reports}) == 1
    assert len(wire.of("quarantine")) == 4


@pytest.mark.parametrize(
    ("reason", "quarantined"), [(EndReason.NOT_STARTED, 0), (EndReason.LOCAL, 1)]
)
def test_an_unused_start_that_the_server_does_not_know_is_settled(
    path: Path, reason: EndReason, quarantined: int
):
    filled(path, waiting_end(1, reason=reason), waiting_end(2))
    wire = Wire()
    wire.answers("end", UNKNOWN)
    with running(path, wire) as rig:
        wire.wait("end", count=2)
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(Store.pending) == (0, quarantined)


def test_another_try_by_hand(path: Path):
    filled(path, waiting_end(1))
    wire = Wire()
    wire.answers("end", WRONG)
    with running(path, wire) as rig:
        wire.wait("quarantine")
        assert rig.kept(lambda store: store.retry(1))
        rig.uplink.poke()
        first, second = wire.wait("end", count=2)
    assert first.body == second.body


# --- one thing that fails does not hold up the rest -------------------------------------------


@pytest.mark.parametrize("answer", [SILENT, LATER, WRONG], ids=lambda one: one.kind.value)
@pytest.mark.parametrize("name", ["heartbeat", "tags"])
def test_ends_are_delivered_although_something_else_always_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: Answer
):
    """Every pause outlasts the next heartbeat, and every heartbeat tells of a new tag list."""
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.02)
    pausing = Link(random.Random(1), first_s=0.05, longest_s=0.05)
    filled(path, *(waiting_end(number) for number in range(1, 6)))
    wire = Wire(usual={"heartbeat": Answer(Kind.DONE, {"tags_etag": '"v9"'}), name: answer})
    with running(path, wire, link=pausing):
        calls = wire.wait("end", count=5)
        wire.wait(name, count=len(wire.of(name)) + 2)
    assert [call.json["seq"] for call in calls] == [1, 2, 3, 4, 5]


def test_heartbeats_go_on_although_a_message_always_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.02)
    filled(path, waiting_end(1))
    wire = Wire(usual={"end": LATER})
    with running(path, wire):
        wire.wait("heartbeat", count=5)
        wire.wait("end", count=5)


def test_a_journal_that_cannot_be_written_stops_nothing_for_good(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sender_module, "JOURNAL_PAUSE_S", 0.005)
    filled(path, waiting_end(1), waiting_end(2))
    wire = Wire()
    wire.answers("heartbeat", SILENT)
    wire.open.clear()
    with running(path, wire) as rig:
        wire.wait("heartbeat")
        rig.kept(lambda store: store.database.execute("PRAGMA query_only=1"))
        wire.open.set()
        calls = wire.wait("end", count=5)
        assert [call.uuid for call in calls[:4]] == [uuid(1), uuid(2)] * 2, "sent, and sent again"
        rig.kept(lambda store: store.database.execute("PRAGMA query_only=0"))
        while [call.json["seq"] for call in wire.of("end")][-1] == 1:
            wire.wait("end", count=len(wire.of("end")) + 1)
    assert [call.json["seq"] for call in wire.of("end")][-1] == 2


# --- the heartbeat ----------------------------------------------------------------------------

HEARTBEAT_KEYS = (
    "phase session boot_id uptime_ms now time_quality software meter power_w pending quarantined "
    "faults tags_etag done"
)


def test_the_heartbeat_has_exactly_the_contracts_keys(path: Path):
    filled(path, waiting_end(1), waiting_end(2))
    wire = Wire()
    with running(path, wire, snapshot=CHARGING):
        (call,) = wire.wait("heartbeat")[:1]
    assert list(call.json) == HEARTBEAT_KEYS.split()
    assert call.json == {
        "phase": "charging",
        "session": uuid(1),
        "boot_id": BOOT,
        "uptime_ms": 5_000_000,
        "now": "2026-11-22T12:00:00.123456Z",
        "time_quality": "synced",
        "software": "evcs-station 0.1.0",
        "meter": {
            "serial": "11223344",
            "import_wh": 1_240_000,
            "l1_wh": 1,
            "l2_wh": 2,
            "l3_wh": None,
        },
        "power_w": 11_000,
        "pending": 2,
        "quarantined": 0,
        "faults": [{"name": "lease_lapse", "since": "2026-11-22T12:00:00.123456Z"}],
        "tags_etag": '"v7"',
        "done": [],
    }


def test_a_box_that_knows_nothing_yet_says_so(path: Path):
    wire = Wire()
    with running(path, wire, clock=FakeClock(synced=False)):
        (call,) = wire.wait("heartbeat")[:1]
    assert (call.json["meter"], call.json["session"], call.json["tags_etag"]) == (None, None, None)
    assert call.json["time_quality"] == "estimated"
    assert call.json["power_w"] == 0


def test_the_heartbeat_comes_first_and_its_interval_is_the_servers(path: Path):
    filled(path, waiting_end(1))
    wire = Wire()
    wire.answers("heartbeat", Answer(Kind.DONE, {"heartbeat_s": 1}))
    with running(path, wire):
        wire.wait("heartbeat", count=2)
    assert wire.calls[0].name == "heartbeat"


@pytest.mark.parametrize("answer", [SILENT, LATER, UNAUTHORIZED], ids=lambda one: one.kind)
def test_a_heartbeat_that_was_not_heard_is_sent_when_the_link_tries_again(
    path: Path, answer: Answer
):
    """Not after its interval: a new box starts no session before the server was heard."""
    wire = Wire()
    wire.answers("heartbeat", *[answer] * 3, Answer(Kind.DONE, {"last_seq": 7}))
    with running(path, wire) as rig:
        assert rig.events.next_of(ServerHeard) == ServerHeard(7)


def test_what_a_line_does_not_carry_says_nothing_of_the_server(path: Path):
    link = Link(random.Random(1), first_s=0.01, longest_s=0.01)
    wire = Wire(usual={"heartbeat": SILENT, "tags": Answer(Kind.DONE, asked=False)})
    with running(path, wire, link=link):
        wire.wait("tags")
        wire.wait("heartbeat", count=3)
    assert link.problem == SILENT.detail


# --- last_seq and action ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["heartbeat", "end", "start", "asked"])
def test_last_seq_is_heard_in_every_answer(path: Path, name: str):
    filled(path, waiting_end(1) if name == "end" else waiting_start(1))
    wire = Wire()
    wire.answers(name.replace("asked", "start"), Answer(Kind.DONE, {"last_seq": 4711}))
    if name == "asked":
        wire.answers("heartbeat", SILENT)
    with running(path, wire) as rig:
        if name == "asked":
            rig.uplink.ask(begun(1))
        assert rig.events.next_of(ServerHeard) == ServerHeard(4711)
        assert rig.kept(Store.last_seq) == 4711


@pytest.mark.parametrize("value", [-1, 2**53, 10**30, True, "17", 17.0, None, [17]])
def test_a_last_seq_that_is_none_is_not_heard(path: Path, value: object):
    wire = Wire()
    wire.answers("heartbeat", Answer(Kind.DONE, {"last_seq": value}))
    with running(path, wire) as rig:
        wire.wait("tags")
        rig.uplink.ask(begun(1))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(Store.last_seq) is None
    assert not any(isinstance(event, ServerHeard) for event in rig.events.seen)


def test_last_seq_never_goes_back(path: Path):
    filled(path, waiting_end(50))
    wire = Wire()
    wire.answers("end", Answer(Kind.DONE, {"last_seq": 3}))
    with running(path, wire) as rig:
        assert rig.events.next_of(ServerHeard) == ServerHeard(3)
        assert rig.kept(Store.last_seq) == 50


STOP = Answer(Kind.DONE, {"action": "stop"})


def test_the_action_stop_ends_the_session_it_speaks_of(path: Path):
    filled(path, waiting_start(1), waiting_end(2))
    wire = Wire()
    for name in ("heartbeat", "start", "end", "readings"):
        wire.answers(name, STOP)
    with running(path, wire, snapshot=replace(CHARGING, session=uuid(9))) as rig:
        wire.wait("start", "end", count=2)
        rig.store(begun(3), Record.ACCEPTED, Announce.NOTHING)
        rig.journal.submit(sign(3, 1))
        rig.uplink.poke()
        wire.wait("readings")
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
    stops = [event for event in rig.events.seen if isinstance(event, StopRequested)]
    assert stops == [
        StopRequested(EndReason.DEAUTHORIZED, uuid(9)),
        StopRequested(EndReason.DEAUTHORIZED, uuid(1)),
        StopRequested(EndReason.DEAUTHORIZED, uuid(3)),
    ]


# --- commands ---------------------------------------------------------------------------------


@dataclass
class Server:
    """What lists commands until their ``done`` arrives."""

    commands: list[dict[str, Any]]
    results: list[dict[str, str]] = field(default_factory=list)
    time: datetime | None = NOON

    def __call__(self, call: Call) -> Answer:
        for item in call.json["done"]:
            self.results.append(item)
            self.commands = [one for one in self.commands if str(one["id"]) != item["id"]]
        told = {"server_time": bodies.stamp(self.time)} if self.time else {}
        return Answer(Kind.DONE, {"commands": list(self.commands), **told})


def command(key: object, kind: str = "stop", **more: Any) -> dict[str, Any]:
    expires = bodies.stamp(NOON + timedelta(minutes=10))
    return {"id": key, "type": kind, "session": uuid(1), "expires_at": expires, **more}


def obey(rig: Rig, result: str = "ok") -> RequestMade:
    """The core's part: decide on the next request."""
    made = rig.events.next_of(RequestMade)
    rig.uplink.answered(made.id.removeprefix(REMOTE), result)
    return made


def test_a_command_is_carried_out_once_and_told_until_it_is_unlisted(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.005)
    server = Server([command("c-7")])
    deaf = Answer(Kind.DONE, {"commands": [command("c-7")]})
    wire = Wire(usual={"heartbeat": server})
    wire.answers("heartbeat", deaf, deaf, deaf)
    with running(path, wire) as rig:
        wire.wait("heartbeat", count=3)
        made = obey(rig)
        assert made == RequestMade(REMOTE + "c-7", Request.STOP, True, uuid(1), None, None)
        wire.answers("heartbeat", deaf, deaf)
        wire.wait("heartbeat", count=len(wire.of("heartbeat")) + 6)
        assert server.results
        assert all(one == {"id": "c-7", "result": "ok"} for one in server.results)
        told = [call.json["done"] for call in wire.of("heartbeat")]
        assert told[-1] == [], "unlisted, so no longer told"
        assert sum(1 for done in told if done) >= 2
        assert rig.kept(Store.done) == {}
    assert not any(isinstance(event, RequestMade) for event in rig.events.so_far())


@pytest.mark.parametrize("result", ["ok", "not_running", "refused"])
def test_the_result_is_the_cores(path: Path, result: str):
    server = Server([command(12)])
    wire = Wire(usual={"heartbeat": server})
    with running(path, wire) as rig:
        obey(rig, result)
        wire.wait("heartbeat", count=2)
    assert server.results == [{"id": "12", "result": result}]


def test_a_reset_names_its_fault_and_since_when(path: Path):
    reset = command("r", "reset", session=None, fault="contactor_fault", since=bodies.stamp(NOON))
    with running(path, Wire(usual={"heartbeat": Server([reset])})) as rig:
        made = obey(rig)
    assert made == RequestMade(REMOTE + "r", Request.RESET, True, None, "contactor_fault", NOON)


def test_an_unknown_command_is_refused(path: Path):
    server = Server([command("x", "selfdestruct"), command("y", "stop")])
    wire = Wire(usual={"heartbeat": server})
    with running(path, wire) as rig:
        assert obey(rig).id == REMOTE + "y"
        wire.wait("heartbeat", count=2)
        while len(server.results) < 2:
            rig.uplink.answered("nothing", "ok")
            wire.wait("heartbeat", count=len(wire.of("heartbeat")) + 1)
    assert {"id": "x", "result": "refused"} in server.results


@pytest.mark.parametrize(
    ("server_time", "box_time", "synced", "executed"),
    [
        (NOON + timedelta(minutes=9), NOON, True, True),
        (NOON + timedelta(minutes=10), NOON, True, False),
        # A box whose clock is not set yet: the server's two times decide.
        (NOON + timedelta(minutes=9), datetime(2040, 1, 1, tzinfo=UTC), False, True),
        (NOON + timedelta(minutes=11), datetime(1970, 1, 1, tzinfo=UTC), False, False),
        # A server that tells no time: the box's own.
        (None, NOON + timedelta(minutes=9), True, True),
        (None, NOON + timedelta(minutes=11), True, False),
    ],
)
def test_a_command_expires(
    path: Path, server_time: datetime | None, box_time: datetime, synced: bool, executed: bool
):
    server = Server([command("c")], time=server_time)
    wire = Wire(usual={"heartbeat": server})
    with running(path, wire, clock=FakeClock(utc=box_time, synced=synced)) as rig:
        if executed:
            obey(rig)
        wire.wait("heartbeat", count=2)
    assert server.results == [{"id": "c", "result": "ok" if executed else "expired"}]
    made = [
        event for event in rig.events.seen + rig.events.so_far() if isinstance(event, RequestMade)
    ]
    assert len(made) == executed


def test_an_executed_command_is_not_executed_again_after_a_restart(path: Path):
    listed = Answer(Kind.DONE, {"commands": [command("c")]})
    with running(path, Wire(usual={"heartbeat": listed})) as rig:
        obey(rig)
        rig.wire.wait("heartbeat", count=2)
        assert rig.kept(Store.done) == {"c": "ok"}
    wire = Wire(usual={"heartbeat": listed})
    with running(path, wire) as rig:
        wire.wait("tags")
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
    assert not any(isinstance(event, RequestMade) for event in rig.events.seen)
    assert wire.of("heartbeat")[0].json["done"] == [{"id": "c", "result": "ok"}]


def test_a_result_is_told_although_it_cannot_be_stored(path: Path):
    server = Server([command("c")])
    wire = Wire(usual={"heartbeat": server})
    with running(path, wire) as rig:
        made = rig.events.next_of(RequestMade)
        rig.kept(lambda store: store.database.execute("PRAGMA query_only=1"))
        rig.uplink.answered(made.id.removeprefix(REMOTE), "ok")
        wire.wait("heartbeat", count=2)
        rig.kept(lambda store: store.database.execute("PRAGMA query_only=0"))
    assert server.results == [{"id": "c", "result": "ok"}]


# --- the tag list -----------------------------------------------------------------------------

TAG_BODY = {
    "tags": [
        {"tag": "04A3C6CAE26180", "status": "accepted", "expires_at": None, "group": "flat-3"},
        {"tag": "DEADBEEF", "status": "blocked", "expires_at": None, "group": None},
        {"tag": "0BADCAFE", "status": "accepted", "expires_at": "2026-12-01T00:00:00+01:00"},
        # Nobody is accepted by a line that cannot be read.
        {"tag": "AAAAAAAA", "status": "accepted", "expires_at": "some day"},
        {"tag": "BBBBBBBB", "status": "accepted", "expires_at": "2026-12-01T00:00:00"},
        {"tag": "CCCCCCCC", "status": "whatever"},
        {"tag": "DDDDDDDD"},
        {"status": "accepted"},
        {"tag": 5, "status": "accepted"},
        "EEEEEEEE",
        None,
    ]
}
LISTED = Answer(Kind.DONE, TAG_BODY, etag='"v8"')
ENTRIES = {
    "04A3C6CAE26180": TagEntry("04A3C6CAE26180", True, None, "flat-3"),
    "DEADBEEF": TagEntry("DEADBEEF", False),
    "0BADCAFE": TagEntry("0BADCAFE", True, datetime(2026, 11, 30, 23, tzinfo=UTC)),
    "AAAAAAAA": TagEntry("AAAAAAAA", False),
    "BBBBBBBB": TagEntry("BBBBBBBB", False),
    "CCCCCCCC": TagEntry("CCCCCCCC", False),
    "DDDDDDDD": TagEntry("DDDDDDDD", False),
}


def test_a_tag_list_is_stored_and_told(path: Path):
    with running(path, Wire(usual={"tags": LISTED})) as rig:
        told = rig.events.next_of(TagListReceived).tags
        assert told.entries == ENTRIES
        assert told.etag == '"v8"'
        assert told.confirmed_at_s is not None
        stored = rig.kept(lambda store: store.tags(NOON + timedelta(minutes=1)))
    assert stored == TagList(ENTRIES, age_at_boot_s=60.0, etag='"v8"')
    assert [call.json for call in rig.wire.of("tags")] == [{"etag": None}]


def test_the_etag_of_the_list_is_sent_and_304_confirms_it(path: Path):
    snapshot = replace(IDLE, tags_etag='"v7"')
    with running(path, Wire(usual={"tags": UNCHANGED}), snapshot=snapshot) as rig:
        assert rig.events.next_of(TagListConfirmed)
        assert rig.wire.of("tags")[0].json == {"etag": '"v7"'}
    assert not any(isinstance(event, TagListReceived) for event in rig.events.seen)


def test_a_heartbeat_with_the_same_etag_confirms_the_list(path: Path):
    wire = Wire(usual={"tags": SILENT, "heartbeat": Answer(Kind.DONE, {"tags_etag": '"v7"'})})
    with running(path, wire, snapshot=replace(IDLE, tags_etag='"v7"')) as rig:
        assert rig.events.next_of(TagListConfirmed)
        rig.uplink.ask(begun(1))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(lambda store: store.tags(NOON)).age_at_boot_s == 0.0


def test_a_heartbeat_with_another_etag_fetches_the_list(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.01)
    wire = Wire(usual={"tags": LISTED})
    wire.answers("heartbeat", DONE)
    with running(path, wire, snapshot=replace(IDLE, tags_etag='"v7"')) as rig:
        assert rig.events.next_of(TagListReceived)
        wire.answers("heartbeat", Answer(Kind.DONE, {"tags_etag": '"v9"'}))
        assert rig.events.next_of(TagListReceived)
        assert len(wire.of("tags")) == 2
        wire.wait("heartbeat", count=len(wire.of("heartbeat")) + 3)
    assert len(wire.of("tags")) == 2


def test_a_body_without_a_list_takes_nobodys_right_to_charge(path: Path):
    first = Wire(usual={"tags": LISTED})
    with running(path, first) as rig:
        rig.events.next_of(TagListReceived)
    for body in ({}, {"tags": None}, {"tags": {}}, {"tags": "all"}):
        wire = Wire(usual={"tags": Answer(Kind.DONE, body, etag='"x"')})
        with running(path, wire) as rig:
            wire.wait("tags")
            rig.uplink.ask(begun(1))
            rig.events.next_of(ServerAnswered)
            assert rig.kept(lambda store: store.tags(None)) == TagList(ENTRIES, etag='"v8"')
        assert not any(isinstance(event, TagListReceived) for event in rig.events.seen)


def test_an_empty_list_is_a_list(path: Path):
    with running(path, Wire(usual={"tags": Answer(Kind.DONE, {"tags": []}, etag='"0"')})) as rig:
        assert rig.events.next_of(TagListReceived).tags.entries == {}


def test_confirmations_are_stored_at_most_once_a_day(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.005)
    same = Answer(Kind.DONE, {"tags_etag": '"v7"'})
    clock = FakeClock()
    stored: list[float | None] = []
    with running(
        path,
        Wire(usual={"heartbeat": same, "tags": UNCHANGED}),
        snapshot=replace(IDLE, tags_etag='"v7"'),
        clock=clock,
    ) as rig:
        for hours in (0, 1, 23, 25, 26):
            clock.utc = NOON + timedelta(hours=hours)
            clock.mono_s = 5000.0 + hours * 3600
            rig.events.so_far()
            for _ in range(3):
                rig.events.next_of(TagListConfirmed)
            stored.append(rig.kept(lambda store: store.tags(NOON)).age_at_boot_s)
    assert stored == [0.0, 0.0, 0.0, -25 * 3600.0, -25 * 3600.0]


def test_an_unsynced_clock_confirms_for_this_boot_only(path: Path):
    wire = Wire(usual={"tags": UNCHANGED})
    with running(path, wire, clock=FakeClock(synced=False)) as rig:
        assert rig.events.next_of(TagListConfirmed)
        rig.uplink.ask(begun(1))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(lambda store: store.tags(NOON)).age_at_boot_s is None


# --- readings ---------------------------------------------------------------------------------


def sign(number: int, minute: int) -> StoreLifeSign:
    return StoreLifeSign(
        uuid=uuid(number),
        at=NOON + timedelta(minutes=minute),
        quality=TimeQuality.SYNCED,
        import_wh=1_234_567 + 100 * minute,
        power_w=6000 + minute,
        closed_s=60.0 * minute,
        charged_s=60.0 * minute,
        minute=minute,
    )


def with_readings(path: Path, minutes: int) -> None:
    filled(path, (begun(1), Record.ACCEPTED, Announce.NOTHING))
    store = Store(connect(path))
    for minute in range(1, minutes + 1):
        store.put_life_sign(sign(1, minute))
    store.database.close()


def test_readings_are_sent_and_forgotten(path: Path):
    with_readings(path, 2)
    with running(path) as rig:
        (call,) = rig.wire.wait("readings")
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(Store.unsent_readings) == []
    assert call.uuid == uuid(1)
    assert call.json == {
        "readings": [
            {
                "n": n,
                "at": f"2026-11-22T12:0{n}:00.123456Z",
                "import_wh": 1_234_567 + 100 * n,
                "power_w": 6000 + n,
            }
            for n in (1, 2)
        ]
    }


def test_readings_go_in_batches_of_500(path: Path):
    with_readings(path, 1100)
    with running(path) as rig:
        calls = rig.wire.wait("readings", count=3)
    numbers = [[one["n"] for one in call.json["readings"]] for call in calls]
    assert numbers == [[*range(1, 501)], [*range(501, 1001)], [*range(1001, 1101)]]


def test_readings_that_are_too_many_are_halved_until_they_fit(path: Path):
    with_readings(path, 20)

    def at_most_three(call: Call) -> Answer:
        return TOO_LARGE if len(call.json["readings"]) > 3 else DONE

    wire = Wire(usual={"readings": at_most_three})
    with running(path, wire) as rig:
        calls = wire.wait("readings", count=13)
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
        assert rig.kept(Store.unsent_readings) == []
        assert rig.kept(Store.quarantined) == []
    sizes = [len(call.json["readings"]) for call in calls]
    assert sizes == [20, 10, 5, *[2] * 10]
    taken = [one["n"] for call in calls[3:] for one in call.json["readings"]]
    assert taken == [*range(1, 21)]


@pytest.mark.parametrize("answer", [WRONG, UNKNOWN], ids=lambda one: one.kind.value)
def test_readings_that_are_wrong_go_to_quarantine(path: Path, answer: Answer):
    with_readings(path, 3)
    wire = Wire(usual={"readings": answer})
    with running(path, wire) as rig:
        (call,) = wire.wait("readings")
        (report,) = wire.wait("quarantine")
        (message,) = rig.kept(Store.quarantined)
        assert rig.kept(Store.unsent_readings) == []
    assert message.kind == "readings"
    assert json.loads(message.raw) == call.json
    assert report.json == {"raw": message.raw, "reason": answer.detail}
    assert wire.of("end") == []


def test_a_single_reading_that_is_too_large_goes_to_quarantine(path: Path):
    with_readings(path, 2)
    wire = Wire(usual={"readings": TOO_LARGE})
    with running(path, wire) as rig:
        wire.wait("quarantine", count=2)
        assert len(rig.kept(Store.quarantined)) == 2
    assert [len(call.json["readings"]) for call in wire.of("readings")] == [2, 1, 1]


@pytest.mark.parametrize("answer", [SILENT, LATER, UNAUTHORIZED], ids=lambda one: one.kind.value)
def test_readings_that_were_not_heard_are_sent_again(path: Path, answer: Answer):
    with_readings(path, 3)
    wire = Wire()
    wire.answers("readings", answer, answer)
    with running(path, wire):
        calls = wire.wait("readings", count=3)
    assert len({call.body for call in calls}) == 1


# --- the link ---------------------------------------------------------------------------------


def pauses(link: Link, answer: Answer, times: int) -> list[float]:
    found, now_s = [], 1000.0
    for _ in range(times):
        link.note(answer, now_s)
        found.append(link.not_before_s - now_s)
        now_s = link.not_before_s
    return found


@pytest.mark.parametrize("answer", [SILENT, LATER], ids=lambda one: one.kind.value)
@pytest.mark.parametrize("seed", range(5))
def test_back_off_doubles_with_jitter_up_to_five_minutes(seed: int, answer: Answer):
    found = pauses(Link(random.Random(seed)), answer, 20)
    for number, pause_s in enumerate(found):
        most_s = min(300.0, 2.0**number)
        assert most_s / 2 <= pause_s <= most_s, f"seed {seed}, attempt {number}"
    assert len(set(found)) == len(found), f"seed {seed}: no jitter"


def test_two_boxes_do_not_come_back_together():
    first, second = (pauses(Link(random.Random(seed)), SILENT, 12) for seed in (1, 2))
    assert all(abs(a - b) > 1e-3 for a, b in zip(first, second, strict=True))


def test_what_the_server_asks_for_is_waited(path: Path):
    for asked_s in (5.0, 120.0, 4000.0):
        (pause_s,) = pauses(Link(random.Random(1)), replace(LATER, retry_after_s=asked_s), 1)
        assert pause_s == asked_s
    assert pauses(Link(random.Random(1)), replace(LATER, retry_after_s=0.0), 1)[0] >= 0.5


@pytest.mark.parametrize(
    "answer", [DONE, UNCHANGED, WRONG, UNKNOWN, TOO_LARGE, Answer(Kind.REFUSED, code=401)]
)
def test_a_word_of_the_server_ends_the_back_off(answer: Answer):
    link = Link(random.Random(1))
    pauses(link, SILENT, 10)
    assert link.problem == "nobody there"
    link.note(answer, 5000.0)
    assert link.not_before_s <= 5000.0
    assert link.problem is None
    assert pauses(link, SILENT, 1)[0] <= 1.0


def test_a_token_that_is_not_valid_is_tried_every_five_minutes():
    link = Link(random.Random(1))
    assert pauses(link, UNAUTHORIZED, 5) == [pytest.approx(300.0)] * 5
    assert link.problem == UNAUTHORIZED.detail


# --- the end of the thread, and whatever comes ------------------------------------------------


def test_stopping_does_not_wait_for_a_pause(path: Path):
    link = Link(random.Random(1), first_s=1e6, longest_s=1e6)
    wire = Wire(usual={"heartbeat": SILENT})
    with running(path, wire, link=link):
        wire.wait("heartbeat")
    assert wire.closed


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | st.sampled_from(["stop", "reset", "accepted", bodies.stamp(NOON), uuid(1), '"v7"'])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "session", "tag", "status", "expires_at"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=8,
)
FIELDS = [
    "heartbeat_s",
    "last_seq",
    "tags_etag",
    "action",
    "commands",
    "tags",
    "group",
    "server_time",
    "stored",
]
any_answer = st.builds(
    Answer,
    kind=st.sampled_from(Kind),
    body=st.dictionaries(st.sampled_from(FIELDS), values, max_size=6),
    code=st.none() | st.sampled_from([401, 403, 406, 409]),
    detail=st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    retry_after_s=st.none() | st.just(0.0),
    etag=st.none() | st.just('"e"'),
).map(lambda answer: replace(answer, code=answer.code or 403))


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(answers=st.lists(any_answer, min_size=4, max_size=12), seed=st.integers(0, 99))
def test_no_answer_stops_the_uplink(
    path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[Answer], seed: int
):
    """Every call is answered by something; afterwards a START is still asked and answered."""
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.01)
    path.unlink(missing_ok=True)
    for left in path.parent.glob(f"{path.name}-*"):
        left.unlink()
    filled(path, waiting_start(1), waiting_end(2))
    rng = random.Random(seed)
    wire = Wire()

    def anything(call: Call) -> Answer:
        return rng.choice(answers)

    wire.usual = dict.fromkeys(("heartbeat", "tags", "start", "end", "quarantine"), anything)
    with running(path, wire) as rig:
        for number in range(3):
            rig.uplink.ask(begun(100 + number))
            assert rig.events.next_of(ServerAnswered).uuid == uuid(100 + number)
        rig.journal.submit(sign(1, 1))
        wire.wait(*wire.usual, count=6)
