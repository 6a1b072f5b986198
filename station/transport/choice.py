"""The transport that the config names, and one that is made when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from station.config import Config
from station.transport.answers import Answer, Transport

if TYPE_CHECKING:
    from station.transport.mcsp import McspTransport
    from station.transport.rest import RestTransport


def transport_of(
    config: Config, *, timeout_s: float | None = None, user_agent: str = "evcs-station"
) -> RestTransport | McspTransport:
    """Nothing is opened or asked yet. ``timeout_s``: of one call, if not the config's.

    Only what is used is loaded: requests takes longer than all the rest of the daemon.
    """
    server = config.server
    wanted_s = server.timeout_s if timeout_s is None else timeout_s
    if server.transport == "mcsp":
        from drivers.text_line import TextLine
        from station.transport.mcsp import McspTransport

        line = TextLine(server.port or "", server.baudrate)
        return McspTransport(line, config.name, legacy=server.mcsp_legacy, timeout_s=wanted_s)
    from station.transport.rest import RestTransport

    return RestTransport(
        server.url,
        server.token,
        timeout_s=wanted_s,
        ca_file=server.ca_file,
        user_agent=user_agent,
    )


class LateTransport:
    """A transport that is made by its first call, in the thread that makes the call."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._made: Transport | None = None

    @property
    def end_tells_all(self) -> bool:
        return self._now().end_tells_all

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._now().start(uuid, body)

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._now().end(uuid, body)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        return self._now().readings(uuid, body)

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        return self._now().heartbeat(body)

    def tags(self, etag: str | None) -> Answer:
        return self._now().tags(etag)

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        return self._now().quarantine(message_id, raw, reason)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _now(self) -> Transport:
        if self._made is None:
            self._made = self._make()
        return self._made
