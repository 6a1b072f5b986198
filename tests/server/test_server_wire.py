"""The frame of every answer: tokens, problems, addresses, sizes, retries."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, override_settings

from evcs.models import Session, Station, StationKey
from evcs.services import ends, starts, stations
from tests.server.server_rig import (
    BASE,
    Box,
    Clock,
    assert_answer,
    assert_problem,
    new_uuid,
    start_body,
)
from tools.installation import ROOT, Server

A = new_uuid(1)


def test_hello_needs_no_token(client: Client) -> None:
    body = assert_answer(client.get(BASE), 200)
    assert body["versions"] == ["1.0"]


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "sessions/",
        f"sessions/{A}/",
        f"sessions/{A}/begin",
        f"sessions/{A}/end/",
        "tags/",
        "a/b%0Ac",
        "sessions/x%0A",
        "%00",
        "//",
        "flats/x/consumption",
        "flats/1/consumption/",
    ],
)
@pytest.mark.parametrize("method", ["get", "put", "post", "delete", "patch", "options"])
def test_unknown_paths_are_the_servers_word(db: None, path: str, method: str) -> None:
    call = getattr(Client(), method)
    response = call(BASE + path)
    body = response.json()
    assert body["service"] == "evcs"
    assert response.status_code in (404, 401), body
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text", ["1", "nope", str(A)[:-1], str(A).replace("-", ""), "{" + str(A) + "}", "%20", "ä"]
)
def test_malformed_uuid_is_404(box: Box, text: str) -> None:
    assert_problem(box.start(text), 404, 404)
    assert_problem(box.end(text), 404, 404)
    assert_problem(box.post(f"sessions/{text}/readings", {"readings": []}), 404, 404)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Token {token}",
        "Bearer {token}x",
        "Bearer {other_secret}",
        "Bearer ä",
        "Basic YWRtaW46Z2VoZWlt",
    ],
)
def test_missing_or_wrong_token(box: Box, other_box: Box, header: str | None) -> None:
    prefix = box.token.rsplit("_", 1)[0] if box.token.count("_") == 2 else box.token[:13]
    headers = {}
    if header is not None:
        secret = f"{prefix[:13]}_{other_box.token[14:]}"
        headers["Authorization"] = header.format(token=box.token, other_secret=secret)
    client = Client(headers=headers)
    for method, path in [
        ("put", f"sessions/{A}"),
        ("put", f"sessions/{A}/end"),
        ("post", f"sessions/{A}/readings"),
        ("post", "heartbeat"),
        ("post", "quarantine"),
        ("get", "tags"),
    ]:
        response = getattr(client, method)(BASE + path, content_type="application/json")
        assert_problem(response, 401, 406)
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert Station.objects.get(pk=box.pk).last_seen is None


def test_scheme_is_read_in_any_case(box: Box) -> None:
    client = Client(headers={"Authorization": f"bearer {box.token}"})
    assert client.get(BASE + "tags").status_code == 200


def test_two_tokens_live_for_rotation_and_the_third_ends_the_one_not_in_use(box: Box) -> None:
    def works(token: str) -> bool:
        client = Client(headers={"Authorization": f"Bearer {token}"})
        return client.get(BASE + "tags").status_code == 200

    box.clock.advance(1)
    second = stations.rotate_key(box.station)
    assert works(box.token)
    box.clock.advance(1)
    assert works(second)
    box.clock.advance(1)
    third = stations.rotate_key(box.station)
    assert not works(box.token)
    assert works(second)
    assert works(third)
    assert stations.revoke_old_keys(box.station) == 1
    assert not works(second)
    assert works(third)


def test_token_is_nowhere_in_the_database(box: Box) -> None:
    secret = box.token[-43:]
    for key in StationKey.objects.values():
        assert secret not in json.dumps(key, default=str)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", f"sessions/{A}"),
        ("post", f"sessions/{A}"),
        ("delete", f"sessions/{A}"),
        ("options", f"sessions/{A}"),
        ("post", f"sessions/{A}/end"),
        ("put", f"sessions/{A}/readings"),
        ("get", "heartbeat"),
        ("put", "tags"),
        ("get", "quarantine"),
    ],
)
def test_wrong_method_is_405(box: Box, method: str, path: str) -> None:
    response = getattr(box.client, method)(BASE + path)
    assert_problem(response, 405, 405)


def test_hello_knows_get_only(client: Client) -> None:
    assert_problem(client.post(BASE), 405, 405)


def test_body_over_a_mebibyte_is_413(box: Box) -> None:
    body = json.dumps(start_body())
    fits = body + " " * (1024 * 1024 - len(body))
    response = box.client.put(f"{BASE}sessions/{A}", fits, "application/json")
    assert response.status_code == 201
    response = box.client.put(f"{BASE}sessions/{A}", fits + " ", "application/json")
    assert_problem(response, 413, 422)


def chunked(box: Box, key: uuid.UUID, body: bytes, **environ: object) -> HttpResponse:
    """Send START as a WSGI server hands over a body that came in chunks: without its length."""
    return box.client.generic(
        "PUT",
        f"{BASE}sessions/{key}",
        b"",
        "application/json",
        **{
            "CONTENT_TYPE": "application/json",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input": io.BytesIO(body),
            **environ,
        },
    )


def test_a_body_in_chunks_is_taken(box: Box) -> None:
    body = json.dumps(start_body()).encode()
    response = chunked(box, A, body, **{"wsgi.input_terminated": True})
    assert response.status_code == 201
    body += b" " * (1024 * 1024 + 1 - len(body))
    assert_problem(chunked(box, A, body, **{"wsgi.input_terminated": True}), 413, 422)


def test_chunks_whose_end_cannot_be_told_are_kept_by_the_box_and_sent_again(box: Box) -> None:
    body = assert_problem(chunked(box, A, b"{}"), 503, 503)
    assert "Content-Length" in body["detail"]


def test_a_body_in_chunks_through_gunicorn(tmp_path: Path) -> None:
    server = Server(tmp_path, 0)
    server.prepare()
    token = (tmp_path / "box-1.token").read_text().strip()
    server.start()
    try:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        body = json.dumps(start_body()).encode()
        connection.request(
            "PUT",
            f"{BASE}sessions/{A}",
            iter([body[:20], body[20:]]),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            encode_chunked=True,
        )
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["action"]) == (201, "continue")
        connection.close()
    finally:
        server.stop()


@pytest.mark.parametrize("proxies", [None, 0])
def test_nobody_gets_more_tries_by_naming_another_address(
    db: None, settings: Any, proxies: int | None
) -> None:
    settings.EVCS = {"WRONG_TOKEN_RATE": "3/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    told = [wrong_token(f"10.0.0.{number}") for number in range(5)]
    assert told == [401, 401, 401, 429, 429]


def test_behind_a_proxy_each_caller_is_counted_and_only_by_the_proxys_word(
    db: None, settings: Any
) -> None:
    settings.EVCS = {"WRONG_TOKEN_RATE": "2/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    assert [wrong_token("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert wrong_token("192.0.2.2") == 401
    assert wrong_token("10.0.0.1, 192.0.2.1") == 429


def wrong_token(forwarded_for: str) -> int:
    headers = {"Authorization": "Bearer wrong", "X-Forwarded-For": forwarded_for}
    return Client(headers=headers).get(BASE + "tags").status_code


@pytest.mark.parametrize(("proxy", "believed"), [("0", "0"), ("1", "1")])
def test_the_settings_say_whether_a_proxy_stands_in_front(proxy: str, believed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from server import settings as s; print(s.REST_FRAMEWORK)"],
        cwd=ROOT, env={**os.environ, "EVCS_TLS_PROXY": proxy},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"'NUM_PROXIES': {believed}" in done.stdout


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data"])
def test_other_content_types_are_415(box: Box, kind: str) -> None:
    response = box.client.generic("PUT", f"{BASE}sessions/{A}", b"{}", kind)
    assert_problem(response, 415, 400)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense"])
def test_answer_is_json_whatever_is_accepted(box: Box, accept: str) -> None:
    assert_answer(box.get("tags", Accept=accept), 200)


def test_charset_is_utf_8(box: Box) -> None:
    body = json.dumps(start_body())
    response = box.client.put(f"{BASE}sessions/{A}", body, "application/json; charset=utf-8")
    assert response.status_code == 201


def test_throttled_station_is_429(box: Box, other_box: Box) -> None:
    with override_settings(EVCS={"THROTTLE_RATE": "2/min"}):
        assert box.get("tags").status_code == 200
        assert box.get("tags").status_code == 200
        response = box.get("tags")
        assert_problem(response, 429, 503)
        assert int(response.headers["Retry-After"]) > 0
        assert other_box.get("tags").status_code == 200
    assert box.get("tags").status_code == 200


@pytest.mark.parametrize("language", ["de", "fr"])
def test_texts_are_english(box: Box, language: str) -> None:
    response = box.get("nothing", **{"Accept-Language": language})
    assert response.json()["detail"] == "there is nothing at this address"
    body = box.put(f"sessions/{A}", {"seq": 1}).json()
    assert body["errors"]["tag"] == "This field is required."
    assert_problem(box.client.delete(f"{BASE}tags"), 405, 405)


def test_locked_database_is_503_and_may_be_tried_again(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*args: object) -> None:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(starts, "lock_station", locked)
        response = box.start(A)
        assert_problem(response, 503, 503)
        assert int(response.headers["Retry-After"]) > 0
    assert box.start(A).status_code == 201


def test_unexpected_error_is_500_with_nothing_stored(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("bug")

    with monkeypatch.context() as patch:
        patch.setattr(ends.bookkeeping, "settle", broken)
        assert_problem(box.end(A), 500, 500)
    assert "bug" in caplog.text
    assert Session.objects.count() == 0
    assert box.end(A).status_code == 201


def test_answers_are_kept_out_of_caches(box: Box, clock: Clock) -> None:
    assert box.start(uuid.UUID(int=5)).headers["Cache-Control"] == "no-store"
    assert box.get("tags").headers["Cache-Control"] == "private, no-cache"
