"""What a client understands: its own answer, whole, and nothing that is late."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from mcsp import writer
from mcsp.answers import LEGACY_GAP_S, AnswerReader
from mcsp.messages import Action, Answer, Failure, Ok

MINE, OTHER = (
    UUID("1b671a64-40d5-491e-99b0-da01ff1f3341"),
    UUID("2b671a64-40d5-491e-99b0-da01ff1f3341"),
)
ANSWERS: list[tuple[Action, Answer]] = [
    (Action.START, Ok(MINE, "23")),
    (Action.END, Ok(MINE)),
    (Action.PING, Ok(MINE)),
    *((action, Failure(503, "Server or database cannot be reached", MINE)) for action in Action),
]


@pytest.mark.parametrize(("action", "answer"), ANSWERS)
def test_whole_and_byte_by_byte(action: Action, answer: Answer) -> None:
    data = writer.answer(answer)
    assert AnswerReader(action, MINE).feed(data, 0.0) == answer
    assert AnswerReader(action, MINE).feed(data.replace(b"\n", b"\r\n"), 0.0) == answer
    reader = AnswerReader(action, MINE)
    found = [reader.feed(bytes([byte]), 0.0) for byte in data]
    assert found[:-1] == [None] * (len(data) - 1)
    assert found[-1] == answer


@pytest.mark.parametrize(("action", "answer"), ANSWERS)
@pytest.mark.parametrize(("late_action", "late"), ANSWERS)
def test_a_late_answer_is_no_answer(
    action: Action, answer: Answer, late_action: Action, late: Answer
) -> None:
    import dataclasses

    old = writer.answer(dataclasses.replace(late, request_id=OTHER))
    reader = AnswerReader(action, MINE)
    assert reader.feed(old, 0.0) is None
    assert reader.feed(old[: len(old) // 2], 0.0) is None
    assert reader.feed(b"\n" + writer.answer(answer), 0.0) == answer


@pytest.mark.parametrize(
    "data",
    [
        b"MMETERING/1.0 OK\n",
        b"MMETERING/1.0 OK\nSession-Id: 23\n",
        b"MMETERING/2.0 OK\nSession-Id: 23\nRequest-Id: 1b671a64-40d5-491e-99b0-da01ff1f3341\n",
        b"MMETERING/1.0 YES\nSession-Id: 23\nRequest-Id: 1b671a64-40d5-491e-99b0-da01ff1f3341\n",
        b"MMETERING/1.0 OK\nSession: 23\nRequest-Id: 1b671a64-40d5-491e-99b0-da01ff1f3341\n",
        b"MMETERING/1.0 ERROR\nMessage: x\nCode: many\n"
        b"Request-Id: 1b671a64-40d5-491e-99b0-da01ff1f3341\n",
        b"\xff\xfe\x00" * 200,
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    reader = AnswerReader(Action.START, MINE)
    assert reader.feed(data, 0.0) is None
    assert reader.feed(b"\n" + writer.answer(Ok(MINE, "23")), 9.0) == Ok(MINE, "23")


class TestOlderPeers:
    """Without Request-Id."""

    @pytest.mark.parametrize(
        ("action", "data", "answer"),
        [
            (Action.START, b"MMETERING/1.0 OK\nSession-Id: 23\n", Ok(None, "23")),
            (Action.START, b"MMETERING/1.0 ERROR\n", Failure(None)),
            (
                Action.START,
                b"MMETERING/1.0 ERROR\nMessage: No\nCode: 401\n",
                Failure(401, "No"),
            ),
            (Action.END, b"MMETERING/1.0 OK\n", Ok()),
            (Action.END, b"MMETERING/1.0 OK\nSession-Id: 23\n", Ok(None, "23")),
            (Action.END, b"MMETERING/1.0 ERROR\n", Failure(None)),
        ],
    )
    def test_its_answers(self, action: Action, data: bytes, answer: Answer) -> None:
        reader = AnswerReader(action, None)
        found = reader.feed(data, 0.0)
        if found is None:
            assert reader.feed(b"", LEGACY_GAP_S / 2) is None
            found = reader.feed(b"", LEGACY_GAP_S)
        assert found == answer

    def test_ok_to_start_without_a_session_is_none(self) -> None:
        reader = AnswerReader(Action.START, None)
        assert reader.feed(b"MMETERING/1.0 OK\n", 0.0) is None
        assert reader.feed(b"", 1.0) is None


def test_any_bytes_and_then_the_answer() -> None:
    seed = random.SystemRandom().getrandbits(32)
    dice = random.Random(seed)
    words = [b"MMETERING/1.0 OK\n", b"MMETERING/1.0 ERROR\n", b"Code: 401\n", b"Session-Id: 2\n",
             b"\n", b"\xff", f"Request-Id: {OTHER}\n".encode(), b"x" * 400]  # fmt: skip
    for number in range(3000):
        reader = AnswerReader(Action.START, MINE)
        stream = b"".join(dice.choice(words) for _ in range(dice.randrange(9)))
        told = f"seed {seed}, stream {number}: {stream!r}"
        assert reader.feed(stream, 0.0) is None, told
        assert reader.feed(b"\n" + writer.answer(Ok(MINE, "23")), 0.0) == Ok(MINE, "23"), told
