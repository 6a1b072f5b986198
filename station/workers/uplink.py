"""The uplink thread: everything that goes to the server, one request at a time.

A START that a person waits for goes before all else. Then, in this order: the heartbeat when it is
due, the tag list when it changed, the outbox from its oldest message, readings, reports of what is
in quarantine. A heartbeat or a tag list that fails lets the rest go first, once: what was charged
must not wait for ever behind them. Nothing is ever given up and nothing discarded: while the server
is silent the uplink backs off (link.py), and the next try sends the same message with the same
uuid.
"""

from __future__ import annotations

import contextlib
import queue
import random
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from station.clock import Clock, monotonic
from station.journal.rows import Message, stamp
from station.journal.store import Store
from station.rules.messages import (
    Request,
    RequestMade,
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
from station.workers.link import Link
from station.workers.thread import Post, Worker

HEARTBEAT_S = 60.0
CONFIRM_TAGS_S = 24 * 3600.0
JOURNAL_PAUSE_S = 10.0
LARGEST_SEQ = 2**53 - 1
MOST_READINGS = 500


class Transport(Protocol):
    """The way to the server. Every call ends within its timeout and raises nothing for it."""

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer: ...
    def heartbeat(self, body: Mapping[str, Any]) -> Answer: ...
    def tags(self, etag: str | None) -> Answer: ...
    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer: ...
    def close(self) -> None: ...


# Marks the id of a request that came from the server.
REMOTE = "server:"
_REQUESTS = {request.value: request for request in Request}
_VERDICTS = {
    401: Verdict.UNKNOWN_TAG,
    403: Verdict.BLOCKED,
    406: Verdict.STATION_REFUSED,
    409: Verdict.CHARGING_ELSEWHERE,
}


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
        link: Link | None = None,
    ) -> None:
        super().__init__("uplink", on_crash)
        self._transport = transport
        self._journal = journal
        self._clock = clock
        self._snapshot = snapshot
        self._software = software
        self._post = post
        self._link = link or Link(random.Random())
        self._asks: queue.SimpleQueue[Session | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._heartbeat_s = HEARTBEAT_S
        self._heartbeat_due_s = 0.0
        self._postponed: set[str] = set()
        self._tags_wanted = True
        self._tags_not_before_s = 0.0
        self._most_readings = MOST_READINGS
        self._confirmed_s: float | None = None
        self._obeyed: set[str] = set()
        self._unkept: dict[str, str] = {}

    # -- any thread

    def ask(self, session: Session) -> None:
        """Send this START now, whatever waits; the answer comes as ServerAnswered."""
        self._asks.put(session)

    def answered(self, command_id: str, result: str) -> None:
        """What became of a command of the server: told with the next heartbeat, soon."""
        self._results.put((command_id, result))
        self._asks.put(None)

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
                self._link.pause(monotonic(), JOURNAL_PAUSE_S)
            except CancelledError:
                break
        self._transport.close()

    def _turn(self) -> None:
        if (asked := self._waiting()) is not None:
            self._ask(asked)
            return
        wait_s = self._link.not_before_s - monotonic()
        if wait_s <= 0:
            if self._send_something():
                return
            wait_s = max(self._heartbeat_due_s, self._link.not_before_s) - monotonic()
        with contextlib.suppress(queue.Empty):
            asked = self._asks.get(timeout=max(0.0, wait_s))
            if asked is not None:
                self._ask(asked)

    def _waiting(self) -> Session | None:
        """The next START that somebody waits for, past every poke in the queue."""
        while True:
            try:
                asked = self._asks.get_nowait()
            except queue.Empty:
                return None
            if asked is not None:
                return asked

    def _send_something(self) -> bool:
        """Send the most urgent thing. False when there is nothing to send now."""
        self._take_results()
        beat = monotonic() >= self._heartbeat_due_s
        tags = self._tags_wanted and monotonic() >= self._tags_not_before_s
        if beat and "heartbeat" not in self._postponed:
            self._heartbeat()
        elif tags and "tags" not in self._postponed:
            self._fetch_tags()
        elif self._send_facts():
            self._postponed.clear()
        elif beat:
            self._heartbeat()
        elif tags:
            self._fetch_tags()
        else:
            return False
        return True

    def _send_facts(self) -> bool:
        """What the box has to tell of its sessions. False when there is nothing."""
        message = self._journal.call(Store.next_message)
        if message is not None:
            self._deliver(message)
            return True
        return self._send_readings() or self._report_quarantine()

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
        self._heed(answer, None)

    # -- heartbeat and what comes with it

    def _heartbeat(self) -> None:
        self._heartbeat_due_s = monotonic() + self._heartbeat_s
        snapshot = self._snapshot()
        pending, quarantined = self._journal.call(Store.pending)
        now = self._clock.now()
        done = self._keep_results()
        body = {
            "phase": snapshot.phase.value,
            "session": snapshot.session,
            "boot_id": self._clock.boot_id,
            "uptime_ms": self._clock.uptime_ms(),
            "now": stamp(now.utc),
            "time_quality": now.quality.value,
            "software": self._software,
            "meter": bodies.meter(snapshot.facts),
            "power_w": round(snapshot.power_w or 0.0),
            "pending": pending,
            "quarantined": quarantined,
            "faults": [
                {"name": fault.name, "since": stamp(fault.since)} for fault in snapshot.faults
            ],
            "tags_etag": snapshot.tags_etag,
            "done": [{"id": key, "result": result} for key, result in done.items()],
        }
        answer = self._transport.heartbeat(body)
        self._note(answer)
        if answer.kind is not Kind.DONE:
            self._postponed.add("heartbeat")
            if answer.kind in (Kind.WRONG, Kind.UNKNOWN_SESSION, Kind.TOO_LARGE):
                self.log.error("the server finds our heartbeat wrong: %s", answer.detail)
            return
        every_s = answer.body.get("heartbeat_s")
        if isinstance(every_s, int | float) and not isinstance(every_s, bool):
            self._heartbeat_s = min(3600.0, max(1.0, float(every_s)))
            self._heartbeat_due_s = monotonic() + self._heartbeat_s
        commands = answer.body.get("commands")
        if isinstance(commands, list):
            # Both times of one clock: the box's own may not be set yet.
            at = _moment(answer.body.get("server_time")) or now.utc
            self._obey([one for one in commands if isinstance(one, dict)], done, at)
        self._heed(answer, snapshot.session)
        etag = answer.body.get("tags_etag")
        if isinstance(etag, str) and etag == snapshot.tags_etag:
            self._confirm_tags()
        elif isinstance(etag, str):
            self._tags_wanted = True

    def _obey(self, commands: list[dict[str, Any]], done: Mapping[str, str], now: datetime) -> None:
        """Each command once, whatever the number of times it is listed; ids are kept on disk."""
        for command in commands:
            key = str(command.get("id"))
            if key in done or key in self._obeyed:
                continue
            self._obeyed.add(key)
            request = _REQUESTS.get(str(command.get("type")))
            if request is None:
                self.answered(key, "refused")
            elif _expired(command, now):
                self.answered(key, "expired")
            else:
                self._post(
                    RequestMade(
                        id=REMOTE + key,
                        request=request,
                        remote=True,
                        uuid=_text(command.get("session")),
                        fault=_text(command.get("fault")),
                        since=_moment(command.get("since")),
                    )
                )
        listed = {str(command.get("id")) for command in commands}
        gone = [key for key in done if key not in listed]
        for key in gone:
            self._unkept.pop(key, None)
            self._obeyed.discard(key)
        if gone:
            self._journal.call(lambda store: store.forget_done(gone))

    def _take_results(self) -> None:
        """Results of commands make the next heartbeat due."""
        with contextlib.suppress(queue.Empty):
            while True:
                key, result = self._results.get_nowait()
                self._unkept[key] = result
                self._heartbeat_due_s = min(self._heartbeat_due_s, monotonic())

    def _keep_results(self) -> dict[str, str]:
        """Every result that is to be told; told also as long as it cannot be stored."""
        try:
            for key, result in list(self._unkept.items()):
                self._journal.call(partial(Store.put_done, command_id=key, result=result))
                del self._unkept[key]
        except sqlite3.Error as error:
            self.log.warning("results of commands cannot be stored now: %s", error)
        return {**self._journal.call(Store.done), **self._unkept}

    def _heed(self, answer: Answer, uuid: str | None) -> None:
        """What every answer may carry: the seq that is known there, and whether to go on."""
        if (server_time := _moment(answer.body.get("server_time"))) is not None:
            self._clock.learn(server_time)
        last_seq = answer.body.get("last_seq")
        if answer.body.get("action") == "stop" and uuid is not None:
            self._post(StopRequested(EndReason.DEAUTHORIZED, uuid))
        if not isinstance(last_seq, int) or isinstance(last_seq, bool):
            return
        if 0 <= last_seq <= LARGEST_SEQ:
            self._journal.call(lambda store: store.raise_seq(last_seq))
            self._post(ServerHeard(last_seq))

    # -- the tag list

    def _fetch_tags(self) -> None:
        answer = self._transport.tags(self._snapshot().tags_etag)
        self._note(answer)
        self._tags_wanted = not answer.heard
        if answer.kind not in (Kind.DONE, Kind.UNCHANGED):
            self._postponed.add("tags")
            self._tags_not_before_s = monotonic() + self._heartbeat_s
        if answer.kind is Kind.UNCHANGED:
            self._confirm_tags()
        elif answer.kind is Kind.DONE and isinstance(answer.body.get("tags"), list):
            tags = _tag_list(answer, monotonic())
            now = self._clock.now()
            confirmed = now.utc if now.synced else None
            self._journal.call(lambda store: store.put_tags(tags, confirmed))
            self._confirmed_s = monotonic()
            self._post(TagListReceived(tags))
            self.log.info("tag list: %d tags", len(tags.entries))

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
            self._journal.call(lambda store: store.delivered(message.id, sent=message))
            self._heed(answer, session.uuid if message.kind == "start" else None)
        elif answer.kind in _NEVER_TAKEN:
            now = self._clock.now().utc
            raw = bodies.raw(body)
            self._journal.call(lambda store: store.quarantine(message.id, raw, answer.detail, now))
            self.log.error("quarantined %s: %s", message.id, answer.detail)

    def _send_readings(self) -> bool:
        most = self._most_readings
        batch = self._journal.call(lambda store: store.unsent_readings(most))
        if not batch:
            return False
        uuid = batch[0].uuid
        answer = self._transport.readings(uuid, bodies.readings(batch))
        self._note(answer)
        if answer.kind is Kind.TOO_LARGE and len(batch) > 1:
            self._most_readings = len(batch) // 2
        elif answer.kind is Kind.DONE:
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
        """Every answer ends or prolongs the pause; the log hears of the changes."""
        before = self._link.problem
        self._link.note(answer, monotonic())
        problem = self._link.problem
        if (problem is None) != (before is None):
            if problem is None:
                self.log.info("server answers")
            else:
                self.log.warning("server cannot be used: %s", problem)


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


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


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
