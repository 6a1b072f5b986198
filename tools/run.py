"""`make run`: a server, a simulated box and a station, and one charge through all three.

Tells line by line what happens and who does it, then keeps everything running until Ctrl-C so that
one can play on. With --once it exits: 0 when the charge was booked to the watt-hour, else 1.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
import time
from typing import Any

from tools.installation import ROOT, Installation, NotInTime, until

TAG = "04A3C6CAE26180"
SPEED = 60.0
CHARGE_S = 8.0
FOLDER = ROOT / ".run"


def say(who: str, what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {who:<10} {what}", flush=True)


class Narrator:
    """Tells what the contactor does, seen at the contactor itself, as it happens."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.closed = False
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Narrator:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join(timeout=2)

    def _watch(self) -> None:
        while not self.stopping.wait(0.05):
            try:
                closed = self.place.box.state["contactor"]["closed"]
            except OSError:
                return
            if closed != self.closed:
                self.closed = closed
                say("contactor", "closes: 400 V at the wallbox" if closed else "opens")


def charge(place: Installation) -> bool:
    """One charge by a resident. True when what was booked is what flowed."""
    box, station, server = place.box, place.station, place.server
    before = truth(place)
    say("resident", "parks, plugs the car in: 11 kW, three phases, 40 kWh battery at 20 %")
    box.do("plug", "--kw", "11", "--phases", "3", "--battery-kwh", "40", "--soc", "20")
    say("resident", f"holds tag {TAG} to the box")
    box.do("tap", TAG)
    with Narrator(place):
        session = until(lambda: asked(station.status), "the tap was not seen")
        say("box", f"beeps; register read twice, then START {session['uuid']} to the server")
        until(lambda: (station.status or {}).get("contactor", {}).get("commanded_closed"), "closed")
        say("server", f"OK: {whose(place, session['uuid'])}")
        station.wait_for("charging")
        end_s = time.monotonic() + CHARGE_S
        while time.monotonic() < end_s:
            time.sleep(CHARGE_S / 4)
            now = station.status
            if now is not None and now["session"] is not None:
                power, energy = now["meter"]["power_w"], now["session"]["energy_wh"]
                say("meter", f"{power / 1000:5.2f} kW   {energy / 1000:7.3f} kWh")
        say("resident", "holds the same tag to the box again")
        box.do("tap", TAG)
        station.wait_for("finishing")
        say("box", "contactor first; the decision is stored; now the register comes to rest")
        station.wait_for("available")
    booked = until(lambda: ended(place, session["uuid"]), "the END did not reach the server")
    start, end, energy = booked["start_wh"], booked["end_wh"], booked["energy_wh"]
    say(
        "box",
        f"END to the server: register {start} Wh -> {end} Wh of meter {booked['meter_serial']}",
    )
    say(
        "server",
        f"booked {energy / 1000:.3f} kWh to {booked['flat']['name']}, tag "
        f"{booked['tag']}, reason {booked['end_reason']}",
    )
    month = server.get(f"flats/{booked['flat']['id']}/consumption?month={booked['month']}")
    say(
        "server",
        f"{booked['flat']['name']} in {month['month']}: {month['sessions']} session(s), "
        f"{month['energy_kwh']} kWh",
    )
    flowed = truth(place) - before
    say("truth", f"the simulated box let {flowed / 1000:.3f} kWh flow")
    return end - start == energy and abs(energy - flowed) <= 2 * (0.125 + 1)


def asked(status: dict[str, Any] | None) -> dict[str, Any] | None:
    """The box's session, once it has been stored and the server is being asked."""
    session = (status or {}).get("session")
    return session if session is not None and session["uuid"] is not None else None


def truth(place: Installation) -> float:
    return float(place.box.do("ledger")["total_wh"])


def ended(place: Installation, uuid: str) -> dict[str, Any] | None:
    found = session_of(place, uuid)
    return found if found is not None and found["state"] == "ended" else None


def session_of(place: Installation, uuid: str) -> dict[str, Any] | None:
    results = place.server.get("sessions")["results"]
    return next((one for one in results if one["uuid"] == uuid), None)


def whose(place: Installation, uuid: str) -> str:
    found = session_of(place, uuid)
    flat = found["flat"]["name"] if found and found["flat"] else "nobody"
    return f"the tag is registered; the session belongs to {flat}"


HELP = """
It keeps running; Ctrl-C ends it and everything it started.

  pages    {url}/evcs/             login admin or mieter, password {password}
  admin    {url}/admin/            login admin
  API      {url}/api/evcs/v1/      e.g. sessions, flats/1/consumption?month={month}

Play on, in another terminal (energy runs {speed:g} times faster than real time):

  export EVCS_SIMBOX_SOCKET={socket}
  {bin}/evcs-simbox plug --kw 3.7 --phases 1
  {bin}/evcs-simbox tap 16AC936B          # a neighbour; hold it again to stop
  {bin}/evcs-simbox tap 04D55E1F904C81    # a blocked tag
  {bin}/evcs-simbox power cut             # then: power restore --after 3600
  {bin}/evcs-simbox ledger                # the truth, to hold against the bookings
  {bin}/evcs-station status --config {config}
  {bin}/evcs-station sessions --config {config}

Tags and logins of the demo:
{demo}"""


def play_on(place: Installation) -> None:
    """Until Ctrl-C. As systemd would, start the daemon again when it died and there is power."""
    print(
        HELP.format(
            url=place.server.url,
            password=place.server.password,
            month=time.strftime("%Y-%m"),
            speed=SPEED,
            socket=place.box.socket,
            bin=".venv/bin",
            config=place.station.config_file,
            demo="\n".join(f"  {line}" for line in place.demo.splitlines()),
        ),
        flush=True,
    )
    phase = None
    while True:
        time.sleep(0.5)
        station = place.station
        if station.process is not None and not station.process.running:
            if place.box.state["mains"]["on"]:
                say("systemd", "starts the station's daemon again")
                station.stop()
                station.start()
            continue
        found = station.phase
        if found is not None and found != phase:
            say("box", found)
        phase = found or phase


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make run", description=__doc__)
    arguments.add_argument("--once", action="store_true", help="exit after the first charge")
    once = arguments.parse_args().once
    # SIGTERM ends it as Ctrl-C does: through the contexts that stop every process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        say("make run", "starting the server (SQLite), a simulated box and a station")
        with Installation(FOLDER, speed=SPEED, port=8000, debug=True) as place:
            for line in place.demo.splitlines():
                say("server", line)
            place.station.wait_for("available")
            say("box", "free: meter read, reader alive, tag list here")
            try:
                good = charge(place)
            except (NotInTime, RuntimeError) as error:
                print(f"make run: {error}", file=sys.stderr)
                good = False
            if good:
                say("make run", "booked = what flowed, to the watt-hour")
            else:
                print(
                    f"make run: the charge was not booked as it flowed; logs are in {FOLDER}",
                    file=sys.stderr,
                )
            if once or not good:
                return 0 if good else 1
            play_on(place)
    except NotInTime as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake run: ended; nothing is left running")
    return 0


if __name__ == "__main__":
    sys.exit(main())
