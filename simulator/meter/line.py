"""The meter's RS485 line as a pseudo-terminal, at the speed of the real line.

A pseudo-terminal hands over whole messages at once; a line needs its time for every byte. So a
request counts as heard only when the line would have carried it, and a reply comes byte by byte
against absolute deadlines. Requests that arrive meanwhile wait for their turn, as in a gateway with
a buffer: the hardest case for a master, because late replies queue up.

``RtuLine`` has a thread of its own, which calls ``answer``. Its public methods may be called from
any thread; only ``stop`` waits for that thread.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.modbus_rtu import is_sound, request_length
from simulator.meter.pty_port import PtyPort

# A scheduler's hiccup between two parts of one request must not look like the end of it.
_SLACK_S = 0.02
_LATE_BY_S = (0.2, 0.6)

WARM_UP_S = 2.5
"""How long a real meter may take from power-on to its first answer."""


class RtuLine:
    """One slave on a line; ``answer`` takes a request frame and returns a reply, or None.

    ``turnaround_s``: from the end of the request to the start of the reply. ``warm_up_s``: how long
    the slave is silent when its power comes back. ``pace=False`` leaves out the delays of line and
    slave. ``on_port`` is told every new value of ``port`` by the thread that caused it. ``seed``
    makes ``meter-garbage`` and ``meter-late-answer`` repeatable.
    """

    def __init__(
        self,
        answer: Callable[[bytes], bytes | None],
        baudrate: int = 9600,
        bits_per_char: int = 10,
        turnaround_s: float = 0.020,
        *,
        warm_up_s: float = WARM_UP_S,
        pace: bool = True,
        faults: MeterFaults | None = None,
        on_port: Callable[[str], None] | None = None,
        seed: int = 0,
    ) -> None:
        self._answer = answer
        self._char_s = bits_per_char / baudrate if pace else 0.0
        self._silence_s = 3.5 * self._char_s + _SLACK_S
        self._turnaround_s = turnaround_s if pace else 0.0
        self._warm_up_s = warm_up_s
        self._faults = faults or MeterFaults()
        self._on_port = on_port
        self._random = random.Random(seed)
        self._pty = PtyPort()
        self._thread = threading.Thread(target=self._run, name="meter-line", daemon=True)
        # Held while it is decided whether the port is there, and never longer.
        self._plug_lock = threading.Lock()
        self._running = False
        self._plug_wanted = True
        self._powered = True
        self._warm_at = 0.0
        # Only the thread touches these.
        self._plugging = 0
        self._heard = bytearray()
        self._heard_until = 0.0
        self._faults.subscribe(self._plug_or_unplug)

    @property
    def port(self) -> str:
        """Path of the serial port to open; empty while unplugged."""
        return self._pty.path

    def start(self) -> None:
        """Plug in and begin to answer. Once only."""
        self._running = True
        self._plug_or_unplug()
        self._thread.start()

    def stop(self) -> None:
        """Unplug for good and end the thread; a second call does nothing."""
        if not self._running:
            return
        self._running = False
        self._plug_or_unplug()
        self._pty.wake()
        self._thread.join()
        self._pty.close()

    def set_powered(self, on: bool) -> None:
        """Mains of the meter: without it the line is silent, and a reply under way breaks off.

        Back again, it is silent for ``warm_up_s`` more. At the start it has long been on.
        """
        if on and not self._powered:
            self._warm_at = time.monotonic() + self._warm_up_s
        self._powered = on

    def plug(self, on: bool) -> None:
        """The USB adapter: unplugged the port is gone, plugged in again it is a new one."""
        self._plug_wanted = on
        self._plug_or_unplug()

    def _plug_or_unplug(self) -> None:
        with self._plug_lock:
            unplugged = MeterFault.UNPLUGGED in self._faults.active
            changed = self._pty.plug(self._running and self._plug_wanted and not unplugged)
        if changed and self._on_port is not None:
            self._on_port(self._pty.path)

    def _run(self) -> None:
        while self._running:
            taken = self._take_request()
            if taken is not None:
                self._serve(*taken)
            else:
                self._listen(self._heard_until + self._silence_s if self._heard else None)

    def _take_request(self) -> tuple[bytes, float] | None:
        """The next request, and the time at which the line would have carried its last byte.

        A request that no known length ends is ended by silence; damage is dropped up to there.
        """
        heard = bytes(self._heard)
        length = request_length(heard)
        if length is None or len(heard) < length or not is_sound(heard[:length]):
            if not heard or time.monotonic() < self._heard_until + self._silence_s:
                return None
            length = len(heard)
        request = heard[:length]
        del self._heard[:length]
        return request, self._heard_until - len(self._heard) * self._char_s

    def _serve(self, request: bytes, heard_at: float) -> None:
        active = self._faults.active
        if MeterFault.ECHO in active:
            self._send(request, heard_at - len(request) * self._char_s)
        self._listen_until(heard_at)
        if MeterFault.SILENT in active or heard_at < self._warm_at:
            return
        reply = self._answer(request)
        if reply is None:
            return
        if MeterFault.GARBAGE in active:
            reply = self._damaged(reply)
        begin = heard_at + self._turnaround_s
        if MeterFault.LATE_ANSWER in active:
            begin += self._random.uniform(*_LATE_BY_S)
        self._send(reply, begin)

    def _send(self, data: bytes, begin: float) -> None:
        """Send byte by byte, each when its last bit would be through."""
        plugging = self._plugging
        sent = 0
        while sent < len(data):
            self._listen_until(begin + (sent + 1) * self._char_s)
            due = len(data)
            if self._char_s:
                # More than one byte is due when this thread was held up.
                late_s = time.monotonic() - begin
                due = min(len(data), max(sent + 1, int(late_s / self._char_s)))
            if not self._powered or not self._pty.send(data[sent:due], plugging):
                return
            sent = due

    def _listen_until(self, deadline: float) -> None:
        while time.monotonic() < deadline and self._running:
            self._listen(deadline)

    def _listen(self, deadline: float | None) -> None:
        """Take in what comes until ``deadline``, or the next thing that happens."""
        data = self._pty.listen(deadline)
        if self._plugging != self._pty.plugging:
            self._plugging = self._pty.plugging
            self._heard.clear()
        if data:
            self._heard += data
            self._heard_until = max(time.monotonic(), self._heard_until)
            self._heard_until += len(data) * self._char_s

    def _damaged(self, reply: bytes) -> bytes:
        """``reply`` as a bad line delivers it: a bit flipped, its end cut off, noise before it."""
        kind = self._random.randrange(3)
        if kind == 0:
            at = self._random.randrange(len(reply))
            flipped = reply[at] ^ (1 << self._random.randrange(8))
            return reply[:at] + bytes((flipped,)) + reply[at + 1 :]
        if kind == 1:
            return reply[: self._random.randrange(1, len(reply))]
        return self._random.randbytes(self._random.randint(1, 3)) + reply
