"""What the box has to tell of its sessions: facts first, readings, then what was refused.

A charge that is over when its START's turn comes needs one message: END says all that START says,
and the server books it alike. After an outage that is half the messages. The START stays in the
journal until the server has the END; if it refuses the END, the START goes out after all.

Nothing is ever given up and nothing discarded: what is silent is sent again with the same uuid,
what the server finds wrong goes to quarantine and the next message goes on. Uplink thread.
"""

from __future__ import annotations

from collections import deque

from station.journal.rows import Message
from station.rules.values import EndReason
from station.transport import bodies
from station.transport.answers import Kind
from station.uplink.line import Line

MOST_READINGS = 500
MOST_UNCONFIRMED = 20

# The server will not take these as they are; they wait for a person, the next one goes on.
NEVER_TAKEN = (Kind.WRONG, Kind.REFUSED, Kind.UNKNOWN_SESSION, Kind.TOO_LARGE)


class Outbox:
    """One message at a time, the oldest first.

    Of a backlog so many are taken from the journal at once, and what the server has of them is
    removed in one commit. A cut in between sends them twice, which books them once.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._most_readings = MOST_READINGS
        self._ahead: deque[Message] = deque()
        self._sent: list[Message] = []
        # STARTs that their END, later in the same batch, tells as well; by uuid.
        self._told: dict[str, list[Message]] = {}

    def send(self) -> bool:
        """Send one thing. False when there is nothing."""
        if not self._ahead:
            self._read()
        if not self._ahead:
            return self._send_readings() or self._report_quarantine()
        message = self._ahead.popleft()
        while self._told_by_end(message):
            self._told.setdefault(message.session.uuid, []).append(message)
            message = self._ahead.popleft()
        self._deliver(message)
        if not self._ahead:
            self.confirm()
        return True

    def _read(self) -> None:
        most = MOST_UNCONFIRMED
        self._ahead.extend(self._line.journal.call(lambda store: store.next_messages(most)))
        if len(self._ahead) == most and self._ahead[-1].kind == "start":
            self._ahead.pop()  # its END may be the first of the next ones

    def confirm(self) -> None:
        """Remove from the journal what the server has. Raises sqlite3.Error; it is sent again."""
        sent, self._sent = self._sent, []
        if sent:
            self._line.journal.call(lambda store: store.delivered(sent))

    def _told_by_end(self, message: Message) -> bool:
        return (
            message.kind == "start"
            and any(
                one.kind == "end" and one.session.uuid == message.session.uuid
                for one in self._ahead
            )
            and self._line.transport.end_tells_all
        )

    def _anew(self) -> None:
        """From the oldest that the server does not have."""
        self._ahead.clear()
        self._told.clear()

    def _deliver(self, message: Message) -> None:
        line, session = self._line, message.session
        if message.kind == "start":
            body = bodies.start(session)
            answer = line.transport.start(session.uuid, body)
        else:
            body = bodies.end(session)
            answer = line.transport.end(session.uuid, body)
        line.note(answer)
        line.log.info(
            "%s %s: %s %s", message.kind.upper(), session.uuid, answer.kind.value, answer.detail
        )
        unused = message.kind == "end" and session.reason is EndReason.NOT_STARTED
        if answer.kind is Kind.DONE or (unused and answer.kind is Kind.UNKNOWN_SESSION):
            self._sent += [*self._told.pop(session.uuid, ()), message]
            line.heed(answer, session.uuid if message.kind == "start" else None)
        elif answer.kind in NEVER_TAKEN:
            now = line.clock.now().utc
            raw = bodies.raw(body)
            line.journal.call(lambda store: store.quarantine(message.id, raw, answer.detail, now))
            line.log.error("quarantined %s: %s", message.id, answer.detail)
            if session.uuid in self._told:
                self._anew()  # its START is to be told by itself
        else:
            self._anew()  # when the link is back

    def _send_readings(self) -> bool:
        line, most = self._line, self._most_readings
        batch = line.journal.call(lambda store: store.unsent_readings(most))
        if not batch:
            return False
        uuid = batch[0].uuid
        answer = line.transport.readings(uuid, bodies.readings(batch))
        line.note(answer)
        if answer.kind is Kind.TOO_LARGE and len(batch) > 1:
            self._most_readings = len(batch) // 2
        elif answer.kind is Kind.DONE:
            line.journal.call(lambda store: store.readings_sent(batch))
            line.heed(answer, uuid)
        elif answer.kind in NEVER_TAKEN:
            now, raw = line.clock.now().utc, bodies.raw(bodies.readings(batch))
            line.journal.call(
                lambda store: store.quarantine_readings(batch, raw, answer.detail, now)
            )
        return True

    def _report_quarantine(self) -> bool:
        line = self._line
        waiting = line.journal.call(lambda store: store.quarantined(unreported=True))
        if not waiting:
            return False
        message = waiting[0]
        answer = line.transport.quarantine(
            str(message.id), message.raw or "", message.reason or "unknown"
        )
        line.note(answer)
        if answer.kind in (Kind.DONE, *NEVER_TAKEN):
            now = line.clock.now().utc
            line.journal.call(lambda store: store.reported(message.id, now))
        return True
