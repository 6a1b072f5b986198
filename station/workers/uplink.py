"""The uplink thread: everything that goes to the server, one request at a time.

A START that a person waits for goes before all else. Then, in this order: the heartbeat when it is
due, the tag list when it changed, the outbox from its oldest message, readings, reports of what is
in quarantine. Nothing is ever given up and nothing discarded: while the server is silent the
uplink backs off (with jitter, at most 5 min), and the next try sends the same message with the
same uuid.
"""

from __future__ import annotations

import queue
import random
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from station.clock import Clock, monotonic
from station.journal.store import Message, Store
from station.rules.messages import (
    ServerAnswered,
    ServerHeard,
    StopRequested,
    TagListConfirmed,
    TagListReceived,
    Verdict,
)
from station.rules.values import EndReason, Session, TagEntry, TagList
from station.status import Snapshot
from station.transport import bodies
from station.transport.answers import Answer, Kind
from station.workers.journal import JournalWorker
from station.workers.thread import Post, Worker

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 300.0
TOKEN_REFUSED_S = 300.0
HEARTBEAT_S = 60.0
CONFIRM_TAGS_S = 24 * 3600.0


class Transport(Protocol):
    """The way to the server. Every call ends within its timeout and raises nothing for it."""

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def heartbeat(self, body: Mapping[str, Any]) -> Answer: ...
    def tags(self, etag: str | None) -> Answer: ...
    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer: ...
    def close(self) -> None: ...


_VERDICTS = {
    401: Verdict.UNKNOWN_TAG,
    403: Verdict.BLOCKED,
    406: Verdict.STATION_REFUSED,
    409: Verdict.CHARGING_ELSEWHERE,
}


@dataclass(slots=True)
class _Link:
    """Whether and when to try again."""

    backoff_s: float = 0.0
    not_before_s: float = 0.0
    problem: str | None = None


