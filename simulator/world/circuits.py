"""The circuits between the header and the power path, as they are soldered in the box.

Outputs of the Pi become a coil's current, a release, a trip; contacts in the box become levels on
the Pi's inputs. Pure; time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Collection

from simulator.world.box_faults import BoxFault
from simulator.world.header import Header
from simulator.world.rail import Rail
from simulator.world.relays import ShuntTrip, TimeRelay
from simulator.world.wiring import Wire, Wiring

# Each has a resistor in the box that keeps it inactive while nothing drives its line.
_HELD_INACTIVE = (Wire.CONTACTOR, Wire.ENABLE, Wire.TRIP)


class Circuits:
    """``commanded``: the contactor's line is at its active level, whatever the coil does."""

    def __init__(self, header: Header, wiring: Wiring, rail: Rail) -> None:
        self.relay = TimeRelay()
        self.trip = ShuntTrip()
        self._header = header
        self._wiring = wiring
        self._rail = rail
        heartbeat = wiring.get(Wire.HEARTBEAT)
        self._heartbeat = None if heartbeat is None else heartbeat.bcm
        self._heartbeat_level = 0 if heartbeat is None else header.level(heartbeat.bcm)

    @property
    def next_due_s(self) -> float | None:
        """When the time relay drops or the shunt trip trips."""
        moments = (self.relay.due_s, self.trip.due_s)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def commanded(self) -> bool:
        return bool(self._active(Wire.CONTACTOR))

    def arrive(self, due_s: float) -> bool:
        """What was due happens; True when the shunt trip tripped."""
        if self.relay.due_s == due_s:
            self.relay.drop()
        tripped = self.trip.due_s == due_s
        if tripped:
            self.trip.arrive()
        return tripped

    def line_changed(self, bcm: int, now_s: float) -> None:
        """A line of the header changed its level, or its direction alone."""
        if bcm == self._heartbeat:
            level = self._header.level(bcm)
            if level != self._heartbeat_level:
                self.relay.toggled(now_s)
            self._heartbeat_level = level

    def settle(self, faults: Collection[BoxFault], now_s: float) -> None:
        """Let what the lines say reach the power path, and the contacts the inputs."""
        self._pull_to_rest()
        mains = self._rail.mains.on
        if not mains:
            self.relay.drop()
        # A real stop button breaks the coil's circuit; its input only reports it.
        stopped = BoxFault.STOP_PRESSED in faults
        held = self._heartbeat is None or self.relay.closed
        self._rail.contactor.set_coil(self.commanded and mains and held and not stopped, now_s)
        self.trip.set_active(mains and bool(self._active(Wire.TRIP)), now_s)
        self._rail.tripped = self.trip.tripped
        self._rail.release_line = self._active(Wire.ENABLE) is not False
        self._rail.settle(now_s)
        self._drive_inputs(faults)

    def _active(self, wire: Wire) -> bool | None:
        """Whether a wire's line is at its active level; None when it is not fitted."""
        pin = self._wiring.get(wire)
        return None if pin is None else self._header.level(pin.bcm) == pin.active_level

    def _pull_to_rest(self) -> None:
        for wire in _HELD_INACTIVE:
            if (pin := self._wiring.get(wire)) is not None:
                self._header.drive(pin.bcm, pin.inactive_level)
        # The reader's board pulls its own reset line up.
        if (reset := self._wiring.get(Wire.RESET)) is not None:
            self._header.drive(reset.bcm, reset.active_level)

    def _drive_inputs(self, faults: Collection[BoxFault]) -> None:
        # Stop and mirror contact are closed at rest and hold the inactive level; when they open
        # (or their wire breaks) only the Pi's own pull is left. The vehicle contact closes.
        moved = self._rail.contactor.closed
        for wire, opened in (
            (Wire.STOP, BoxFault.STOP_PRESSED in faults),
            (Wire.FEEDBACK, moved or BoxFault.FEEDBACK_BROKEN in faults),
        ):
            if (pin := self._wiring.get(wire)) is not None:
                self._header.drive(pin.bcm, None if opened else pin.inactive_level)
        if (pin := self._wiring.get(Wire.VEHICLE)) is not None:
            self._header.drive(pin.bcm, None if self._rail.car is None else pin.active_level)
