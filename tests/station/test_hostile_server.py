"""A server that means harm, or is broken: it may cost an answer, never the box.

What one answer can be is in test_rest.py; here is what it could do to memory, card and queue.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
import sys
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from station.journal.store import Store
from station.rules.messages import RequestMade, ServerAnswered, TagListReceived
from station.transport.answers import Answer, Kind
from station.transport.rest import MAX_BODY_BYTES, RestTransport
from station.uplink import heartbeat as heartbeat_module
from station.uplink import taglist as taglist_module
from station.uplink.commands import LONGEST_ID, MOST_AT_ONCE, REMOTE
from station.workers.link import LONGEST_ASKED_S, Link
from tests.station.journal_rig import begun
from tests.station.test_rest import PATIENCE_S, TOKEN, Server, evcs, response
from tests.station.test_uplink import (
    DONE,
    IDLE,
    LATER,
    LISTED,
    TAG_BODY,
    Call,
    Wire,
    command,
    running,
)

MB = 1024 * 1024


def asked(reply: Any, timeout_s: float = PATIENCE_S) -> Answer:
    """The tag list from a server that answers so, once."""
    server = Server(reply)
    transport = RestTransport(server.url, TOKEN, timeout_s=timeout_s)
    try:
        return transport.tags(None)
    finally:
        transport.close()
        server.close()


def once(raw: bytes) -> Any:
    def reply(connection: socket.socket) -> None:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)

    return reply


# --- memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_goes_off_in_the_limit_of_a_body(layers: int) -> None:
    """100 MB in half a megabyte, and in less when packed twice."""
    bomb = b'{"service": "evcs", "x": "' + b"x" * (100 * MB)
    for _ in range(layers):
        bomb = gzip.compress(bomb, 9 if layers == 2 else 1)
    coding = ", ".join(["gzip"] * layers)
    raw = response(200, bomb, f"Content-Encoding: {coding}")
    tracemalloc.start()
    try:
        answer = asked(once(raw))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.kind is Kind.SILENT
    assert peak < 4 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    "body",
    [
        b'{"service":"evcs","a":' + b"[" * 1_000_000,
        b'{"service":"evcs","a":' + b'{"a":' * 400_000 + b"1" + b"}" * 400_000 + b"}",
        b'{"service":"evcs","a":' + b"9" * (MAX_BODY_BYTES - 100) + b"}",
        b'{"service":"evcs","a":"' + b"\\u0000" * 100_000,
    ],
    ids=["lists", "objects", "digits", "escapes"],
)
def test_a_body_that_is_hard_to_read_is_silence(body: bytes) -> None:
    assert asked(once(response(200, body))).kind is Kind.SILENT


def test_of_two_words_with_one_name_the_last_counts() -> None:
    """One rule, the same everywhere: no checker sees another answer than its user."""
    two = asked(once(response(200, b'{"service":"nginx","tags":[1],"tags":[],"service":"evcs"}')))
    assert (two.kind, two.body) == (Kind.DONE, {"service": "evcs", "tags": []})
    other = asked(once(response(200, b'{"service":"evcs","service":"nginx"}')))
    assert other.kind is Kind.SILENT


def test_names_that_collide_cost_no_more_than_others() -> None:
    """Python salts the hashes of text, so there is no list of keys that collide."""
    assert sys.flags.hash_randomization == 1
    many = {f"k{n}": n for n in range(100_000)}
    assert asked(once(response(200, json.dumps(evcs(**many)).encode()))).kind is Kind.DONE


# --- the token --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500, 503])
def test_a_server_that_repeats_the_token_does_not_bring_it_into_our_log(status: int) -> None:
    body = evcs(title=f"Bearer {TOKEN}", detail=f"Authorization: Bearer {TOKEN} is not known")
    answer = asked(once(response(status, body)))
    assert TOKEN not in answer.detail
    if status != 200:
        assert "(token) is not known" in answer.detail


def test_a_network_that_fails_does_not_tell_the_token() -> None:
    for reply in (b"", b"garbage\r\n\r\n", f"HTTP/1.1 {TOKEN}\r\n\r\n".encode()):
        answer = asked(once(reply))
        assert answer.kind is Kind.SILENT
        assert TOKEN not in answer.detail


# --- card and queue ---------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.mark.parametrize(
    "body",
    [
        {"heartbeat_s": 10**400},
        {"heartbeat_s": -(10**400)},
        {"server_time": "9999-12-31T23:59:59Z"},
        {"server_time": "9999-12-31T23:59:59-01:00"},
        {"server_time": "0001-01-01T00:00:00+01:00"},
        {"commands": [command("c", expires_at="9999-12-31T23:59:59-01:00")]},
        {"commands": [command("c", since="0001-01-01T00:00:00+01:00")]},
    ],
    ids=lambda body: str(body)[:40],
)
def test_numbers_and_times_without_end_end_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    monkeypatch.setattr(heartbeat_module, "_OFTEN_S", 0.01)
    monkeypatch.setattr(heartbeat_module, "_RARELY_S", 0.01)
    wire = Wire()
    wire.answers("heartbeat", Answer(Kind.DONE, {"heartbeat_s": 0, **body}))
    with running(path, wire):
        wire.wait("heartbeat", count=3)


@pytest.mark.parametrize(
    ("expires_at", "stored"),
    [
        ("9999-12-31T23:59:59-01:00", datetime.max),
        ("0001-01-01T00:00:00+01:00", datetime.min),
    ],
)
def test_a_tag_that_never_expires_in_another_zone(
    path: Path, expires_at: str, stored: datetime
) -> None:
    """The list is asked for at every start: one that ended the daemon would end it each time."""
    wire = Wire()
    listed = [{"tag": "04A3B2C1", "status": "accepted", "expires_at": expires_at, "group": "a"}]
    wire.answers("tags", Answer(Kind.DONE, {"tags": listed}, etag='"x"'))
    with running(path, wire) as rig:
        rig.events.next_of(TagListReceived)
        kept = rig.kept(lambda store: store.tags(None))
    assert [one.expires_at for one in kept.entries.values()] == [stored.replace(tzinfo=UTC)]


def test_of_very_many_commands_some_count_and_the_card_is_written_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 3600.0)
    listed = [command(f"c-{n}", kind="dance") for n in range(100_000)]
    wire = Wire()
    wire.answers("heartbeat", Answer(Kind.DONE, {"commands": listed}))
    with running(path, wire) as rig:
        told = wire.wait("heartbeat", count=2)[1].json["done"]
        kept = rig.kept(Store.done)
        written = rig.kept(lambda store: store.database.total_changes)
    assert {one["id"] for one in told} == {f"c-{n}" for n in range(MOST_AT_ONCE)}
    assert {one["result"] for one in told} == {"refused"}
    assert len(kept) in (0, MOST_AT_ONCE)
    assert written < 10 * MOST_AT_ONCE


def test_commands_beyond_those_wait_for_their_turn(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.005)
    left = [command(f"c-{n}", kind="dance") for n in range(2 * MOST_AT_ONCE + 5)]

    def server(call: Call) -> Answer:
        done = {one["id"] for one in call.json["done"]}
        left[:] = [one for one in left if one["id"] not in done]
        return Answer(Kind.DONE, {"commands": list(left)})

    with running(path, Wire(usual={"heartbeat": server})) as rig:
        while left:
            rig.wire.wait("heartbeat", count=len(rig.wire.of("heartbeat")) + 1)


def test_a_command_with_an_endless_id_is_none(path: Path) -> None:
    wire = Wire()
    good = command("short")
    endless = command("x" * (LONGEST_ID + 1))
    wire.answers("heartbeat", Answer(Kind.DONE, {"commands": [endless, good]}))
    with running(path, wire) as rig:
        assert rig.events.next_of(RequestMade).id == f"{REMOTE}short"
        rig.uplink.ask(begun(100))
        rig.events.next_of(ServerAnswered)
    assert sum(isinstance(event, RequestMade) for event in rig.events.seen) == 1


def test_an_etag_that_changes_at_every_look_is_looked_at_now_and_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two web nodes that make it differently, or malice: the card is not rewritten every second."""
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.005)
    number = iter(range(10**6))
    wire = Wire()
    wire.usual = {
        "heartbeat": lambda _: Answer(Kind.DONE, {"tags_etag": f'"{next(number)}"'}),
        "tags": lambda _: Answer(Kind.DONE, TAG_BODY, etag=f'"{next(number)}"'),
    }
    with running(path, wire, snapshot=replace(IDLE, tags_etag='"ours"')) as rig:
        for _ in range(2):
            assert rig.events.next_of(TagListReceived)
        before = len(wire.of("heartbeat"))
        wire.wait("heartbeat", count=before + 20)
        assert len(wire.of("tags")) == 2


