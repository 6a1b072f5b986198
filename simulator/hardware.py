"""The assembled box: the model, the reader chip, the meter on its line, and real time.

One lock covers model, chip and field; every public method takes it and may be called from any
thread. Two threads belong to it: the ticker, which lets due things happen without a client, and the
meter's line. The lock is never held while the line is told something, because the line's thread
asks the model for the meter's quantities.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from simulator.electrical import Electrical
from simulator.errors import NoMains
from simulator.faults import FAULT_NAMES, known
from simulator.meter.line import WARM_UP_S, RtuLine
from simulator.meter.meter_faults import MeterFault, MeterFaults
from simulator.meter.meter_models import SDM630, MeterModel
from simulator.meter.sdm630 import Sdm630
from simulator.rfid.mfrc522 import Mfrc522Chip
from simulator.rfid.picc import Field
from simulator.world.box import Attached, Box
from simulator.world.box_faults import BoxFault
from simulator.world.build import Build

_TICK_S = 0.020


class Hardware:
    """``event(t_us, kind, fields)`` hears of every change; it is called under the lock: be quick.

    ``meter_port(path)`` is told where the meter's line can be opened, None while it is unplugged.
    ``meter_baudrate``: the model's unless given. Raises Refused for one that the model has not.
    """

    def __init__(
        self,
        *,
        event: Callable[[int, str, dict[str, Any]], None],
        meter_port: Callable[[str | None], None],
        built: Build | None = None,
        speed: float = 1.0,
        seed: int = 0,
        meter_model: MeterModel = SDM630,
        meter_baudrate: int | None = None,
        meter_warm_up_s: float = WARM_UP_S,
    ) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._due_changed = threading.Condition(self._lock)
        self._planned_s = 0.0
        self._stopping = False
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._field = Field()
        self._chip = Mfrc522Chip(self._field)
        self._chip.faults.reseed(seed)
        self._meter_faults = MeterFaults()
        baudrate = meter_baudrate or meter_model.baudrate
        meter = Sdm630(
            self._electrical, model=meter_model, baudrate=baudrate, faults=self._meter_faults
        )
        self._line = RtuLine(
            meter.answer,
            baudrate,
            warm_up_s=meter_warm_up_s,
            faults=self._meter_faults,
            on_port=meter_port,
            seed=seed,
        )
        self._box = Box(
            time.monotonic(),
            wall_s=time.time(),
            built=built,
            speed=speed,
            seed=seed,
            attached=Attached(
                event=lambda t_s, kind, fields: event(round(t_s * 1e6), kind, fields),
                cards=lambda uids: self._field.present(*uids),
                reader_reset=lambda low, t_s: self._chip.set_reset(low, t_s * 1e6),
            ),
        )

    def start(self) -> None:
        """Switch on: the meter listens, time passes."""
        self._line.start()
        self._ticker.start()

    def stop(self) -> None:
        """End both threads and close the meter's line. Returns when they are gone."""
        with self._lock:
            self._stopping = True
            self._due_changed.notify()
        self._ticker.join()
        self._line.stop()

    @property
    def meter_port(self) -> str:
        """Where the meter's line can be opened."""
        return self._line.port

    @contextmanager
    def now(self) -> Iterator[tuple[Box, float]]:
        """The model and the present moment in monotonic s; all of it is yours until you leave."""
        with self._lock:
            yield self._box, time.monotonic()
            due_s = self._box.next_due_s
            if due_s is not None and due_s < self._planned_s:
                self._due_changed.notify()

    def transfer(self, tx: bytes, speed_hz: int) -> bytes:
        """One SPI transfer to the chip. Raises NoMains, ValueError for what SPI cannot do."""
        with self._lock:
            if not self._box.rail.mains.on:
                raise NoMains
            return self._chip.transfer(tx, time.monotonic() * 1e6, speed_hz)

    def cut(self, kill: Callable[[], list[int]]) -> list[int]:
        """Mains off. ``kill`` ends what runs on the Pi and tells which processes those were.

        It comes first: a Pi without power writes no last words about the lines that went down.
        """
        with self.now() as (box, now_s):
            if not box.rail.mains.on:
                raise NoMains
            killed = kill()
            now_s = time.monotonic()
            box.cut(now_s)
            self._chip.set_reset(True, now_s * 1e6)
        self._line.set_powered(False)
        return killed

    def restore(self, after_s: float) -> None:
        """Mains on again, ``after_s`` simulated seconds later."""
        with self.now() as (box, now_s):
            box.restore(now_s, after_s)
            self._chip.set_reset(False, now_s * 1e6)
        self._line.set_powered(True)

    def set_fault(self, name: str, on: bool) -> None:
        """Break or mend something by name. Raises Refused with the names there are."""
        known(name)
        if name in list(MeterFault):
            (self._meter_faults.set if on else self._meter_faults.clear)(name)
        with self.now() as (box, now_s):
            if name in list(BoxFault):
                box.set_fault(BoxFault(name), on, now_s)
            elif name not in list(MeterFault):
                (self._chip.faults.set if on else self._chip.faults.clear)(name)
            self._event(round(now_s * 1e6), "fault", {"name": name, "active": on})

    def clear_faults(self) -> None:
        """Mend everything."""
        for name in self.active_faults():
            self.set_fault(name, False)

    def active_faults(self) -> list[str]:
        """The names of what is broken, in the order of FAULT_NAMES."""
        with self._lock:
            active = {*self._meter_faults.active, *self._chip.faults.active, *self._box.faults}
        return [name for name in FAULT_NAMES if name in active]

    def set_register(self, wh: float) -> None:
        """Put the meter's import register to ``wh``. Raises Refused out of range."""
        with self.now() as (box, now_s):
            box.set_register(wh, now_s)

    def _electrical(self) -> Electrical:
        with self.now() as (box, now_s):
            box.advance(now_s)
            return box.rail.electrical()

    def _tick(self) -> None:
        with self._lock:
            while not self._stopping:
                now_s = time.monotonic()
                self._box.advance(now_s)
                tick_s, due_s = now_s + _TICK_S, self._box.next_due_s
                self._planned_s = tick_s if due_s is None else min(tick_s, due_s)
                self._due_changed.wait(max(0.0, self._planned_s - time.monotonic()))
