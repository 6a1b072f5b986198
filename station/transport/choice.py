"""The transport that the config names."""

from __future__ import annotations

from drivers.text_line import TextLine
from station.config import Config
from station.transport.mcsp import McspTransport
from station.transport.rest import RestTransport


def transport_of(
    config: Config, *, timeout_s: float | None = None, user_agent: str = "evcs-station"
) -> RestTransport | McspTransport:
    """Nothing is opened or asked yet. ``timeout_s``: of one call, if not the config's."""
    server = config.server
    wanted_s = server.timeout_s if timeout_s is None else timeout_s
    if server.transport == "mcsp":
        line = TextLine(server.port or "", server.baudrate)
        return McspTransport(line, config.name, legacy=server.mcsp_legacy, timeout_s=wanted_s)
    return RestTransport(
        server.url,
        server.token,
        timeout_s=wanted_s,
        ca_file=server.ca_file,
        user_agent=user_agent,
    )
