"""A server that answers every call of a station in 20 ms: ``python -m bench.quick_server PORT``.

It keeps nothing. ``PUT /mute`` lets it take calls and say nothing until ``PUT /speak``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER_S = 0.020
GROUP = "5e2d9c41b7a0f386"
TAGS = ("04A3C6CAE26180", "7D21F0A4")

speaking = threading.Event()
speaking.set()


def answer_to(path: str) -> dict[str, Any]:
    """What the contract has for this call, when all is well."""
    told: dict[str, Any] = {"service": "evcs", "server_time": datetime.now(UTC).isoformat()}
    if path.endswith("/tags"):
        entry = {"status": "accepted", "expires_at": None, "group": GROUP}
        return told | {"tags": [entry | {"tag": tag} for tag in TAGS]}
    told |= {"last_seq": 0, "action": "continue", "flags": []}
    if path.endswith("/heartbeat"):
        return told | {"heartbeat_s": 60, "tags_etag": '"v1"', "commands": []}
    if path.endswith("/readings"):
        return told | {"stored": 1}
    return told | {"session_id": 1, "group": GROUP, "energy_wh": 0}


class Handler(BaseHTTPRequestHandler):
    """One connection of the station."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a log would be timed too."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/mute":
            speaking.clear()
        elif self.path == "/speak":
            speaking.set()
        else:
            time.sleep(ANSWER_S)
            speaking.wait()
        body = json.dumps(answer_to(self.path)).encode()
        head = (
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: "v1"\r\n'
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n"
        )
        self.wfile.write(head + body)


def main(arguments: list[str]) -> None:
    ThreadingHTTPServer(("127.0.0.1", int(arguments[0])), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
