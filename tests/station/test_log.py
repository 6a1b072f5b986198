"""The log: nobody waits for whoever reads it."""

from __future__ import annotations

import logging
import sys
import threading
import time

from station.log import OneLine, PatientHandler


class Reader(logging.Handler):
    """Reads nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()
        self.begun = threading.Event()
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.begun.set()
        assert self.reads.wait(30)
        self.seen.append(record.getMessage())


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("station", logging.INFO, __file__, 0, text, None, None)


def test_a_reader_that_hangs_keeps_nobody_waiting_and_what_was_lost_is_told() -> None:
    reader = Reader()
    handler = PatientHandler(reader, most_lines=3)
    handler.handle(record("0"))
    assert reader.begun.wait(30)
    began_s = time.monotonic()
    for number in range(1, 11):
        handler.handle(record(str(number)))
    assert time.monotonic() - began_s < 5
    assert handler.lost == 7
    reader.reads.set()
    handler.close()
    assert reader.seen == [
        "0",
        "7 lines of the log were lost: nobody read it in time",
        "1",
        "2",
        "3",
    ]


def test_what_others_say_is_one_line_that_steers_nothing() -> None:
    forged = record("quarantined 7: x\nCRITICAL station: contactor\x1b[2J\u2028ende ä …")
    assert OneLine("%(levelname)s %(name)s: %(message)s").format(forged) == (
        "INFO station: quarantined 7: x\\nCRITICAL station: contactor\\x1b[2J\\u2028ende ä …"
    )
    try:
        raise ValueError("a trace")
    except ValueError:
        traced = record("broken")
        traced.exc_info = sys.exc_info()
    assert "broken\nTraceback" in OneLine("%(message)s").format(traced)


def test_leaving_does_not_wait_for_a_reader_that_hangs_for_ever() -> None:
    reader = Reader()
    handler = PatientHandler(reader)
    handler.handle(record("0"))
    assert reader.begun.wait(30)
    closer = threading.Thread(target=handler.close)
    closer.start()
    closer.join(30)
    assert not closer.is_alive()
    reader.reads.set()