def test_it_is_looked_at_again_after_the_pause(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_module, "HEARTBEAT_S", 0.005)
    monkeypatch.setattr(taglist_module, "PAUSE_S", 0.02)
    wire = Wire(usual={"tags": LISTED, "heartbeat": Answer(Kind.DONE, {"tags_etag": '"new"'})})
    with running(path, wire, snapshot=replace(IDLE, tags_etag='"ours"')):
        wire.wait("tags", count=5)


def test_the_same_list_under_another_name_is_not_written_again(path: Path) -> None:
    with running(path, Wire(usual={"tags": LISTED})) as rig:
        tags = rig.events.next_of(TagListReceived).tags
        before = rig.kept(lambda store: store.database.total_changes)
        rig.kept(lambda store: store.put_tags(replace(tags, etag='"other"'), None))
        after = rig.kept(lambda store: store.database.total_changes)
        kept = rig.kept(lambda store: store.tags(None))
    assert after - before <= 2, "the name and the time of the list"
    assert kept.etag == '"other"'
    assert kept.entries == tags.entries


def test_a_server_cannot_send_the_box_away_for_days(path: Path) -> None:
    link = Link(random.Random(1))
    link.note(replace(LATER, retry_after_s=999_999.0), 100.0)
    assert link.not_before_s == 100.0 + LONGEST_ASKED_S
    with running(path, Wire(usual={"heartbeat": DONE}), link=link) as rig:
        rig.uplink.ask(begun(100))
        assert rig.events.next_of(ServerAnswered), "whoever stands before the box is not kept"
