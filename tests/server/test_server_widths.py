"""Texts that SQLite would take and other databases refuse: refused, or cut, on each alike."""

from __future__ import annotations

import datetime as dt

import pytest

from evcs.services import closing, corrections, reviews, tags, unknown_tags
from evcs.services.closing import Override
from evcs.services.errors import UsageError
from server.mmetering.models import Flat
from tests.server.server_rig import STRANGER, Box, meter, new_uuid, stored

A = new_uuid(1)
LONG = "x" * 101


def test_an_odd_serial_number_can_be_replaced(box: Box) -> None:
    odd = meter(1000, "\\" * 64)
    box.end(A, meter=odd, meter_end=odd | {"import_wh": 2000}, estimated=True)
    exact = box.end(A, meter=odd, meter_end=odd | {"import_wh": 2100})
    assert exact.json()["energy_wh"] == 1100


def test_names_and_labels(box: Box, flat: Flat) -> None:
    box.end(A, tag=STRANGER)
    with pytest.raises(UsageError, match="at most 100"):
        corrections.correct(stored(A), 1, "why not", by_name=LONG)
    with pytest.raises(UsageError, match="at most 100"):
        reviews.review(stored(A), by_name=LONG, note="fine")
    with pytest.raises(UsageError, match="at most 100"):
        unknown_tags.set_aside(STRANGER, by_name=LONG)
    with pytest.raises(UsageError, match="at most 100"):
        tags.register("DEADBEE0", label=LONG)


@pytest.mark.parametrize("override", [Override(LONG, "why"), Override("V", "x" * 501)])
def test_overrides(box: Box, override: Override) -> None:
    with pytest.raises(UsageError, match="at most"):
        closing.close(dt.date(2026, 10, 1), "V", override=override)
