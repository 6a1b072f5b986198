"""Bytes into lines, with a bound on what is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcsp.writer import LONGEST_LINE


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. ``fault``: why it cannot be taken, empty if it can; ``text`` is then
    what of it can be read."""

    text: str
    fault: str = ""


class LineReader:
    """Takes bytes as they come. LF or CRLF ends a line; of a line too long the rest is dropped."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._too_long = False

    @property
    def empty(self) -> bool:
        """Whether no line is begun."""
        return not self._kept and not self._too_long

    def clear(self) -> None:
        """Forget the begun line."""
        self._kept.clear()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Line]:
        """The lines that end in ``data``."""
        for piece in _pieces(data):
            ends = piece.endswith(b"\n")
            room = LONGEST_LINE + 2 - len(self._kept)
            self._kept += piece[:room]
            self._too_long = self._too_long or len(piece) > room
            if ends:
                yield self._line()

    def _line(self) -> Line:
        raw, too_long = bytes(self._kept), self._too_long
        self.clear()
        raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        text = "".join(chr(byte) for byte in raw if 0x20 <= byte <= 0x7E)
        if too_long or len(raw) > LONGEST_LINE:
            return Line(text, f"a line has more than {LONGEST_LINE} bytes")
        if len(text) != len(raw):
            return Line(text, "a line has bytes outside 0x20 to 0x7E")
        return Line(text)


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut after each LF only: a lone CR is a bad byte, not the end of a line."""
    while data:
        head, mark, data = data.partition(b"\n")
        yield head + mark
