"""Messages as bytes. Lines end with LF; an answer carries no length. Pure."""

from __future__ import annotations

from zlib import crc32

from mcsp.messages import (
    CHECK,
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
    # Without Request-Id the peer is an older one, and the message that of the original.
    checked = message.request_id is not None
    count = len(headers) + checked
    if count > MOST_HEADERS:
        raise ValueError(f"{count} headers; a request has at most {MOST_HEADERS}")
    head = _bytes([f"{PROTOCOL}/{VERSION} {action_of(message)}", f"Content-Length: {count}"])
    rest = _bytes([f"{name}: {value}" for name, value in headers])
    # First of the headers: a count that was garbled to less cannot leave it away.
    own = f"{CHECK}: {check(head + rest)}\n".encode("ascii") if checked else b""
    return head + own + rest


def check(data: bytes) -> str:
    """The value of Check for all lines but its own, each with LF: CRC-32, eight hex digits."""
    return f"{crc32(data):08x}"


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
