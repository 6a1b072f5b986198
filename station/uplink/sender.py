"""What goes out next. Uplink thread; nothing here waits but for the answer of one request.

A START that a person waits for goes before all else. Then, in this order: the heartbeat when it is
due, the tag list when it changed, the outbox from its oldest message, readings, reports of what is
in quarantine. A heartbeat or a tag list that fails lets the rest go first, once: what was charged
must not wait for ever behind them. While the server is silent the link backs off
(workers/link.py), and the next try sends the same message with the same uuid.
"""

from __future__ import annotations

import sqlite3

from station.rules.messages import ServerAnswered, Verdict
from station.rules.values import Session
from station.transport import bodies
from station.transport.answers import Answer, Kind
from station.uplink.commands import Commands
from station.uplink.heartbeat import Heartbeat
from station.uplink.line import Line, text
from station.uplink.outbox import Outbox
from station.uplink.taglist import TagListSync

JOURNAL_PAUSE_S = 10.0

_VERDICTS = {
    401: Verdict.UNKNOWN_TAG,
    403: Verdict.BLOCKED,
    406: Verdict.STATION_REFUSED,
    409: Verdict.CHARGING_ELSEWHERE,
}


class Sender:
    """Posts ServerAnswered; its parts post ServerHeard, tag lists, requests and StopRequested."""

    def __init__(self, line: Line, software: str) -> None:
        self._line = line
        self.commands = Commands(line)
        self._tags = TagListSync(line)
        self._heartbeat = Heartbeat(line, self.commands, self._tags, software)
        self._outbox = Outbox(line)
        self._postponed: set[str] = set()

    def ask(self, session: Session) -> None:
        """Send a START that somebody waits for. Once: whether again is the core's to say."""
        line = self._line
        answer = line.transport.start(session.uuid, bodies.start(session))
        line.note(answer)
        line.post(
            ServerAnswered(
                uuid=session.uuid,
                verdict=verdict(answer),
                group=text(answer.body.get("group")),
                detail=answer.detail,
            )
        )
        line.log.info("START %s: %s %s", session.uuid, answer.kind.value, answer.detail)
        line.heed(answer, None)

    def turn(self) -> float:
        """Send the most urgent thing that is due. Returns the seconds until the next turn.

        0.0: something was sent, there may be more. Raises sqlite3.Error when the journal cannot be
        read or written; see :meth:`journal_failed`.
        """
        line = self._line
        if line.link.not_before_s <= line.monotonic() and self._send_something():
            return 0.0
        due_s = max(self._heartbeat.due_s, line.link.not_before_s)
        if line.link.not_before_s > line.monotonic():
            due_s = line.link.not_before_s
        return max(0.0, due_s - line.monotonic())

    def journal_failed(self, error: sqlite3.Error) -> None:
        """The journal cannot be used now: wait a while."""
        self._line.log.warning("outbox cannot be read or written now: %s", error)
        self._line.link.pause(self._line.monotonic(), JOURNAL_PAUSE_S)

    def _send_something(self) -> bool:
        """Send the most urgent thing. False when there is nothing to send now."""
        if self.commands.take_results():
            self._heartbeat.hasten()
        beat = self._line.monotonic() >= self._heartbeat.due_s
        tags = self._tags.due
        if beat and "heartbeat" not in self._postponed:
            self._beat()
        elif tags and "tags" not in self._postponed:
            self._fetch_tags()
        elif self._outbox.send():
            self._postponed.clear()
        elif beat:
            self._beat()
        elif tags:
            self._fetch_tags()
        else:
            return False
        return True

    def _beat(self) -> None:
        self._outbox.confirm()
        if not self._heartbeat.beat():
            self._postponed.add("heartbeat")

    def _fetch_tags(self) -> None:
        if not self._tags.fetch(retry_s=self._heartbeat.every_s):
            self._postponed.add("tags")


def verdict(answer: Answer) -> Verdict:
    """What an answer to a START says in the words of the core."""
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
