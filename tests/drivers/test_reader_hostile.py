"""A card that means harm: whatever it sends and however often, a scan ends in time with an outcome.

The whole way, by the chip's registers: frames of any length up to more than its buffer holds, with
right checksums where the card wants them right.
"""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import ReaderError
from drivers.reader import LONGEST_SCAN_S, Card
from simulator.rfid.iso14443a import Bits, bits_of, crc_a
from simulator.rfid.picc import Picc, PiccState
from tests.drivers.rfid_rig import Rig

# The chip's buffer has 64 bytes.
FIFO_BYTES = 64
# What a card may cost at most: the time of the longest frame, for every frame that is ever asked.
LONGEST_FRAME_S = 0.010
MOST_FRAMES = 40


class Liar(Picc):
    """Never tires; the answer to its n-th frame is the n-th of ``said``, over and over."""

    def __init__(self, said: list[Bits | None]) -> None:
        super().__init__(bytes(4))
        self.said = said
        self.asked = 0

    def answer(self, frame: Bits) -> Bits | None:
        if self.state is PiccState.POWER_OFF:
            return None
        self.asked += 1
        return self.said[(self.asked - 1) % len(self.said)]


def sound(data: bytes) -> Bits:
    """With the checksum that belongs to it."""
    return bits_of(data + crc_a(data))


def with_bcc(data: bytes) -> Bits:
    return bits_of(data + bytes([data[0] ^ data[1] ^ data[2] ^ data[3]]))


any_bits = st.lists(st.integers(0, 1), max_size=8 * FIFO_BYTES + 40).map(tuple)
four = st.binary(min_size=4, max_size=4)
words = st.one_of(
    st.none(),
    any_bits,
    st.binary(min_size=1, max_size=FIFO_BYTES + 8).map(bits_of),
    st.binary(min_size=1, max_size=FIFO_BYTES).map(sound),
    four.map(with_bcc),
    four.map(lambda data: with_bcc(b"\x88" + data[1:])),
    st.sampled_from([bits_of(b"\x44\x00"), sound(b"\x04"), sound(b"\x00"), sound(b"\x24")]),
)


def judged(said: list[Bits | None], scans: int = 3) -> None:
    with Rig().installed() as rig:
        reader = rig.reader()
        reader.open()
        liar = Liar(said)
        rig.field.place(liar)
        for _ in range(scans):
            before_s, asked = rig.monotonic(), liar.asked
            try:
                found = reader.scan()
            except ReaderError:
                reader.open()
                continue
            took_s = rig.monotonic() - before_s
            assert liar.asked - asked <= MOST_FRAMES
            assert took_s <= LONGEST_SCAN_S + LONGEST_FRAME_S * (liar.asked - asked)
            if isinstance(found, Card):
                assert re.fullmatch(r"([0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})", found.tag)
        assert liar.asked >= scans
        # And the next, honest card is read as ever.
        rig.field.place(Picc(bytes.fromhex("04A3C6CAE26180")))
        honest = [reader.scan() for _ in range(3)]
        assert "04A3C6CAE26180" in {one.tag for one in honest if isinstance(one, Card)}
        reader.close()


@settings(derandomize=True, max_examples=300, deadline=None)
@given(said=st.lists(words, min_size=1, max_size=8))
def test_whatever_a_card_says_a_scan_ends_and_the_next_card_is_read(
    said: list[Bits | None],
) -> None:
    judged(said)


@pytest.mark.parametrize(
    "said",
    [
        [bits_of(bytes(FIFO_BYTES))],
        [bits_of(bytes(FIFO_BYTES + 1))],
        [bits_of(b"\x44\x00"), with_bcc(b"\x88\x04\xa3\xc6"), sound(b"\x04")],
        [(1,)],
        [sound(bytes(random.Random(1).randbytes(60)))],
    ],
    ids=[
        "a full buffer",
        "one byte more",
        "one level after the other",
        "a bit",
        "a long sound one",
    ],
)
def test_a_card_that_never_ends(said: list[Bits | None]) -> None:
    judged(said, scans=10)
