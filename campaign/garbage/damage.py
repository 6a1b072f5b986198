"""What can happen to a meter's answer: on the line, where a checksum tells, and before it.

Kinds on the line damage frames or bring them at the wrong time; kinds of the registers give wrong
values a right checksum. Faults of the meter itself, which last for a while, are the simulated
meter's own (simulator.meter.meter_faults).
"""

from __future__ import annotations

import random
import struct
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum

from campaign.garbage.line import Replies
from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.modbus_rtu import exception_reply, frame

IMPORT_BLOCK, PHASES_BLOCK, SERIAL_REGISTER = 0x0034, 0x015A, 0xFC00
_IMPORT_AT = 2 * (0x0048 - IMPORT_BLOCK)
_LATEST_S = 1.5
_REMEMBERED = 40


class Kind(StrEnum):
    """One answer goes wrong like this."""

    WRONG_SLAVE = "another slave's answer"
    BAD_CRC = "bits flipped"
    CUT = "cut off"
    NOISE_BEFORE = "noise before it"
    NOISE_AFTER = "noise after it"
    EXCEPTION = "exception frame"
    SILENCE = "silence"
    LATE = "late"
    TWICE = "sent twice"
    ECHO = "echo before it"
    OTHER_LENGTH = "answer to an earlier question of another length"

    SAME_LENGTH = "answer to an earlier question of the same length"
    STALE = "answer to the same question, earlier"
    ZERO = "all registers zero"
    NO_NUMBER = "NaN, infinity or a denormal"
    WRAPPED = "2^32 Wh too much"
    THOUSAND = "a thousand times too much"
    BACKWARDS = "register too low"
    JUMP = "register too high for the fuse"
    FLIPPED = "bits flipped before the checksum"


LINE = tuple(Kind)[: tuple(Kind).index(Kind.SAME_LENGTH)]
REGISTERS = tuple(Kind)[len(LINE) :]

EPISODES = (
    MeterFault.SILENT,
    MeterFault.NAN,
    MeterFault.TWO_TO_32,
    MeterFault.X1000,
    MeterFault.FROZEN,
    MeterFault.RESTART,
)


class Weather:
    """Which share of the answers goes wrong at present, and how; it changes every minute or so."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._until_s = 0.0
        self._share = 0.0
        self._kinds: tuple[Kind, ...] = tuple(Kind)

    def strikes(self, now_s: float) -> Kind | None:
        chance = self._chance
        if now_s >= self._until_s:
            self._until_s = now_s + chance.uniform(20, 120)
            self._share = chance.choice((0.0, 0.01, 0.05, 0.1, 0.3, 0.6))
            self._kinds = chance.choice(
                (tuple(Kind), LINE, REGISTERS, (chance.choice(tuple(Kind)),))
            )
        return chance.choice(self._kinds) if chance.random() < self._share else None


class BadLine:
    """The slave as the box hears it. ``hits``: what went wrong since the last :meth:`forget`."""

    def __init__(
        self,
        answer: Callable[[bytes], bytes | None],
        faults: MeterFaults,
        chance: random.Random,
        monotonic: Callable[[], float],
    ) -> None:
        self._answer = answer
        self._faults = faults
        self._chance = chance
        self._monotonic = monotonic
        self._weather = Weather(chance)
        self._earlier: deque[tuple[bytes, bytes]] = deque(maxlen=_REMEMBERED)
        self.answers = 0
        self.damaged: Counter[Kind] = Counter()
        self.hits: set[str] = set()

    def slave(self, request: bytes) -> Replies:
        """What comes back for ``request``."""
        self.hits |= self._faults.active
        reply = self._answer(request)
        if reply is None or MeterFault.SILENT in self._faults.active:
            return []
        kind = self._weather.strikes(self._monotonic())
        replies = self._spoiled(kind, request, reply) if kind else None
        if replies is None:
            kind, replies = None, [(0.0, reply)]
        self._earlier.append((request, reply))
        if kind:
            self.hits.add(kind)
            self.damaged[kind] += 1
        self.answers += any(data for _, data in replies)
        return replies

    def _spoiled(self, kind: Kind, request: bytes, reply: bytes) -> Replies | None:
        """``reply`` after ``kind`` happened to it; None where that kind does not apply."""
        chance = self._chance
        match kind:
            case Kind.SILENCE:
                return []
            case Kind.LATE:
                return [(chance.uniform(0, _LATEST_S), reply)]
            case Kind.TWICE:
                return [(0.0, reply), (chance.uniform(0, 0.1), reply)]
            case Kind.ECHO:
                return [(-0.02, request), (0.0, reply)]
            case Kind.NOISE_BEFORE:
                return [(0.0, chance.randbytes(chance.randint(1, 9)) + reply)]
            case Kind.NOISE_AFTER:
                return [(0.0, reply + chance.randbytes(chance.randint(1, 9)))]
            case Kind.CUT:
                return [(0.0, reply[: chance.randrange(1, len(reply))])]
            case Kind.BAD_CRC:
                return [(0.0, _flipped(reply, chance, chance.randint(1, 3)))]
            case Kind.WRONG_SLAVE:
                return [(0.0, frame(bytes((chance.randint(2, 247),)) + reply[1:-2]))]
            case Kind.EXCEPTION:
                return [(0.0, exception_reply(request[0], request[1], chance.randint(1, 11)))]
            case Kind.OTHER_LENGTH | Kind.SAME_LENGTH | Kind.STALE:
                found = [
                    old
                    for asked, old in self._earlier
                    if (asked == request) is (kind is Kind.STALE)
                    and (old[:3] == reply[:3]) is (kind is not Kind.OTHER_LENGTH)
                ]
                return [(0.0, chance.choice(found))] if found else None
        body = self._rewritten(kind, request, reply[3:-2])
        return None if body is None else [(0.0, frame(reply[:3] + body))]

    def _rewritten(self, kind: Kind, request: bytes, data: bytes) -> bytes | None:
        """The registers of an answer, wrong, to be sent with a right checksum."""
        chance = self._chance
        if kind is Kind.FLIPPED:
            return _flipped(data, chance, chance.randint(1, 2))
        if kind is Kind.ZERO:
            return bytes(len(data))
        (start,) = struct.unpack(">H", request[2:4])
        at = {IMPORT_BLOCK: _IMPORT_AT, PHASES_BLOCK: 0}.get(start)
        if request[1] != 4 or at is None or len(data) < at + 4:
            return None
        (kwh,) = struct.unpack_from(">f", data, at)
        match kind:
            case Kind.NO_NUMBER:
                kwh = chance.choice((float("nan"), float("inf"), float("-inf"), 2.5e-29, 1e-40))
            case Kind.WRAPPED:
                kwh += 2.0**32 / 1000
            case Kind.THOUSAND:
                kwh *= 1000
            case Kind.BACKWARDS:
                kwh *= 1 - 10 ** chance.uniform(-6, -0.1)
            case Kind.JUMP:
                kwh += 10 ** chance.uniform(-2.5, 4)
        return data[:at] + struct.pack(">f", kwh) + data[at + 4 :]


def _flipped(data: bytes, chance: random.Random, bits: int) -> bytes:
    value = int.from_bytes(data, "big")
    for bit in chance.sample(range(8 * len(data)), bits):
        value ^= 1 << bit
    return value.to_bytes(len(data), "big")
