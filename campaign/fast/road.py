"""The way between box and server, as an adapter of requests: what networks and proxies do.

A request may not arrive, arrive once, up to five times, or once more later, behind others; its
answer may not come back, come too late, come in half, garbled, or from somebody else. The server
commits before its answer can be lost.
"""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from campaign.fast.house import House

TIMEOUT_S = 3.0
LONGEST_MEMORY = 40


@dataclass(frozen=True, slots=True)
class Weather:
    """Chances, each per request: what happens to it is drawn anew every time."""

    lost: float = 0.0  # the request does not arrive
    answer_lost: float = 0.0  # committed, and nobody hears of it
    late: float = 0.0  # committed, the answer comes after the timeout
    half: float = 0.0  # committed, the body breaks off
    garbled: float = 0.0  # committed, the body is no JSON any more
    proxy_error: float = 0.0  # a proxy's page: 502, 404, 401, 200
    busy: float = 0.0  # the server's own 503, nothing done
    tls: float = 0.0  # the certificate is not valid (any more)
    repeated: float = 0.0  # delivered 2 to 5 times
    copied: float = 0.0  # a copy arrives once more, behind later requests


CLEAR = Weather()
WEATHERS = {
    "clear": CLEAR,
    "away": Weather(lost=1.0),
    "mute": Weather(answer_lost=1.0),
    "rough": Weather(0.15, 0.15, 0.1, 0.05, 0.05, 0.1, 0.05, 0.0, 0.3, 0.2),
    "lossy": Weather(lost=0.3, answer_lost=0.3),
    "repeating": Weather(repeated=0.8, copied=0.4),
    "proxy down": Weather(proxy_error=1.0),
    "half answers": Weather(half=0.5, garbled=0.3),
    "busy": Weather(busy=0.7),
    "certificate expired": Weather(tls=1.0),
}

_PAGES = (
    (502, "<h1>502 Bad Gateway</h1>"),
    (504, ""),
    (404, "<h1>Not Found</h1>"),
    (401, "<h1>Sign in to the hotel's network</h1>"),
    (409, '{"code": 409}'),
    (200, "<h1>It works!</h1>"),
    (201, '{"session_id": 1, "action": "continue"}'),
    (302, ""),
)
_BUSY = {
    "service": "evcs",
    "type": "about:blank",
    "title": "later",
    "status": 503,
    "detail": "",
    "code": 503,
    "errors": {},
    "server_time": "2026-11-22T06:00:00Z",
}


class Road(HTTPAdapter):
    """``took_s``: how long the last exchange took. ``on_way(place, path)`` may end the world."""

    def __init__(self, house: House, dice: random.Random) -> None:
        super().__init__()
        self.weather = CLEAR
        self.took_s = 0.0
        self.counted: Counter[str] = Counter()
        self.on_way: Callable[[str, str], None] = lambda place, path: None
        self._house = house
        self._dice = dice
        self._copies: list[tuple[str, str, dict[str, str], bytes]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """One exchange. Raises what requests raises for a network that fails."""
        dice, weather = self._dice, self.weather
        self.took_s = dice.uniform(0.01, 0.12)
        self._deliver_copies()
        path = urlsplit(request.url or "").path
        if self._happens("certificate", weather.tls):
            raise requests.exceptions.SSLError("certificate has expired")
        if self._happens("request lost", weather.lost):
            self.took_s = dice.choice((0.001, TIMEOUT_S))
            raise requests.ConnectionError("nobody there")
        if self._happens("proxy's answer", weather.proxy_error):
            status, page = dice.choice(_PAGES)
            return self._response(request, status, {"Content-Type": "text/html"}, page.encode())
        if self._happens("server busy", weather.busy):
            head = {"Content-Type": "application/problem+json"}
            if dice.random() < 0.5:
                head["Retry-After"] = str(dice.randint(1, 20))
            return self._response(request, 503, head, json.dumps(_BUSY).encode())
        self.on_way("request", path)
        status, headers, body = self._delivered(request, path)
        self.on_way("answer", path)
        if self._happens("answer lost", weather.answer_lost):
            self.took_s = TIMEOUT_S
            raise requests.ReadTimeout("no answer")
        if self._happens("answer late", weather.late):
            self.took_s = TIMEOUT_S
            raise requests.ReadTimeout("the answer was not complete in time")
        if self._happens("half an answer", weather.half):
            self.took_s = TIMEOUT_S
            body = body[: dice.randrange(len(body))] if body else body
            if dice.random() < 0.5:
                raise requests.ConnectionError("incomplete read")
        elif self._happens("answer garbled", weather.garbled):
            body = _garbled(body, dice)
        return self._response(request, status, headers, body)

    def _delivered(
        self, request: requests.PreparedRequest, path: str
    ) -> tuple[int, dict[str, str], bytes]:
        """To the server, as often as the network likes; one of its answers."""
        body = request.body or b""
        sent = body if isinstance(body, bytes) else body.encode()
        whole = (request.method or "GET", path, dict(request.headers), sent)
        times = 1
        if self._happens("delivered several times", self.weather.repeated):
            times = self._dice.randint(2, 5)
        answers = [self._house.answer(*whole) for _ in range(times)]
        if self._happens("copy kept for later", self.weather.copied):
            self._copies = [*self._copies, whole][-LONGEST_MEMORY:]
        return self._dice.choice((answers[0], answers[-1]))

    def _deliver_copies(self) -> None:
        """Earlier requests arrive once more; nobody waits for what the server says to them."""
        while self._copies and self._dice.random() < 0.4:
            self.counted["copy delivered late"] += 1
            self._house.answer(*self._copies.pop(self._dice.randrange(len(self._copies))))

    def _happens(self, what: str, chance: float) -> bool:
        if chance == 0.0 or self._dice.random() >= chance:
            return False
        self.counted[what] += 1
        return True

    def _response(
        self, request: requests.PreparedRequest, status: int, headers: dict[str, str], body: bytes
    ) -> requests.Response:
        raw = HTTPResponse(
            body=io.BytesIO(body), headers=headers, status=status, preload_content=False
        )
        return self.build_response(request, raw)


def _garbled(body: bytes, dice: random.Random) -> bytes:
    """A complete body that is no JSON: NUL stands in none."""
    at = dice.randint(0, len(body))
    return body[:at] + b"\x00" + body[at:]
