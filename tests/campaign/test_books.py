"""The judge of the claims about delivery: each kind of wrong booking has its figure. No server."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from campaign.claims import books
from campaign.claims.books import Booking, Books
from campaign.claims.traffic import Charge, charges
from station.rules.values import MeterFacts

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHARGED = list(charges(4, random.Random(5), "11223344", ("16AC936B",), NOW))

BOOKINGS = "bookings at the server"
ENDED = "charges booked with their own end"
FOREIGN = "bookings of no charge, or of one that is booked already"
ENERGY = "energy booked"
FACTS = "bookings with another tag, register, energy or with a flag"
READINGS = "minute readings missing, doubled or changed"
ORDER = "starts and ends that arrived before those of an earlier charge"


def right(charge: Charge) -> Booking:
    """The booking of a charge as it has to be."""
    session = charge.session

    def register(facts: MeterFacts | None) -> tuple[object, ...]:
        assert facts is not None
        return (facts.serial, facts.import_wh, *facts.phase_wh)

    return Booking(
        uuid=session.uuid,
        seq=session.seq,
        tag=session.tag,
        start=register(session.start),
        end=register(session.end),
        energy_wh=charge.energy_wh,
        ended_at_server=f"2026-11-22 13:00:0{session.seq}",
        flags="",
        readings=tuple((one.n, one.import_wh, one.power_w) for one in charge.readings),
    )


RIGHT = tuple(right(charge) for charge in CHARGED)
A, B, C, D = RIGHT


def missed(*bookings: Booking, quarantined: int = 0) -> set[str]:
    found = books.judge("claim", CHARGED, Books(bookings, quarantined))
    return {one.what for one in found if not one.met}


def test_right_books_are_right():
    assert missed(*RIGHT) == set()


@pytest.mark.parametrize(
    ("bookings", "found"),
    [
        ((A, B, C), {BOOKINGS, ENDED, ENERGY, READINGS}),
        ((A, B, B, C, D), {BOOKINGS, FOREIGN, ENERGY}),
        ((A, B, C, D, replace(D, uuid="x", energy_wh=0)), {BOOKINGS, FOREIGN}),
        ((A, B, C, replace(D, ended_at_server=None)), {ENDED}),
        ((A, B, C, replace(D, energy_wh=D.energy_wh + 1)), {ENERGY, FACTS}),
        ((A, B, C, replace(D, tag="7D21F0A4")), {FACTS}),
        ((A, B, C, replace(D, start=A.start)), {FACTS}),
        ((A, B, C, replace(D, end=A.end)), {FACTS}),
        ((A, B, C, replace(D, flags=",conflict,")), {FACTS}),
        ((A, B, C, replace(D, readings=D.readings[1:])), {READINGS}),
        ((A, B, C, replace(D, readings=D.readings + D.readings[:1])), {READINGS}),
        ((A, C, B, D), {ORDER}),
        ((A, B, C, replace(D, ended_at_server="2026-11-22 13:00:00")), {ORDER}),
    ],
)
def test_a_wrong_booking_is_found(bookings: tuple[Booking, ...], found: set[str]):
    assert missed(*bookings) == found


def test_what_was_refused_is_found():
    assert missed(*RIGHT, quarantined=1) == {"messages reported as refused"}


def test_the_same_seed_makes_the_same_charges():
    again = list(charges(4, random.Random(5), "11223344", ("16AC936B",), NOW))
    assert again == CHARGED
    assert all(one.energy_wh > 0 for one in again)
