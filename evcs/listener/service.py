"""Several lines in one process, a thread each; a line that is lost is opened again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from django.db import close_old_connections, connections

from evcs.listener.answering import answer
from evcs.listener.ports import Bound, LineLost, Port, port_for
from mcsp import writer
from mcsp.messages import Answer, Failure, Request
from mcsp.requests import RequestReader, Wrong

log = logging.getLogger(__name__)

REOPEN_FIRST_S, REOPEN_LAST_S = 0.5, 30.0


class LineService(threading.Thread):
    """Listens on one line and answers for its station until it is stopped."""

    def __init__(
        self,
        bound: Bound,
        port: Port,
        carry_out: Callable[[Request | Wrong, str], Answer] = answer,
    ) -> None:
        super().__init__(name=f"line {bound.station}", daemon=True)
        self._bound, self._port, self._carry_out = bound, port, carry_out
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Return soon; what is being carried out is carried out."""
        self._stopping.set()

    def run(self) -> None:
        wait_s = REOPEN_FIRST_S
        try:
            while not self._stopping.is_set():
                try:
                    self._port.open()
                    log.info("%s: listening on %s", self._bound.station, self._bound.port)
                    wait_s = REOPEN_FIRST_S
                    self._listen()
                except LineLost as error:
                    log.warning("%s: %s; trying again", self._bound.station, error)
                finally:
                    self._port.close()
                if self._stopping.wait(wait_s):
                    break
                wait_s = min(2 * wait_s, REOPEN_LAST_S)
        finally:
            connections.close_all()

    def _listen(self) -> None:
        reader = RequestReader()
        while not self._stopping.is_set():
            data = self._port.read()
            now_s = time.monotonic()
            if not data:
                reader.look_at_time(now_s)
                continue
            for request in reader.feed(data, now_s):
                # As around each request of a web server: one that broke is not used again.
                close_old_connections()
                found = self._carry_out(request, self._bound.station)
                close_old_connections()
                self._port.write(self._text(found))

    def _text(self, found: Answer) -> bytes:
        try:
            return writer.answer(found)
        except ValueError:
            log.exception("%s: an answer that cannot be written", self._bound.station)
            request_id = found.request_id
            return writer.answer(Failure(500, "Internal error", request_id))


def serve(lines: Iterable[Bound], baudrate: int) -> Sequence[LineService]:
    """Start a service for each line and return them."""
    services = [LineService(one, port_for(one.port, baudrate)) for one in lines]
    for service in services:
        service.start()
    return services
