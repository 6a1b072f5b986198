"""Answers that are not the server's, and what a bad network makes of those that are. Pure."""

from __future__ import annotations

import json
import re

from campaign.whole.acts import Way

_PROBLEM = {
    "service": "evcs",
    "type": "about:blank",
    "server_time": "2026-01-01T00:00:00Z",
    "errors": {},
}


def _page(status: str, kind: str, page: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
        f"Content-Length: {len(page)}\r\n\r\n"
    )
    return head.encode() + page


def _problem(status: int, words: str) -> bytes:
    body = json.dumps(_PROBLEM | {"status": status, "code": status, "title": words}).encode()
    return _page(f"{status} {words}", "application/problem+json", body)


CANNED = {
    Way.PROXY_502: _page("502 Bad Gateway", "text/html", b"<h1>502 Bad Gateway</h1>"),
    Way.PROXY_404: _page("404 Not Found", "application/json", b'{"detail": "no such route"}'),
    Way.PROXY_PAGE: _page("200 OK", "text/html", b"<html>Please accept our terms</html>"),
    Way.STRANGER: _page("200 OK", "application/json", b'{"service": "printer", "ok": true}'),
    Way.BUSY: _problem(503, "Service Unavailable"),
    Way.REFUSED: _problem(400, "Bad Request"),
}


def broken(answer: bytes) -> bytes:
    """The same length, but no JSON any more."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + body.replace(b'"', b"'").replace(b":", b";")


def half(answer: bytes) -> bytes:
    """It breaks off in the middle of the body (of the head, where there is none)."""
    head, _, body = answer.partition(b"\r\n\r\n")
    whole = len(head) + 4 + len(body) // 2 if body else len(head) // 2
    return answer[:whole]


def kept_open(answer: bytes) -> bytes:
    """The wire's own connection to the box goes on, whatever the server does with its."""
    head, between, body = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"(?im)^connection:[^\r\n]*", b"Connection: keep-alive", head)
    return head + between + body
