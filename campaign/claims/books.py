"""What the server has booked, beside what was charged. Shared by the claims about delivery.

Read from the server's database file, not through its API: the arrival of an END and the readings
of a session are in no answer.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from campaign.claims.traffic import Charge
from campaign.figures import Figure, exactly
from station.rules.values import MeterFacts
from tools.installation import Server

_COLUMNS = (
    "serial",
    "wh",
    "l1_wh",
    "l2_wh",
    "l3_wh",
)


@dataclass(frozen=True, slots=True)
class Booking:
    """A session at the server. ``ended_at_server`` is the arrival of its own END, if it came."""

    uuid: str
    seq: int
    tag: str
    start: tuple[object, ...]
    end: tuple[object, ...]
    energy_wh: int
    ended_at_server: str | None
    flags: str
    readings: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Books:
    """All bookings of one station in the order in which they were made, and what it complained of.

    ``quarantined`` is what the station reported as refused.
    """

    bookings: tuple[Booking, ...]
    quarantined: int


def read(server: Server, station: str) -> Books:
    """The books of a station, from the database of a server that runs or ran."""
    path = server.folder / "server.sqlite3"
    start = ", ".join(f"start_{name}" for name in _COLUMNS)
    end = ", ".join(f"end_{name}" for name in _COLUMNS)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        (key,) = database.execute(
            "SELECT id FROM evcs_station WHERE name = ?", (station,)
        ).fetchone()
        readings: dict[int, list[tuple[int, int, int]]] = {}
        for session, *values in database.execute(
            "SELECT r.session_id, r.n, r.import_wh, r.power_w FROM evcs_reading r"
            " JOIN evcs_session s ON s.id = r.session_id WHERE s.station_id = ? ORDER BY r.n",
            (key,),
        ):
            readings.setdefault(session, []).append(tuple(values))
        rows = database.execute(
            f"SELECT id, uuid, seq, tag_uid, energy_wh, end_received_at, flags_text, {start}, {end}"
            " FROM evcs_session WHERE station_id = ? ORDER BY id",
            (key,),
        )
        bookings = tuple(
            Booking(
                uuid=str(UUID(row[1])),
                seq=row[2],
                tag=row[3],
                start=tuple(row[7:12]),
                end=tuple(row[12:17]),
                energy_wh=row[4],
                ended_at_server=row[5],
                flags=row[6],
                readings=tuple(readings.get(row[0], ())),
            )
            for row in rows
        )
        (refused,) = database.execute(
            "SELECT count(*) FROM evcs_quarantineitem WHERE station_id = ?", (key,)
        ).fetchone()
    return Books(bookings, refused)


def judge(claim: str, charged: Sequence[Charge], books: Books) -> list[Figure]:
    """The counting figures: every charge booked once, as it was, in its order."""
    true = {charge.session.uuid: charge for charge in charged}
    booked = Counter(one.uuid for one in books.bookings)
    ended = [one for one in books.bookings if one.ended_at_server is not None]
    arrived = sorted(ended, key=lambda one: str(one.ended_at_server))
    return [
        exactly(claim, "bookings at the server", len(books.bookings), len(true)),
        exactly(
            claim,
            "charges booked with their own end",
            len(true.keys() & {one.uuid for one in ended}),
            len(true),
        ),
        exactly(
            claim,
            "bookings of no charge, or of one that is booked already",
            sum(number - (key in true) for key, number in booked.items()),
            0,
        ),
        exactly(
            claim,
            "energy booked",
            sum(one.energy_wh for one in books.bookings),
            sum(charge.energy_wh for charge in charged),
            "Wh",
        ),
        exactly(
            claim,
            "bookings with another tag, register, energy or with a flag",
            sum(not _same(true[one.uuid], one) for one in ended if one.uuid in true),
            0,
        ),
        exactly(
            claim,
            "minute readings missing, doubled or changed",
            sum(_readings_differ(true[one.uuid], one) for one in books.bookings if one.uuid in true)
            + sum(len(charge.readings) for key, charge in true.items() if key not in booked),
            0,
        ),
        exactly(
            claim,
            "starts and ends that arrived before those of an earlier charge",
            _inversions([one.seq for one in books.bookings])
            + _inversions([one.seq for one in arrived]),
            0,
        ),
        exactly(claim, "messages reported as refused", books.quarantined, 0),
    ]


def _same(charge: Charge, booking: Booking) -> bool:
    session = charge.session
    return (
        booking.seq == session.seq
        and booking.tag == session.tag
        and booking.start == _register(session.start)
        and booking.end == _register(session.end)
        and booking.energy_wh == charge.energy_wh
        and booking.flags == ""
    )


def _register(facts: MeterFacts | None) -> tuple[object, ...] | None:
    return None if facts is None else (facts.serial, facts.import_wh, *facts.phase_wh)


def _readings_differ(charge: Charge, booking: Booking) -> int:
    wanted = Counter((one.n, one.import_wh, one.power_w) for one in charge.readings)
    found = Counter(booking.readings)
    return (wanted - found).total() + (found - wanted).total()


def _inversions(seqs: Sequence[int]) -> int:
    return sum(later < earlier for earlier, later in pairwise(seqs))
