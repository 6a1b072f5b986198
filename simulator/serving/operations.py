"""The requests that the box understands: name and arguments in, a dictionary out.

Any thread; the hardware's lock does the rest. Only Refused is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.errors import Refused
from simulator.faults import FAULT_NAMES
from simulator.hardware import Hardware
from simulator.serving import report
from simulator.serving.arguments import Arguments
from simulator.world.car import WAKE_UP_S, Car
from simulator.world.header import Direction, Pull

Answer = dict[str, Any]

_LONGEST_HOLD_S = 86_400.0


class Operations:
    """``kill`` ends the processes that run on the Pi and returns their ids."""

    def __init__(self, hardware: Hardware, kill: Callable[[], list[int]]) -> None:
        self._hardware = hardware
        self._kill = kill
        self._by_name: dict[str, Callable[[Arguments], Answer]] = {
            "spi": self._spi,
            "gpio_setup": self._gpio_setup,
            "gpio_write": self._gpio_write,
            "gpio_read": self._gpio_read,
            "supply": self._supply,
            "clock": self._clock,
            "clock_set": self._clock_set,
            "clock_step": self._clock_step,
            "clock_synced": self._clock_synced,
            "tap": self._tap,
            "present": self._present,
            "remove": self._remove,
            "plug": self._plug,
            "unplug": self._unplug,
            "power_cut": self._power_cut,
            "power_restore": self._power_restore,
            "reset_trip": self._reset_trip,
            "fault": self._fault,
            "clear": self._clear,
            "faults": self._faults,
            "meter_set": self._meter_set,
            "state": self._state,
            "ledger": self._ledger,
        }

    def carry_out(self, name: str, arguments: Arguments) -> Answer:
        """Do one thing. Raises Refused, also for a name that is not known."""
        operation = self._by_name.get(name)
        if operation is None:
            raise Refused(f"the box cannot `{name}`; it can: {', '.join(self._by_name)}, watch")
        return operation(arguments)

    # --- the Raspberry Pi's pins

    def _spi(self, arguments: Arguments) -> Answer:
        tx, speed_hz = arguments.octets("tx"), arguments.integer("hz", 1_000_000)
        try:
            return {"rx": self._hardware.transfer(tx, speed_hz).hex()}
        except ValueError as error:
            raise Refused(f"spi: {error}") from None

    def _gpio_setup(self, arguments: Arguments) -> Answer:
        bcm, direction = arguments.integer("bcm"), arguments.text("direction")
        if direction == Direction.OUT:
            level = arguments.level("level")
            with self._hardware.now() as (box, now_s):
                box.setup_output(bcm, level, now_s)
        elif direction == Direction.IN:
            pull = arguments.text("pull", Pull.OFF)
            if pull not in list(Pull):
                raise Refused(f"pull: one of {', '.join(Pull)} is needed")
            with self._hardware.now() as (box, now_s):
                box.setup_input(bcm, Pull(pull), now_s)
        else:
            raise Refused(f"direction: one of {', '.join(Direction)} is needed")
        return {}

    def _gpio_write(self, arguments: Arguments) -> Answer:
        bcm, level = arguments.integer("bcm"), arguments.level("level")
        with self._hardware.now() as (box, now_s):
            box.write(bcm, level, now_s)
        return {}

    def _gpio_read(self, arguments: Arguments) -> Answer:
        bcm = arguments.integer("bcm")
        with self._hardware.now() as (box, now_s):
            return {"level": box.read(bcm, now_s)}

    # --- supply and clock

    def _supply(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, _now_s):
            return report.supply(box)

    def _clock(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, now_s):
            return report.clock(box, now_s)

    def _clock_set(self, arguments: Arguments) -> Answer:
        wall_s = arguments.number("wall_s")
        with self._hardware.now() as (box, now_s):
            box.set_clock(wall_s, now_s)
            return report.clock(box, now_s)

    def _clock_step(self, arguments: Arguments) -> Answer:
        seconds = arguments.number("seconds")
        with self._hardware.now() as (box, now_s):
            box.set_clock(box.clock.wall_s(now_s) + seconds, now_s)
            return report.clock(box, now_s)

    def _clock_synced(self, arguments: Arguments) -> Answer:
        synced = arguments.flag("synced")
        with self._hardware.now() as (box, now_s):
            box.set_synced(synced, now_s)
            return report.clock(box, now_s)

    # --- people

    def _tap(self, arguments: Arguments) -> Answer:
        hold_s = arguments.number("hold_s", 0.6)
        if not 0.0 < hold_s <= _LONGEST_HOLD_S:
            raise Refused(f"hold: more than 0 and at most {_LONGEST_HOLD_S:.0f} seconds")
        return {**self._hold(arguments, hold_s), "hold_s": hold_s}

    def _present(self, arguments: Arguments) -> Answer:
        return self._hold(arguments, None)

    def _hold(self, arguments: Arguments, hold_s: float | None) -> Answer:
        uids = arguments.uids("uids")
        with self._hardware.now() as (box, now_s):
            box.present(uids, now_s, hold_s)
            return {"tags": [uid.hex().upper() for uid in box.tags]}

    def _remove(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, now_s):
            box.remove(now_s)
        return {"tags": []}

    def _plug(self, arguments: Arguments) -> Answer:
        car = Car(
            kw=arguments.number("kw", 11.0),
            phases=arguments.integer("phases", 3),
            battery_kwh=arguments.number("battery_kwh", 40.0),
            soc_percent=arguments.number("soc", 20.0),
            delay_s=arguments.number("delay_s", WAKE_UP_S),
            after_s=arguments.number("after_s", 0.0),
            precondition=arguments.flag("precondition", False),
            taper_w=arguments.number_or_none("taper_w"),
        )
        with self._hardware.now() as (box, now_s):
            box.plug(car, now_s)
            return {"car": report.car(box)}

    def _unplug(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, now_s):
            car = box.unplug(now_s)
        return {"soc": car.battery.soc}

    # --- the world

    def _power_cut(self, _: Arguments) -> Answer:
        return {"killed": self._hardware.cut(self._kill)}

    def _power_restore(self, arguments: Arguments) -> Answer:
        self._hardware.restore(arguments.number("after_s", 0.0))
        return self._clock(arguments)

    def _reset_trip(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, now_s):
            box.reset_trip(now_s)
            return {"tripped": box.rail.tripped}

    def _fault(self, arguments: Arguments) -> Answer:
        self._hardware.set_fault(arguments.text("name"), True)
        return self._faults(arguments)

    def _clear(self, arguments: Arguments) -> Answer:
        name = arguments.text("name")
        if name == "all":
            self._hardware.clear_faults()
        else:
            self._hardware.set_fault(name, False)
        return self._faults(arguments)

    def _faults(self, _: Arguments) -> Answer:
        return {"active": self._hardware.active_faults(), "known": list(FAULT_NAMES)}

    def _meter_set(self, arguments: Arguments) -> Answer:
        wh = arguments.number("wh")
        self._hardware.set_register(wh)
        return {"wh": wh}

    # --- what can be seen

    def _state(self, _: Arguments) -> Answer:
        faults, port = self._hardware.active_faults(), self._hardware.meter_port
        with self._hardware.now() as (box, now_s):
            return report.state(box, now_s, faults, port)

    def _ledger(self, _: Arguments) -> Answer:
        with self._hardware.now() as (box, now_s):
            box.advance(now_s)
            return box.rail.ledger.as_dict()