class UplinkWorker(Worker):
    """Posts ServerAnswered, ServerHeard, TagListReceived, TagListConfirmed and StopRequested."""

    def __init__(
        self,
        transport: Transport,
        journal: JournalWorker,
        clock: Clock,
        snapshot: Callable[[], Snapshot],
        software: str,
        post: Post,
        on_crash: Callable[[str], None],
        rng: random.Random | None = None,
    ) -> None:
        super().__init__("uplink", on_crash)
        self._transport = transport
        self._journal = journal
        self._clock = clock
        self._snapshot = snapshot
        self._software = software
        self._post = post
        self._rng = rng or random.Random()
        self._asks: queue.SimpleQueue[Session | None] = queue.SimpleQueue()
        self._link = _Link()
        self._heartbeat_s = HEARTBEAT_S
        self._heartbeat_due_s = 0.0
        self._tags_wanted = True
        self._confirmed_s: float | None = None
        self._done: dict[str, str] = {}

    # -- any thread

    def ask(self, session: Session) -> None:
        """Send this START now, whatever waits; the answer comes as ServerAnswered."""
        self._asks.put(session)

    def poke(self) -> None:
        """There is something new in the outbox."""
        self._asks.put(None)

    def stop(self) -> None:
        super().stop()
        self._asks.put(None)

    # -- the uplink thread

    def work(self) -> None:
        while not self.stopping.is_set():
            try:
                self._turn()
            except sqlite3.Error as error:
                self.log.warning("outbox cannot be read or written now: %s", error)
                self._back_off(None)
            except CancelledError:
                break
        self._transport.close()

    def _turn(self) -> None:
        wait_s = self._link.not_before_s - monotonic()
        if wait_s <= 0:
            if self._send_something():
                wait_s = 0.0
            else:
                wait_s = max(self._heartbeat_due_s, self._link.not_before_s) - monotonic()
        try:
            asked = self._asks.get(timeout=max(0.0, wait_s)) if wait_s > 0 else self._waiting()
        except queue.Empty:
            return
        if asked is not None:
            self._ask(asked)

    def _waiting(self) -> Session | None:
        try:
            return self._asks.get_nowait()
        except queue.Empty:
            return None

    def _send_something(self) -> bool:
        """Send the most urgent thing. False when there is nothing to send now."""
        if monotonic() >= self._heartbeat_due_s:
            self._heartbeat()
        elif self._tags_wanted:
            self._fetch_tags()
        elif (message := self._journal.call(Store.next_message)) is not None:
            self._deliver(message)
        else:
            return self._send_readings() or self._report_quarantine()
        return True

    # -- START that somebody waits for

    def _ask(self, session: Session) -> None:
        answer = self._transport.start(session.uuid, bodies.start(session))
        self._note(answer)
        group = answer.body.get("group")
        self._post(
            ServerAnswered(
                uuid=session.uuid,
                verdict=_verdict(answer),
                group=group if isinstance(group, str) else None,
                detail=answer.detail,
            )
        )
        self.log.info("START %s: %s %s", session.uuid, answer.kind.value, answer.detail)

    # -- heartbeat and what comes with it

    def _heartbeat(self) -> None:
        self._heartbeat_due_s = monotonic() + self._heartbeat_s
        snapshot = self._snapshot()
        pending, quarantined = self._journal.call(Store.pending)
        now = self._clock.now()
        done = dict(self._done)
        body = {
            "phase": snapshot.phase.value,
            "session": snapshot.session,
            "boot_id": self._clock.boot_id,
            "uptime_ms": self._clock.uptime_ms(),
            "now": bodies.stamp(now.utc),
            "time_quality": now.quality.value,
            "software": self._software,
            "meter": bodies.meter(snapshot.facts),
            "power_w": round(snapshot.power_w or 0.0),
            "pending": pending,
            "quarantined": quarantined,
            "faults": [
                {"name": fault.name, "since": bodies.stamp(fault.since)}
                for fault in snapshot.faults
            ],
            "tags_etag": snapshot.tags_etag,
            "done": [{"id": key, "result": result} for key, result in done.items()],
        }
        answer = self._transport.heartbeat(body)
        self._note(answer)
        if answer.kind is not Kind.DONE:
            if answer.kind in (Kind.WRONG, Kind.UNKNOWN_SESSION, Kind.TOO_LARGE):
                self.log.error("the server finds our heartbeat wrong: %s", answer.detail)
            return
        for key in done:
            self._done.pop(key, None)
        every_s = answer.body.get("heartbeat_s")
        if isinstance(every_s, int | float) and not isinstance(every_s, bool):
            self._heartbeat_s = min(3600.0, max(1.0, float(every_s)))
            self._heartbeat_due_s = monotonic() + self._heartbeat_s
        self._heed(answer, snapshot.session)
        etag = answer.body.get("tags_etag")
        if isinstance(etag, str) and etag == snapshot.tags_etag:
            self._confirm_tags()
        elif isinstance(etag, str):
            self._tags_wanted = True
        commands = answer.body.get("commands")
        for command in commands if isinstance(commands, list) else []:
            if isinstance(command, dict):
                self._obey(command, snapshot, now.utc)

    def _obey(self, command: Mapping[str, Any], snapshot: Snapshot, now: datetime) -> None:
        """Remote commands: only a stop of the running session is carried out."""
        key = command.get("id")
        if not isinstance(key, str | int):
            return
        uuid = command.get("session")
        if command.get("type") != "stop":
            result = "refused"
        elif _expired(command, now):
            result = "expired"
        elif uuid != snapshot.session or not snapshot.contactor_closed:
            result = "not_running"
        else:
            self._post(StopRequested(EndReason.REMOTE, snapshot.session))
            result = "ok"
        self._done.setdefault(str(key), result)
        self._heartbeat_due_s = min(self._heartbeat_due_s, monotonic() + 1.0)

    def _heed(self, answer: Answer, uuid: str | None) -> None:
        """What every answer may carry: the seq that is known there, and whether to go on."""
        last_seq = answer.body.get("last_seq")
        if isinstance(last_seq, int) and not isinstance(last_seq, bool) and last_seq >= 0:
            self._journal.call(lambda store: store.raise_seq(last_seq))
            self._post(ServerHeard(last_seq))
        if answer.body.get("action") == "stop" and uuid is not None:
            self._post(StopRequested(EndReason.DEAUTHORIZED, uuid))

    # -- the tag list

    def _fetch_tags(self) -> None:
        answer = self._transport.tags(self._snapshot().tags_etag)
        self._note(answer)
        if answer.kind is Kind.UNCHANGED:
            self._tags_wanted = False
            self._confirm_tags()
        elif answer.kind is Kind.DONE:
            self._tags_wanted = False
            tags = _tag_list(answer, monotonic())
            now = self._clock.now()
            confirmed = now.utc if now.synced else None
            self._journal.call(lambda store: store.put_tags(tags, confirmed))
            self._confirmed_s = monotonic()
            self._post(TagListReceived(tags))
            self.log.info("tag list: %d tags", len(tags.entries))
        elif answer.heard:
            self._tags_wanted = False

    def _confirm_tags(self) -> None:
        """The list is current. On disk that is noted once a day: an SD card is not for logging."""
        now = self._clock.now()
        due = self._confirmed_s is None or now.mono_s - self._confirmed_s > CONFIRM_TAGS_S
        if due and now.synced:
            self._journal.call(lambda store: store.confirm_tags(now.utc))
            self._confirmed_s = now.mono_s
        self._post(TagListConfirmed())

    # -- the outbox

    def _deliver(self, message: Message) -> None:
        session = message.session
        if message.kind == "start":
            body = bodies.start(session)
            answer = self._transport.start(session.uuid, body)
        else:
            body = bodies.end(session)
            answer = self._transport.end(session.uuid, body)
        self._note(answer)
        self.log.info(
            "%s %s: %s %s", message.kind.upper(), session.uuid, answer.kind.value, answer.detail
        )
        unused = message.kind == "end" and session.reason is EndReason.NOT_STARTED
        if answer.kind is Kind.DONE or (unused and answer.kind is Kind.UNKNOWN_SESSION):
            self._journal.call(lambda store: store.delivered(message.id, None))
            self._heed(answer, session.uuid if message.kind == "start" else None)
        elif answer.kind in _NEVER_TAKEN:
            now = self._clock.now().utc
            raw = bodies.raw(body)
            self._journal.call(lambda store: store.quarantine(message.id, raw, answer.detail, now))
            self.log.error("quarantined %s: %s", message.id, answer.detail)

    def _send_readings(self) -> bool:
        batch = self._journal.call(Store.unsent_readings)
        if not batch:
            return False
        uuid = batch[0].uuid
        answer = self._transport.readings(uuid, bodies.readings(batch))
        self._note(answer)
        if answer.kind is Kind.TOO_LARGE and len(batch) > 1:
            batch = batch[: len(batch) // 2]
            answer = self._transport.readings(uuid, bodies.readings(batch))
            self._note(answer)
        if answer.kind is Kind.DONE:
            self._journal.call(lambda store: store.readings_sent(batch))
            self._heed(answer, uuid)
        elif answer.kind in _NEVER_TAKEN:
            now, raw = self._clock.now().utc, bodies.raw(bodies.readings(batch))
            self._journal.call(
                lambda store: store.quarantine_readings(batch, raw, answer.detail, now)
            )
        return True

    def _report_quarantine(self) -> bool:
        waiting = self._journal.call(lambda store: store.quarantined(unreported=True))
        if not waiting:
            return False
        message = waiting[0]
        answer = self._transport.quarantine(
            str(message.id), message.raw or "", message.reason or "unknown"
        )
        self._note(answer)
        if answer.kind in (Kind.DONE, *_NEVER_TAKEN):
            now = self._clock.now().utc
            self._journal.call(lambda store: store.reported(message.id, now))
        return True

    # -- the link

    def _note(self, answer: Answer) -> None:
        """Back off from a server that is silent or asks for it; a word from it ends that."""
        match answer.kind:
            case Kind.SILENT | Kind.LATER:
                self._back_off(answer.retry_after_s)
            case Kind.UNAUTHORIZED:
                self._link.not_before_s = monotonic() + TOKEN_REFUSED_S
            case _:
                self._link = _Link(problem=self._link.problem)
        problem = None if answer.heard and answer.kind is not Kind.UNAUTHORIZED else answer.detail
        if (problem is None) != (self._link.problem is None):
            if problem is None:
                self.log.info("server answers")
            else:
                self.log.warning("server cannot be used: %s", problem)
        self._link.problem = problem

    def _back_off(self, asked_s: float | None) -> None:
        link = self._link
        link.backoff_s = min(LONGEST_BACKOFF_S, max(FIRST_BACKOFF_S, 2 * link.backoff_s))
        pause_s = link.backoff_s * self._rng.uniform(0.5, 1.0)
        link.not_before_s = monotonic() + max(pause_s, asked_s or 0.0)


# The server will not take these as they are; they wait for a person, the next one goes on.
_NEVER_TAKEN = (Kind.WRONG, Kind.REFUSED, Kind.UNKNOWN_SESSION, Kind.TOO_LARGE)


def _verdict(answer: Answer) -> Verdict:
    match answer.kind:
        case Kind.DONE:
            stop = answer.body.get("action") == "stop"
            return Verdict.ACCEPTED_STOP if stop else Verdict.ACCEPTED
        case Kind.REFUSED:
            return _VERDICTS[answer.code or 403]
        case Kind.UNAUTHORIZED:
            return Verdict.STATION_REFUSED
        case Kind.SILENT | Kind.LATER:
            return Verdict.SILENT
    return Verdict.INVALID


def _expired(command: Mapping[str, Any], now: datetime) -> bool:
    expires_at = _moment(command.get("expires_at"))
    return expires_at is not None and expires_at <= now


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _tag_list(answer: Answer, now_s: float) -> TagList:
    """Lines that cannot be read are left out: nobody is accepted by a line that says nothing."""
    entries = {}
    lines = answer.body.get("tags")
    for line in lines if isinstance(lines, list) else []:
        tag = line.get("tag") if isinstance(line, dict) else None
        if not isinstance(tag, str):
            continue
        expires, group = line.get("expires_at"), line.get("group")
        expires_at = _moment(expires)
        accepted = line.get("status") == "accepted" and (expires is None or expires_at is not None)
        entries[tag] = TagEntry(
            tag, accepted, expires_at, group if isinstance(group, str) else None
        )
    return TagList(entries=entries, confirmed_at_s=now_s, etag=answer.etag)
