"""Messages as bytes. Lines end with LF; an answer carries no length. Pure."""

from __future__ import annotations

from mcsp.messages import (
    MOST_HEADERS,
    PROTOCOL,
    VERSION,
    Answer,
    Failure,
    Ok,
    Request,
    action_of,
    headers_of,
)

LONGEST_LINE = 256
LONGEST_MESSAGE = 60


def request(message: Request) -> bytes:
    """The bytes of a request. Raises ValueError for what the text cannot carry."""
    headers = headers_of(message)
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"{len(headers)} headers; a request has at most {MOST_HEADERS}")
    lines = [f"{PROTOCOL}/{VERSION} {action_of(message)}", f"Content-Length: {len(headers)}"]
    return _bytes([*lines, *(f"{name}: {value}" for name, value in headers)])


def answer(message: Answer) -> bytes:
    """The bytes of an answer. Raises ValueError for what the text cannot carry."""
    lines = []
    if isinstance(message, Ok):
        lines.append(f"{PROTOCOL}/{VERSION} OK")
        if message.session_id is not None:
            lines.append(f"Session-Id: {message.session_id}")
    elif isinstance(message, Failure):
        lines.append(f"{PROTOCOL}/{VERSION} ERROR")
        if message.code is not None:
            lines.append(f"Message: {message.message[:LONGEST_MESSAGE]}")
            lines.append(f"Code: {message.code}")
    if message.request_id is not None:
        lines.append(f"Request-Id: {message.request_id}")
    return _bytes(lines)


def _bytes(lines: list[str]) -> bytes:
    for line in lines:
        if len(line) > LONGEST_LINE or not line.isascii() or not line.isprintable():
            raise ValueError(f"{line[:40]!r}… is no line of at most {LONGEST_LINE} characters")
    return ("\n".join(lines) + "\n").encode("ascii")
