"""The messages that the protocol's specification shows, byte for byte, in both directions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from mcsp import answers, requests, writer
from mcsp.messages import (
    Action,
    Answer,
    EndRequest,
    Failure,
    Meter,
    Ok,
    PingRequest,
    Request,
    StartRequest,
)
from mcsp.requests import RequestReader

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "MCSP-1.0.md"
KEY = UUID("1b671a64-40d5-491e-99b0-da01ff1f3341")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

FIGURE: list[tuple[bytes, Request]] = [
    (
        b"MMETERING/1.0 START\nContent-Length: 2\nName: Tankstelle1\nKey: 16AC936B1692E73A\n",
        StartRequest("Tankstelle1", "16AC936B1692E73A"),
    ),
    (
        b"MMETERING/1.0 END\nContent-Length: 3\nName: Tankstelle1\nSession-Id: 23\n"
        b"Key: 16AC936B1692E73A\n",
        EndRequest("Tankstelle1", "16AC936B1692E73A", session_id="23"),
    ),
]
FULL: dict[str, Request | Answer] = {
    "start": StartRequest(
        "Lader1", "04A3C6CAE26180", KEY, Meter(1_234_567, "4711", 411_522, 411_522, 411_523),
        NOON, "synced", 17, "server",
    ),
    "end": EndRequest(
        "Lader1", "04A3C6CAE26180", None, KEY, Meter(1_245_807, "4711"), NOON, "synced", 1_234_567,
        NOON, 17, "server", "local", False,
    ),
    "ping": PingRequest("Lader1", KEY),
    "ok-start": Ok(KEY, "23"),
    "ok": Ok(KEY),
    "error": Failure(401, "Key is not registered", KEY),
}  # fmt: skip


@pytest.mark.parametrize(("data", "message"), FIGURE, ids=["start", "end"])
def test_the_figure(data: bytes, message: Request) -> None:
    assert writer.request(message) == data
    assert RequestReader().feed(data, 0.0) == [message]


@pytest.mark.parametrize(
    ("action", "data", "answer"),
    [
        (Action.START, b"MMETERING/1.0 OK\nSession-Id: 23\n", Ok(None, "23")),
        (
            Action.START,
            b"MMETERING/1.0 ERROR\nMessage: Key is not registered\nCode: 401\n",
            Failure(401, "Key is not registered"),
        ),
        (Action.END, b"MMETERING/1.0 OK\n", Ok()),
    ],
)
def test_the_answers_of_the_figure(action: Action, data: bytes, answer: Answer) -> None:
    assert writer.answer(answer) == data
    reader = answers.AnswerReader(action, None)
    assert (reader.feed(data, 0.0) or reader.feed(b"", 1.0)) == answer


def examples() -> dict[str, bytes]:
    """The blocks of the specification that are marked with a name."""
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"<!-- example: ([a-z-]+) -->\n+```\n(.*?)```", text, re.DOTALL)
    return {name: block.encode() for name, block in blocks}


def test_the_document_shows_every_message() -> None:
    assert set(examples()) == set(FULL)


@pytest.mark.parametrize("name", FULL)
def test_the_examples_of_the_document(name: str) -> None:
    message, data = FULL[name], examples()[name]
    if isinstance(message, Ok | Failure):
        assert writer.answer(message) == data
        action = Action.START if name == "ok-start" else Action.END
        assert answers.AnswerReader(action, KEY).feed(data, 0.0) == message
    else:
        assert writer.request(message) == data
        assert RequestReader().feed(data, 0.0) == [message]


def test_the_document_has_the_numbers_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for number in (
        f"{requests.BETWEEN_LINES_S:g} s between two lines",
        f"{requests.WHOLE_REQUEST_S:g} s in all",
        f"{answers.ANSWER_S:g} s for an answer",
        f"{answers.SILENCE_S:g} s of silence",
        f"{1000 * answers.LEGACY_GAP_S:g} ms",
        f"{writer.LONGEST_LINE} bytes",
    ):
        assert number in text, number
