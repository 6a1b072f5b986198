"""Taps out of polls, and how soon after a card's arrival they come."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.iso14443 import Card, Scan, SeveralCards
from drivers.presence import GONE_AFTER_MISSES, Presence
from drivers.reader import LONGEST_SCAN_S
from tests.drivers.rfid_rig import Rig

A = Card(bytes.fromhex("DEADBEEF"), 0x08, 0x0004)
B = Card(bytes.fromhex("04A3C6CAE26180"), 0x00, 0x0044)
PHONE = Card(bytes.fromhex("08010203"), 0x20, 0x0004)
PHONE_AGAIN = Card(bytes.fromhex("08A1B2C3"), 0x20, 0x0004)
MANY = SeveralCards()


@pytest.mark.parametrize(
    ("scans", "events"),
    [
        ([None, A, A, A], [None, A, None, None]),
        ([A, None, A], [A, None, None]),
        ([A, None, None, A], [A, None, None, None]),
        ([A, None, None, A, None, None, A], [A, *[None] * 6]),
        ([A, None, None, None, A], [A, None, None, None, A]),
        ([A, B, B], [A, B, None]),
        ([A, B, A, B, A], [A, B, None, None, None]),
        ([A, B, B, B, A], [A, B, None, None, A]),
        ([MANY, MANY, None, None, None, MANY], [MANY, None, None, None, None, MANY]),
        ([A, MANY, MANY], [A, MANY, None]),
        ([MANY, A, A, None, A], [MANY, None, None, None, None]),
        ([MANY, A, None, None, None, A], [MANY, None, None, None, None, A]),
        ([MANY, None, None, A, None, A], [MANY, *[None] * 5]),
        ([A, MANY, MANY, MANY, A], [A, MANY, None, None, None]),
        ([PHONE, PHONE_AGAIN, PHONE], [PHONE, None, None]),
        ([PHONE, None, None, None, PHONE_AGAIN], [PHONE, None, None, None, PHONE_AGAIN]),
    ],
)
def test_table(scans: list[Scan], events: list[Scan]) -> None:
    presence = Presence()
    assert [presence.feed(scan) for scan in scans] == events


def test_what_answers_and_cannot_be_read_is_no_miss() -> None:
    presence = Presence()
    assert presence.feed(A) is A
    for _ in range(100):
        assert presence.feed(None, heard=True) is None
    assert presence.feed(A) is None
    for _ in range(GONE_AFTER_MISSES):
        presence.feed(None, heard=False)
    assert presence.feed(A) is A


def test_a_card_among_noise_is_one_event() -> None:
    with Rig().installed() as rig:
        reader, presence = rig.reader(), Presence()
        reader.open()
        rig.chip.faults.air_noise = 0.002
        rig.field.present(B.uid)
        events = unreadable = 0
        for _ in range(300):
            rig.pass_time(0.1)
            scan = reader.scan()
            unreadable += scan is None and reader.heard
            events += presence.feed(scan, heard=reader.heard) is not None
    assert unreadable > 30
    assert events == 1


@settings(derandomize=True, max_examples=300, deadline=None)
@given(scans=st.lists(st.sampled_from([None, A, B, PHONE, PHONE_AGAIN, MANY]), max_size=40))
def test_an_event_is_what_was_scanned_and_never_twice_without_a_gap(scans: list[Scan]) -> None:
    presence = Presence()
    events = [presence.feed(scan) for scan in scans]
    for scan, event in zip(scans, events, strict=True):
        assert event is None or event == scan
    for tag in (A, B, MANY):
        at = [i for i, event in enumerate(events) if event == tag]
        for first, second in pairwise(at):
            between = scans[first + 1 : second]
            assert sum(scan != tag for scan in between) >= GONE_AFTER_MISSES


def test_a_card_held_over_50_polls_is_one_event() -> None:
    with Rig().installed() as rig:
        reader, presence = rig.reader(), Presence()
        reader.open()
        rig.field.present(B.uid)
        events = []
        for _ in range(50):
            events.append(presence.feed(reader.scan()))
            rig.pass_time(0.1)
        assert [event for event in events if event] == [B]


@pytest.mark.parametrize("uid", [A.uid, B.uid, bytes.fromhex("04112233445566778899")])
@pytest.mark.parametrize("offset_ms", range(0, 50, 3))
def test_a_card_is_reported_within_100_ms_of_its_arrival_at_any_phase_of_the_poll(
    uid: bytes, offset_ms: int
) -> None:
    """On a slow host: 120 us per transfer, every sleep 100 us late."""
    period_s = 0.1 - LONGEST_SCAN_S
    with Rig(host_us=120.0, sleep_late_us=100.0).installed() as rig:
        reader = rig.reader()
        reader.open()
        arrives_us = rig.now_us + 200_000 + offset_ms * 1_000

        def arrive(_sent: bytes) -> None:
            if rig.now_us >= arrives_us and not rig.field.cards:
                rig.field.present(uid)

        rig.before_transfer = arrive
        next_us = rig.now_us
        while not isinstance(reader.scan(), Card):
            next_us += period_s * 1e6
            rig.now_us = max(rig.now_us, next_us)
        assert rig.now_us - arrives_us <= 100_000
