"""The heartbeat: what the box does, and the server's wishes that come back. Uplink thread."""

from __future__ import annotations

from station.journal.rows import stamp
from station.journal.store import Store
from station.status import Snapshot
from station.transport import bodies
from station.transport.answers import Kind
from station.uplink.commands import Commands
from station.uplink.line import Line, moment
from station.uplink.taglist import TagListSync

HEARTBEAT_S = 60.0
_OFTEN_S, _RARELY_S = 1.0, 3600.0


class Heartbeat:
    """``due_s``: when the next one is due, monotonic. ``every_s`` is the server's to set."""

    def __init__(self, line: Line, commands: Commands, tags: TagListSync, software: str) -> None:
        self._line = line
        self._commands = commands
        self._tags = tags
        self._software = software
        self.every_s = HEARTBEAT_S
        self.due_s = 0.0

    def hasten(self) -> None:
        """There is something that the server waits for."""
        self.due_s = min(self.due_s, self._line.monotonic())

    def beat(self) -> bool:
        """Send one. False when the server did not take it."""
        line = self._line
        self.due_s = line.monotonic() + self.every_s
        snapshot = line.snapshot()
        done = self._commands.done()
        answer = line.transport.heartbeat(self._body(snapshot, done))
        line.note(answer)
        if answer.kind is not Kind.DONE:
            if answer.kind in (Kind.WRONG, Kind.UNKNOWN_SESSION, Kind.TOO_LARGE):
                line.log.error("the server finds our heartbeat wrong: %s", answer.detail)
            else:
                # As soon as the link tries again: until then the server sees nothing of us.
                self.hasten()
            return False
        every_s = answer.body.get("heartbeat_s")
        if isinstance(every_s, int | float) and not isinstance(every_s, bool):
            # Compared before it becomes a float: JSON's whole numbers have no largest.
            self.every_s = float(min(_RARELY_S, max(_OFTEN_S, every_s)))
            self.due_s = line.monotonic() + self.every_s
        commands = answer.body.get("commands")
        if isinstance(commands, list):
            # Both times of one clock: the box's own may not be set yet.
            at = moment(answer.body.get("server_time")) or line.clock.now().utc
            self._commands.obey([one for one in commands if isinstance(one, dict)], done, at)
        line.heed(answer, snapshot.session)
        self._tags.heard_of(answer.body.get("tags_etag"), snapshot.tags_etag)
        return True

    def _body(self, snapshot: Snapshot, done: dict[str, str]) -> dict[str, object]:
        clock, now = self._line.clock, self._line.clock.now()
        pending, quarantined = self._line.journal.call(Store.pending)
        return {
            "phase": snapshot.phase.value,
            "session": snapshot.session,
            "boot_id": clock.boot_id,
            "uptime_ms": clock.uptime_ms(),
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
