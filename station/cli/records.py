"""evcs-station sessions and outbox: what the journal holds. Reads beside a running daemon."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from datetime import datetime
from typing import Any

from station.config import Config
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.rows import Message
from station.journal.store import Store
from station.rules.values import Record, Session

COLUMNS = (
    "seq",
    "uuid",
    "tag",
    "started_at",
    "ended_at",
    "reason",
    "meter_serial",
    "start_wh",
    "end_wh",
    "energy_wh",
    "estimated",
    "record",
)


def sessions(config: Config, *, since: str | None, as_json: bool, as_csv: bool) -> int:
    """One line per session; exit status 2 for a date that is none."""
    try:
        moment = datetime.fromisoformat(since).astimezone() if since else None
    except ValueError:
        print(f"evcs-station: --since {since}: a date like 2026-11-22 is wanted", file=sys.stderr)
        return 2
    store = _store(config)
    if store is None:
        return 1
    rows = [_row(session, record) for session, record in store.sessions(moment)]
    if as_json:
        print(json.dumps(rows))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    else:
        for row in rows:
            energy = "…" if row["energy_wh"] is None else f"{row['energy_wh'] / 1000:.3f} kWh"
            print(
                f"{row['seq']:>6}  {row['started_at']}  {row['tag']:<20}  {energy:>12}  "
                f"{row['reason'] or row['record']}"
            )
    return 0


def outbox(config: Config, *, quarantine: bool, as_json: bool) -> int:
    """What waits, or with ``quarantine`` what was refused and why."""
    store = _store(config)
    if store is None:
        return 1
    messages = store.quarantined() if quarantine else store.waiting()
    rows = [_message_row(message) for message in messages]
    if as_json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print(f"{row['id']:>6}  {row['kind']:<8}  {row['uuid']}  {row['reason'] or 'waits'}")
    return 0


def _store(config: Config) -> Store | None:
    try:
        return Store(database.connect_readonly(config.data_dir / JOURNAL_FILE))
    except (database.JournalError, sqlite3.Error) as error:
        print(f"evcs-station: {error}", file=sys.stderr)
        return None


def _row(session: Session, record: Record) -> dict[str, Any]:
    start, end = session.start, session.end
    energy = end.import_wh - start.import_wh if start is not None and end is not None else None
    return {
        "seq": session.seq,
        "uuid": session.uuid,
        "tag": session.tag,
        "started_at": session.started_at.isoformat(),
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "reason": session.reason.value if session.reason else None,
        "meter_serial": start.serial if start else None,
        "start_wh": start.import_wh if start else None,
        "end_wh": end.import_wh if end else None,
        "energy_wh": energy,
        "estimated": session.estimated,
        "record": record.value,
    }


def _message_row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "uuid": message.session.uuid,
        "refused_at": message.refused_at.isoformat() if message.refused_at else None,
        "reason": message.reason,
    }
