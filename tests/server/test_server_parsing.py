"""What comes in is taken at its word, and nothing that comes in is a server error."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from evcs.models import QuarantineItem, Session
from evcs.times import parse_month, parse_rfc3339, rfc3339
from tests.server.server_rig import (
    BASE,
    TAG,
    Box,
    assert_answer,
    assert_problem,
    at,
    end_body,
    heartbeat_body,
    meter,
    new_uuid,
    start_body,
    stored,
)

A = new_uuid(1)
MISSING = object()
WH_MAX, SEQ_MAX = 10**13, 2**53 - 1


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return ``body`` with the value at ``path`` replaced or left away."""
    body = json.loads(json.dumps(body))
    *parents, name = path.split(".")
    inner: Any = body
    for parent in parents:
        inner = inner[int(parent) if parent.isdigit() else parent]
    key = int(name) if isinstance(inner, list) else name
    if value is MISSING:
        del inner[key]
    else:
        inner[key] = value
    return body


START_400 = [
    *[(name, MISSING) for name in start_body()],
    *[(f"meter.{name}", MISSING) for name in meter(1)],
    *[("seq", value) for value in ("1", 1.0, True, None, [], {})],
    *[("meter.import_wh", value) for value in ("1", 1.0, 1e3, False, None)],
    *[("meter.l1_wh", value) for value in ("1", 0.5, True)],
    *[("meter.serial", value) for value in (5, True, "a\0b", "\ud800")],
    *[("meter", value) for value in (None, [], "x", 3)],
    *[("tag", value) for value in (TAG.lower(), "04A3", "", None, 12345678, "04A3C6CAE2618G")],
    *[("tag", value) for value in (TAG + "\n", " " + TAG, "٠" * 8, "04:A3:C6:CA")],
    *[("started_at", value) for value in ("2026-11-22T06:40:00", "2026-11-22", 0, None, "now")],
    *[("started_at", value) for value in ("2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z")],
    *[("started_at", value) for value in ("2026-11-22T24:00:00Z", "2026-11-22 06:40:00Z")],
    *[("started_at", value) for value in ("2026-11-22T06:40:00+1:00", "２026-11-22T06:40:00Z")],
    *[("time_quality", value) for value in (None, 1, [])],
    *[("authorized_by", value) for value in (None, 1, {})],
]
START_422 = [
    ("seq", 0),
    ("seq", -1),
    ("seq", SEQ_MAX + 1),
    ("seq", 10**400),
    ("meter.import_wh", -1),
    ("meter.import_wh", WH_MAX + 1),
    ("meter.l3_wh", WH_MAX + 1),
    ("meter.serial", "x" * 65),
    ("started_at", "0001-01-01T00:00:00+14:00"),
    ("started_at", "9999-12-31T23:59:59-14:00"),
    ("started_at", "1969-12-31T23:59:59Z"),
    ("started_at", "0000-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(("path", "value"), START_400)
def test_start_malformed(box: Box, path: str, value: Any) -> None:
    body = assert_problem(box.put(f"sessions/{A}", changed(start_body(), path, value)), 400, 400)
    assert list(body["errors"]) == [path]
    assert path in body["detail"]
    assert Session.objects.count() == 0


@pytest.mark.parametrize(("path", "value"), START_422)
def test_start_out_of_range(box: Box, path: str, value: Any) -> None:
    body = assert_problem(box.put(f"sessions/{A}", changed(start_body(), path, value)), 422, 422)
    assert list(body["errors"]) == [path]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seq", SEQ_MAX),
        ("meter.import_wh", 0),
        ("meter.import_wh", WH_MAX),
        ("meter.serial", None),
        ("tag", "16AC936B1692E73A"),
        ("tag", "0123456789ABCDEF0123"),
        ("started_at", "2026-11-22t11:40:00.123456789z"),
        ("started_at", "2026-11-22T12:40:00-00:00"),
        ("started_at", "1970-01-01T00:00:00Z"),
    ],
)
def test_start_within_bounds(box: Box, path: str, value: Any) -> None:
    body = changed(start_body(authorized_by="none"), path, value)
    assert_answer(box.put(f"sessions/{A}", body), 201)


def test_malformed_and_out_of_range_together_are_malformed(box: Box) -> None:
    body = changed(changed(start_body(), "seq", 0), "tag", None)
    found = assert_problem(box.put(f"sessions/{A}", body), 400, 400)
    assert set(found["errors"]) == {"seq", "tag"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[(name, MISSING) for name in ("ended_at", "end_reason", "meter_end", "tag", "meter")],
        ("estimated", "true"),
        ("estimated", 1),
        ("estimated", None),
        ("stop_tag", "dead"),
        ("stop_tag", 1),
        ("meter_end", None),
        ("meter_end.import_wh", 1.0),
        ("interruptions", None),
        ("interruptions", {}),
        ("interruptions.0.from", MISSING),
        ("interruptions.0.to", "later"),
        ("interruptions.0.reason", 7),
    ],
)
def test_end_malformed(box: Box, path: str, value: Any) -> None:
    pauses = [{"from": at(-9), "to": None, "reason": "power_loss"}]
    body = changed(end_body(interruptions=pauses), path, value)
    assert list(assert_problem(box.put(f"sessions/{A}/end", body), 400, 400)["errors"]) == [path]
    assert Session.objects.count() == 0


