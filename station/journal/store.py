"""What the journal writes and reads. One thread (the journal worker) owns the connection.

Every public method that writes is one transaction: when it returns, it is on disk; when it raises
sqlite3.Error, nothing of it is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from station.journal.rows import (
    CHANGES,
    Message,
    ReportedReading,
    message_of,
    session_of,
    session_row,
    stamp,
    stamps_told,
    time_of,
    time_or_none,
)
from station.rules.messages import (
    Announce,
    RepairStamps,
    StoredRegister,
    StoredSession,
    StoreLifeSign,
)
from station.rules.values import (
    Fault,
    MeterFacts,
    Record,
    Session,
    TagEntry,
    TagList,
    TimeQuality,
)

TOUCH_BYTES = 32 * 1024
# Of a month without a server so many readings leave the journal in one commit.
MOST_CONFIRMED = 100

_INSERT_READING = (
    "INSERT OR IGNORE INTO readings (seq, n, at, import_wh, power_w)"
    " SELECT seq, ?, ?, ?, ? FROM sessions WHERE uuid = ?"
)


class Store:
    """All statements. Pass the connection that database.connect made."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self._confirmed: list[ReportedReading] = []

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise

    # -- sessions

    def put_session(
        self, session: Session, record: Record, boot_id: str, announce: Announce
    ) -> None:
        """One step of a session and, in the same commit, the message it causes."""
        with self._forgetting_confirmed():
            if record is Record.DROPPED:
                self.database.execute("DELETE FROM sessions WHERE uuid = ?", (session.uuid,))
            else:
                row = session_row(session, record, boot_id)
                columns = ", ".join(row)
                marks = ", ".join(f":{name}" for name in row)
                changed = ", ".join(f"{name} = excluded.{name}" for name in row if name in CHANGES)
                self.database.execute(
                    f"INSERT INTO sessions ({columns}, boot_id) VALUES ({marks}, :last_boot_id)"
                    f" ON CONFLICT (uuid) DO UPDATE SET {changed}",
                    row,
                )
            if announce is not Announce.NOTHING:
                self.database.execute(
                    "INSERT INTO outbox (kind, uuid) VALUES (?, ?)",
                    (announce.value, session.uuid),
                )
            self._raise_seq(session.seq)

    def put_life_sign(self, sign: StoreLifeSign) -> None:
        # A minute's reading rewrites the page from which those before it are removed.
        writes_reading = sign.minute is not None
        with self._forgetting_confirmed() if writes_reading else self._transaction():
            self.database.execute(
                "UPDATE sessions SET life_at = ?, life_quality = ?, life_wh = ?,"
                " life_closed_s = ?, charged_s = ? WHERE uuid = ?",
                (
                    stamp(sign.at),
                    sign.quality.value,
                    sign.import_wh,
                    sign.closed_s,
                    sign.charged_s,
                    sign.uuid,
                ),
            )
            if sign.minute is not None:
                self.database.execute(
                    _INSERT_READING,
                    (sign.minute, stamp(sign.at), sign.import_wh, sign.power_w, sign.uuid),
                )

    def open_session(self, boot_id: str) -> StoredSession | None:
        """The session that has no end yet. There is at most one: the box has one outlet."""
        row = self.database.execute(
            "SELECT * FROM sessions WHERE record <> 'ended' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        return StoredSession(
            session=session_of(row, boot_id),
            record=Record(row["record"]),
            same_boot=row["last_boot_id"] == boot_id,
            life_at=time_or_none(row["life_at"]),
            life_quality=TimeQuality(row["life_quality"] or TimeQuality.ESTIMATED),
            life_wh=row["life_wh"],
            life_closed_s=row["life_closed_s"],
        )

    def unsettled(self, boot_id: str) -> Session | None:
        """The newest session, if it ended by an estimate and its exact register is wanted."""
        row = self._newest()
        if row is None or not (row["record"] == "ended" and row["estimated"]):
            return None
        return session_of(row, boot_id) if row["exact_wanted"] else None

    def put_register(self, register: StoredRegister) -> None:
        """What the meter shows while there is no session."""
        newest = self._newest()
        kept = {
            "after_seq": newest["seq"] if newest else 0,
            "serial": register.facts.serial,
            "import_wh": register.facts.import_wh,
            "at": stamp(register.at),
            "quality": register.quality.value,
        }
        with self._transaction():
            self._put_meta("register", json.dumps(kept))

    def register(self) -> StoredRegister | None:
        """The newest register: of the newest session (its end, a sign of life, or its start), or
        what was kept of the time after it."""
        newest, text = self._newest(), self._meta("register")
        kept = json.loads(text) if text else None
        if kept is not None and (newest is None or kept["after_seq"] >= newest["seq"]):
            facts = MeterFacts(kept["serial"], kept["import_wh"])
            return StoredRegister(facts, time_of(kept["at"]), TimeQuality(kept["quality"]))
        return _register_of(newest) if newest is not None else None

    def _newest(self) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.database.execute(
            "SELECT * FROM sessions ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return found

    def sessions(self, since: datetime | None = None) -> list[tuple[Session, Record]]:
        """Sessions in the order of seq, those that ended (or run) since a time."""
        rows = self.database.execute(
            "SELECT * FROM sessions WHERE :since IS NULL"
            " OR coalesce(ended_at, started_at) >= :since OR record <> 'ended' ORDER BY seq",
            {"since": stamp(since) if since else None},
        )
        return [(session_of(row), Record(row["record"])) for row in rows]

    def newest_stamp(self) -> datetime | None:
        """The latest wall time that was stored with a session."""
        row = self.database.execute(
            "SELECT max(max(started_at, coalesce(life_at, ''), coalesce(ended_at, '')))"
            " FROM sessions"
        ).fetchone()
        return time_or_none(row[0])

    # -- seq

    def last_seq(self) -> int | None:
        """The highest seq of this station, or None in a new journal."""
        value = self._meta("last_seq")
        return int(value) if value is not None else None

    def raise_seq(self, seq: int) -> None:
        """Remember what the server has seen; never goes back."""
        known = self.last_seq()
        if known is None or seq > known:
            with self._transaction():
                self._raise_seq(seq)

    def _raise_seq(self, seq: int) -> None:
        self.database.execute(
            "INSERT INTO meta (key, value) VALUES ('last_seq', :seq) ON CONFLICT (key) DO UPDATE"
            " SET value = :seq WHERE CAST(value AS INTEGER) < :seq",
            {"seq": seq},
        )

    def _meta(self, key: str) -> str | None:
        row = self.database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row["value"])

    def _put_meta(self, key: str, value: str | None) -> None:
        if value is None:
            self.database.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            self.database.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def touch(self) -> None:
        """A write of no meaning: raises sqlite3.Error as long as nothing can be written.

        It is larger than any other, because on a full disk a small one may still find room in a
        page that is there; the pages that it took stay behind as room for the next ones.
        """
        with self._transaction():
            self._put_meta("touched", "x" * TOUCH_BYTES)
        with self._transaction():
            self._put_meta("touched", None)

    # -- outbox

    def next_messages(self, limit: int) -> list[Message]:
        """The oldest messages that wait."""
        return self._messages("refused_at IS NULL", limit)

    def waiting(self) -> list[Message]:
        return self._messages("refused_at IS NULL")

    def quarantined(self, *, unreported: bool = False) -> list[Message]:
        return self._messages(
            "refused_at IS NOT NULL" + (" AND reported_at IS NULL" if unreported else "")
        )

    def _messages(self, condition: str, limit: int = -1) -> list[Message]:
        rows = self.database.execute(
            "SELECT outbox.id AS outbox_id, kind, outbox.reason AS refusal, refused_at, raw,"
            " sessions.* FROM outbox JOIN sessions USING (uuid)"
            f" WHERE {condition} ORDER BY outbox.id LIMIT ?",
            (limit,),
        )
        return [message_of(row) for row in rows]

    def pending(self) -> tuple[int, int]:
        """(messages that wait, messages in quarantine)."""
        row = self.database.execute(
            "SELECT count(*) FILTER (WHERE refused_at IS NULL) AS waiting,"
            " count(*) FILTER (WHERE refused_at IS NOT NULL) AS refused FROM outbox"
        ).fetchone()
        return row["waiting"], row["refused"]

    def delivered(self, sent: Sequence[Message]) -> None:
        """The server has them, as they went out. One whose stamps were repaired while it was under
        way stays, and goes out repaired."""
        with self._transaction():
            for message in sent:
                (now,) = self._messages(f"outbox.id = {message.id:d}") or [message]
                if stamps_told(now) == stamps_told(message):
                    self.database.execute("DELETE FROM outbox WHERE id = ?", (message.id,))

    def quarantine(self, message_id: int, raw: str, reason: str, now: datetime) -> None:
        """Set a message aside that the server finds wrong; the next one goes on."""
        with self._transaction():
            self.database.execute(
                "UPDATE outbox SET refused_at = ?, raw = ?, reason = ? WHERE id = ?",
                (stamp(now), raw, reason, message_id),
            )

    def reported(self, message_id: int, now: datetime) -> None:
        with self._transaction():
            self.database.execute(
                "UPDATE outbox SET reported_at = ? WHERE id = ?", (stamp(now), message_id)
            )

    def retry(self, message_id: int) -> bool:
        """Put a quarantined message back in line. False: there is none with that id."""
        with self._transaction():
            row = self.database.execute(
                "SELECT kind, uuid, raw FROM outbox WHERE id = ? AND refused_at IS NOT NULL",
                (message_id,),
            ).fetchone()
            if row is None:
                return False
            if row["kind"] == "readings":
                self._put_back_readings(row["uuid"], row["raw"])
                self.database.execute("DELETE FROM outbox WHERE id = ?", (message_id,))
            else:
                self.database.execute(
                    "UPDATE outbox SET refused_at = NULL, reason = NULL, raw = NULL,"
                    " reported_at = NULL WHERE id = ?",
                    (message_id,),
                )
        return True

    def resend(self, since: datetime) -> int:
        """Announce once more every session that ended at ``since`` or later; how many."""
        with self._transaction():
            return self.database.execute(
                "INSERT INTO outbox (kind, uuid) SELECT 'end', uuid FROM sessions"
                " WHERE record = 'ended' AND ended_at >= :since AND NOT EXISTS"
                " (SELECT 1 FROM outbox WHERE outbox.uuid = sessions.uuid AND kind = 'end'"
                " AND refused_at IS NULL) ORDER BY seq",
                {"since": stamp(since)},
            ).rowcount

    def _put_back_readings(self, uuid: str, raw: str) -> None:
        """What was refused is the only copy of readings: they wait in a table of their own."""
        self.database.executemany(
            _INSERT_READING,
            [
                (one["n"], one["at"], one["import_wh"], one["power_w"], uuid)
                for one in json.loads(raw)["readings"]
            ],
        )

    # -- readings

    def unsent_readings(self, limit: int = 500) -> list[ReportedReading]:
        """The oldest readings of one session."""
        # Read in the order of the table and only as far as needed: a month without a server leaves
        # tens of thousands.
        rows = self.database.execute(
            "SELECT readings.*, uuid FROM readings CROSS JOIN sessions"
            " ON sessions.seq = readings.seq ORDER BY readings.seq, n"
        )
        confirmed = {(one.uuid, one.n) for one in self._confirmed}
        found: list[ReportedReading] = []
        for row in rows:
            if (row["uuid"], row["n"]) in confirmed:
                continue
            if len(found) == limit or (found and found[0].uuid != row["uuid"]):
                break
            found.append(
                ReportedReading(
                    row["uuid"], row["n"], time_of(row["at"]), row["import_wh"], row["power_w"]
                )
            )
        rows.close()
        return found

    def quarantine_readings(
        self, batch: Sequence[ReportedReading], raw: str, reason: str, now: datetime
    ) -> None:
        """Readings that the server finds wrong leave the line and stay visible."""
        with self._transaction():
            self.database.execute(
                "INSERT INTO outbox (kind, uuid, refused_at, reason, raw)"
                " VALUES ('readings', ?, ?, ?, ?)",
                (batch[0].uuid, stamp(now), reason, raw),
            )
            self._forget_readings(batch)

    def readings_sent(self, readings: Sequence[ReportedReading]) -> None:
        """The server has them. While a charge runs they are removed with its next reading or step,
        else many at a time.

        A commit of their own for every minute would wear the card by half as much again; what is
        sent twice because the power went before is the same reading to the server.
        """
        self._confirmed += readings
        if self._charge_is_open():
            return
        if len(self._confirmed) >= MOST_CONFIRMED or not self.unsent_readings(1):
            with self._forgetting_confirmed():
                pass

    def _charge_is_open(self) -> bool:
        # The first condition is the index's own: without it every session would be read.
        found = self.database.execute(
            "SELECT 1 FROM sessions WHERE record <> 'ended' AND record = 'accepted' LIMIT 1"
        )
        return found.fetchone() is not None

    @contextmanager
    def _forgetting_confirmed(self) -> Iterator[None]:
        """A transaction that also removes the readings that the server has."""
        with self._transaction():
            self._forget_readings(self._confirmed)
            yield
        self._confirmed = []

    def _forget_readings(self, readings: Sequence[ReportedReading]) -> None:
        self.database.executemany(
            "DELETE FROM readings WHERE n = ? AND seq = (SELECT seq FROM sessions WHERE uuid = ?)",
            [(reading.n, reading.uuid) for reading in readings],
        )

    # -- tags

    def put_tags(self, tags: TagList, confirmed_at: datetime | None) -> None:
        """The same entries under another ETag are not written again."""
        rows = [
            (
                entry.tag,
                "accepted" if entry.accepted else "blocked",
                stamp(entry.expires_at) if entry.expires_at else None,
                entry.group,
            )
            for entry in tags.entries.values()
        ]
        kept = self.database.execute("SELECT tag, status, expires_at, tag_group FROM tags")
        same = set(rows) == {tuple(row) for row in kept}
        with self._transaction():
            if not same:
                self.database.execute("DELETE FROM tags")
                self.database.executemany(
                    "INSERT INTO tags (tag, status, expires_at, tag_group) VALUES (?, ?, ?, ?)",
                    rows,
                )
            self._put_meta("tags_etag", tags.etag)
            self._put_meta("tags_confirmed_at", stamp(confirmed_at) if confirmed_at else None)

    def confirm_tags(self, confirmed_at: datetime) -> None:
        with self._transaction():
            self._put_meta("tags_confirmed_at", stamp(confirmed_at))

    def tags(self, now: datetime | None) -> TagList:
        """The list and its age; ``now`` None: the clock is not synced, the age is unknown."""
        entries = {
            row["tag"]: TagEntry(
                row["tag"],
                row["status"] == "accepted",
                time_or_none(row["expires_at"]),
                row["tag_group"],
            )
            for row in self.database.execute("SELECT * FROM tags")
        }
        confirmed = time_or_none(self._meta("tags_confirmed_at"))
        age_s = (now - confirmed).total_seconds() if now and confirmed else None
        return TagList(entries=entries, age_at_boot_s=age_s, etag=self._meta("tags_etag"))

    # -- faults

    def put_fault(self, fault: Fault) -> None:
        with self._transaction():
            self.database.execute(
                "INSERT OR REPLACE INTO faults (name, since, detail, welded) VALUES (?, ?, ?, ?)",
                (fault.name, stamp(fault.since), fault.detail, fault.welded),
            )

    def forget_fault(self, name: str) -> None:
        with self._transaction():
            self.database.execute("DELETE FROM faults WHERE name = ?", (name,))

    def faults(self) -> tuple[Fault, ...]:
        rows = self.database.execute("SELECT * FROM faults ORDER BY since")
        return tuple(
            Fault(row["name"], time_of(row["since"]), row["detail"], bool(row["welded"]))
            for row in rows
        )

    # -- the server's commands

    def done(self) -> dict[str, str]:
        """Executed commands and their results, by id."""
        return {row["id"]: row["result"] for row in self.database.execute("SELECT * FROM done")}

    def put_done(self, results: Mapping[str, str]) -> None:
        """By id; one commit for all."""
        with self._transaction():
            self.database.executemany(
                "INSERT OR IGNORE INTO done (id, result) VALUES (?, ?)", list(results.items())
            )

    def forget_done(self, command_ids: Sequence[str]) -> None:
        with self._transaction():
            self.database.executemany(
                "DELETE FROM done WHERE id = ?", [(one,) for one in command_ids]
            )

    def disabled(self) -> bool:
        return self._meta("disabled") is not None

    def put_disabled(self, disabled: bool) -> None:
        with self._transaction():
            self._put_meta("disabled", "1" if disabled else None)

    # -- the clock

    def repair_stamps(self, repair: RepairStamps, boot_id: str) -> int:
        """Give estimated stamps of this boot their true time; returns how many messages go again.

        What the server has already is put into the outbox once more.
        """
        with self._transaction():
            rows = self.database.execute(
                "SELECT uuid, record, started_s, ended_s,"
                " time_quality = 'estimated' AND boot_id = :boot AND started_s IS NOT NULL"
                " AS start, end_time_quality = 'estimated' AND ended_boot_id = :boot"
                " AND ended_s IS NOT NULL AS end"
                " FROM sessions WHERE boot_id = :boot OR ended_boot_id = :boot",
                {"boot": boot_id},
            ).fetchall()
            again = 0
            for row in rows:
                again += self._repair(row, repair)
        return again

    def _repair(self, row: sqlite3.Row, repair: RepairStamps) -> int:
        def true_time(mono_s: float) -> str:
            return stamp(repair.utc - timedelta(seconds=repair.mono_s - mono_s))

        uuid = row["uuid"]
        if row["start"]:
            self.database.execute(
                "UPDATE sessions SET started_at = ?, time_quality = 'synced' WHERE uuid = ?",
                (true_time(row["started_s"]), uuid),
            )
        if row["end"]:
            self.database.execute(
                "UPDATE sessions SET ended_at = ?, end_time_quality = 'synced' WHERE uuid = ?",
                (true_time(row["ended_s"]), uuid),
            )
        if not (row["start"] or row["end"]) or row["record"] == "asked":
            return 0
        kind = "end" if row["record"] == "ended" else "start"
        return self.database.execute(
            "INSERT INTO outbox (kind, uuid) SELECT :kind, :uuid WHERE NOT EXISTS"
            " (SELECT 1 FROM outbox WHERE uuid = :uuid AND kind = :kind AND refused_at IS NULL)",
            {"kind": kind, "uuid": uuid},
        ).rowcount


def _register_of(row: sqlite3.Row) -> StoredRegister | None:
    session = session_of(row)
    start, end = session.start, session.end
    if end is not None and session.ended_at is not None:
        return StoredRegister(end, session.ended_at, session.end_time_quality)
    if start is not None and row["life_wh"] is not None:
        facts = MeterFacts(start.serial, max(start.import_wh, row["life_wh"]))
        return StoredRegister(facts, time_of(row["life_at"]), TimeQuality(row["life_quality"]))
    if start is None:
        return None
    return StoredRegister(start, session.started_at, session.time_quality)
