"""Uplinks with a defect, for tests that show that the claims about delivery would find it.

Each stands around the real transport and does what a careless uplink would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from station.transport.answers import Answer, Kind, Transport

DONE = Answer(Kind.DONE)


class Meddler:
    """Passes everything on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def end_tells_all(self) -> bool:
        return self._transport.end_tells_all

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._transport.start(uuid, body)

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._transport.end(uuid, body)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._transport.readings(uuid, body)

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        return self._transport.heartbeat(body)

    def tags(self, etag: str | None) -> Answer:
        return self._transport.tags(etag)

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        return self._transport.quarantine(message_id, raw, reason)

    def close(self) -> None:
        self._transport.close()


class NewUuidAtEveryAttempt(Meddler):
    """Takes a lost answer for a lost request, and begins anew."""

    _attempts = 0

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        self._attempts += 1
        return super().end(str(uuid5(NAMESPACE_OID, f"{uuid} {self._attempts}")), body)


class GivesUpOnSilence(Meddler):
    """Takes silence for consent."""

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        answer = super().end(uuid, body)
        return answer if answer.heard else DONE


class Careless(Meddler):
    """Forgets the third END, sends the fifth after the sixth, rounds the eighth up by 1 Wh, and
    only says that the second session's readings were sent."""

    _ends = 0
    _readings = 0
    _held: tuple[str, Mapping[str, Any]] | None = None

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        self._ends += 1
        if self._ends == 3:
            return DONE
        if self._ends == 5:
            self._held = uuid, body
            return DONE
        if self._ends == 8:
            meter = {**body["meter_end"], "import_wh": body["meter_end"]["import_wh"] + 1}
            body = {**body, "meter_end": meter}
        answer = super().end(uuid, body)
        if self._held is not None:
            super().end(*self._held)
            self._held = None
        return answer

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        self._readings += 1
        return DONE if self._readings == 2 else super().readings(uuid, body)