@pytest.mark.parametrize("name", list(heartbeat_body()))
def test_heartbeat_needs_every_field(box: Box, name: str) -> None:
    body = changed(heartbeat_body(), name, MISSING)
    assert list(assert_problem(box.post("heartbeat", body), 400, 400)["errors"]) == [name]


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("session", "nonsense", 400),
        ("pending", 1.5, 400),
        ("pending", -1, 422),
        ("uptime_ms", True, 400),
        ("now", "2026-11-22T06:40:00", 400),
        ("faults", [{"name": "welded"}], 400),
        ("done", [{"id": [], "result": "ok"}], 400),
        ("power_w", "11000", 400),
        ("power_w", -11000, 200),
        ("power_w", None, 200),
        ("phase", "dancing", 200),
        ("software", "x" * 5000, 200),
        ("session", str(A).upper(), 200),
        ("faults", [{"name": "x" * 99, "since": None}], 200),
        ("done", [{"id": 7, "result": "whatever"}], 200),
    ],
)
def test_heartbeat_values(box: Box, path: str, value: Any, status: int) -> None:
    assert box.post("heartbeat", changed(heartbeat_body(), path, value)).status_code == status


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"17",
        b"{",
        b"\xff\xfe",
        b'{"seq": NaN}',
        b'{"seq": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"seq": ' + b"9" * 5000 + b"}",
    ],
    ids=range(12),
)
def test_bodies_that_are_no_json_object(box: Box, raw: bytes) -> None:
    for path in (f"sessions/{A}", f"sessions/{A}/end"):
        assert_problem(box.client.put(BASE + path, raw, "application/json"), 400, 400)
    for path in (f"sessions/{A}/readings", "heartbeat", "quarantine"):
        assert_problem(box.client.post(BASE + path, raw, "application/json"), 400, 400)


def test_unknown_fields_are_ignored(box: Box) -> None:
    body = start_body() | {"colour": "blue", "session_id": 5}
    body["meter"] = body["meter"] | {"voltage": None}
    assert_answer(box.put(f"sessions/{A}", body), 201)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([TAG, at(), "0001-01-01T00:00:00+14:00", str(A), "\0", "\ud800", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PAUSE = {"from": at(-9), "to": None, "reason": "power_loss"}
GOOD = {
    ("PUT", f"sessions/{A}"): start_body(authorized_by="list"),
    ("PUT", f"sessions/{A}/end"): end_body(interruptions=[PAUSE], stop_tag=TAG),
    ("POST", f"sessions/{A}/readings"): {
        "readings": [{"n": 1, "at": at(), "import_wh": 5, "power_w": 5}]
    },
    ("POST", "heartbeat"): heartbeat_body(
        faults=[{"name": "x", "since": at()}], done=[{"id": "x", "result": "ok"}]
    ),
    ("POST", "quarantine"): {"id": "1", "raw": "x", "reason": "y"},
}


def paths(value: Any, prefix: str = "") -> list[str]:
    """Return the paths of everything inside a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, inner in items:
        path = f"{prefix}{name}"
        found.append(path)
        if isinstance(inner, dict | list):
            found += paths(inner, f"{path}.")
    return found


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_arbitrary_values_are_never_a_server_error(box: Box, data: st.DataObject) -> None:
    method, address = data.draw(st.sampled_from(sorted(GOOD)))
    body: Any = GOOD[method, address]
    places = st.lists(st.sampled_from(paths(body)), min_size=1, max_size=3, unique=True)
    for path in sorted(data.draw(places), key=lambda path: -path.count(".")):
        body = changed(body, path, data.draw(VALUES))
    call = box.put if method == "PUT" else box.post
    response = call(address, body)
    assert response.status_code < 500, body
    assert response.json()["service"] == "evcs"


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(raw=st.text())
@example(raw="\ud800\0\udfff")
def test_quarantine_takes_any_text(box: Box, raw: str) -> None:
    QuarantineItem.objects.all().delete()
    assert_answer(box.post("quarantine", {"id": 1, "raw": raw, "reason": raw}), 202)
    kept = QuarantineItem.objects.get().raw
    assert kept == raw.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[Z+-][0-9:]{0,5}"))
def test_times_parse_or_raise_what_they_declare(text: str) -> None:
    try:
        parsed = parse_rfc3339(text)
    except (ValueError, OverflowError):
        return
    assert parsed.utcoffset() == dt.timedelta()
    assert parse_rfc3339(rfc3339(parsed)) == parsed


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    moment=st.datetimes(
        dt.datetime(1971, 1, 1),
        dt.datetime(9998, 1, 1),
        timezones=st.integers(-1439, 1439).map(
            lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
        ),
    )
)
def test_times_come_back_as_the_same_instant(moment: dt.datetime) -> None:
    assert parse_rfc3339(moment.isoformat()) == moment


@pytest.mark.parametrize(
    "text", ["2026-1", "2026-13", "0000-01", "26-01", "2026-11 ", "", "２026-11"]
)
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        parse_month(text)


def test_time_keeps_its_microseconds(box: Box) -> None:
    box.start(A, started_at="2026-11-22T11:00:00.123456+00:00")
    assert stored(A).started_at.microsecond == 123456
    assert box.start(A, started_at="2026-11-22T12:00:00.123456+01:00").status_code == 200
