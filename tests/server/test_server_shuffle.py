"""However messages arrive, the same sessions are booked."""

from __future__ import annotations

import random
from typing import Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcs.models import Session
from tests.server.server_rig import STRANGER, TAG, Box, at, end_body, meter, new_uuid, start_body

Message = tuple[str, dict[str, Any]]

TAGS = [TAG, STRANGER]
BOOKED = [
    "uuid",
    "seq",
    "flat_id",
    "tag_uid",
    "energy_wh",
    "month",
    "started_effective",
    "closed_at",
    "open_slot",
    "started_at",
    "time_quality",
    "ended_at",
    "end_time_quality",
    "end_reason",
    "start_wh",
    "end_wh",
    "end_estimated",
    "provisional_wh",
]
ARRIVAL_FLAGS = {"late_seq"}


@st.composite
def lives(draw: st.DrawFn) -> list[Message]:
    """All messages of a few sessions of one station, in the order they were written."""
    messages: list[Message] = []
    wh, second, serial = 1000, -200_000, "4711"
    for seq in range(1, draw(st.integers(1, 5)) + 1):
        wh += draw(st.integers(0, 50))
        second += draw(st.integers(60, 20_000))
        if draw(st.integers(0, 9)) == 0:
            serial = f"NEW{seq}"
        key = f"sessions/{new_uuid(seq)}"
        start = start_body(
            seq,
            tag=draw(st.sampled_from(TAGS)),
            started_at=at(second),
            meter=meter(wh, serial),
            authorized_by=draw(st.sampled_from(["list", "none"])),
        )
        guessed = {"started_at": at(second - 7), "time_quality": "estimated"}
        unsynced = draw(st.booleans())
        has_start = draw(st.booleans())
        if has_start and unsynced:
            messages.append((key, start | guessed))
        if has_start:
            messages.append((key, start))
        wh += draw(st.integers(0, 30_000))
        second += draw(st.integers(60, 20_000))
        if has_start and draw(st.integers(0, 3)) == 0:
            continue
        end = end_body(
            **start,
            ended_at=at(second),
            meter_end=meter(wh, serial),
            end_reason=draw(st.sampled_from(["local", "power_loss", "not_started"])),
        )
        if draw(st.booleans()):
            last_good = max(start["meter"]["import_wh"], wh - 100)
            guess = {"estimated": True, "meter_end": meter(last_good, serial)}
            messages.append((f"{key}/end", end | guess))
        if unsynced:
            late = {"ended_at": at(second - 3), "end_time_quality": "estimated"}
            messages.append((f"{key}/end", end | guessed | late))
        messages.append((f"{key}/end", end))
    return messages


def deliver(box: Box, messages: list[Message]) -> list[dict[str, Any]]:
    """Send everything; return what is booked."""
    for path, body in messages:
        response = box.put(path, body)
        assert response.status_code in (200, 201) or response.json()["code"] == 412
    return bookings()


def bookings() -> list[dict[str, Any]]:
    """Return the facts and conclusions that must not depend on the order of arrival."""
    booked = []
    for session in Session.objects.order_by("uuid"):
        row = {name: getattr(session, name) for name in BOOKED}
        if session.end_received_at is not None:
            # What stood in for the END while it was missing is kept, and is history.
            row["provisional_wh"] = None
        booked.append(row | {"flags": set(session.flags) - ARRIVAL_FLAGS})
    return booked


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(messages=lives(), seed=st.integers(0, 10**6))
def test_any_order_and_any_repetition_book_the_same(
    box: Box, messages: list[Message], seed: int
) -> None:
    expected = emptied(box, messages)
    rng = random.Random(seed)
    again = [message for message in messages for _ in range(rng.randint(1, 5))]
    rng.shuffle(again)
    assert emptied(box, again) == expected, f"seed {seed}"


def emptied(box: Box, messages: list[Message]) -> list[dict[str, Any]]:
    """Deliver to an empty database and leave it empty."""
    with transaction.atomic():
        booked = deliver(box, messages)
        transaction.set_rollback(True)
    return booked
