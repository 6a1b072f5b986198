"""The language of the stories: what each sentence does. docs/stories.md shows how to write one.

A story is a text file: a title, then a sentence a line beginning with given, when, then. Every
sentence is a pattern here; a sentence that none fits is an error that shows the nearest.
"""

from __future__ import annotations

import difflib
import json
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station import control, failsafe
from station.daemon import JOURNAL_FILE
from station.journal import database
from station.journal.store import Store
from tests.stories.recorder import Recorder, Seen
from tests.stories.wire import Mode, Wire
from tools.installation import Box, Server, Station, until

PEOPLE = {
    "Anna": "04A3C6CAE26180",  # Wohnung 3 links
    "Anna's second tag": "7D21F0A4",  # Wohnung 3 links
    "Bert": "16AC936B",  # Wohnung 1 links
    "Carla": "04B17A5C3D6E80",  # Wohnung 2 rechts
    "a blocked tag": "04D55E1F904C81",
    "an expired tag": "5E0B9C38",
    "an unknown tag": "0BADF00D",
}


@dataclass
class Stage:
    """Everything one story has to itself, and the server that it shares."""

    folder: Path
    server: Server
    name: str
    speed: float = 60.0
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    started: bool = False
    mark: int = 0
    mark_us: int = 0

    def begin(self) -> None:
        """Bring up box and station at the first sentence that is not a `given`."""
        self.started = True
        token = self.folder / "token"
        token.write_text(self.server.manage("evcs_station", self.name).split()[-1] + "\n")
        self.wire = Wire(self.server.port)
        self.box = Box(self.folder, speed=self.speed, baudrate=19200)
        self.box.start()
        self.recorder = Recorder(str(self.box.socket))
        self.changes.setdefault("meter", {}).setdefault("baudrate", 19200)
        self.station = Station(self.name, self.folder, self.box, self.wire.url, token, self.changes)
        self.station.start()
        self.station.wait_for("available", 30)

    def end(self) -> None:
        if not self.started:
            return
        self.station.stop()
        self.recorder.close()
        self.wire.close()
        self.box.stop()

    def moment(self) -> None:
        """What follows is measured from here."""
        self.mark = self.recorder.mark()
        self.mark_us = self.box.state["t_us"]

    # -- what the box saw since the last `when`

    def since(self, events: list[Seen], kind: str, **wanted: Any) -> list[Seen]:
        return [
            event
            for event in events[self.mark :]
            if event["event"] == kind and all(event.get(k) == v for k, v in wanted.items())
        ]

    def sessions(self) -> list[dict[str, Any]]:
        """The server's sessions of this story's station, in the order of seq."""
        found = self.server.get(f"sessions?station={self.name}&page_size=1000")["results"]
        return sorted(found, key=lambda one: one["seq"])

    @property
    def journal(self) -> Store:
        """The station's own record, read beside the daemon."""
        return Store(database.connect_readonly(self.folder / "data" / JOURNAL_FILE))

    def settled(self) -> list[dict[str, Any]]:
        """The sessions, once nothing is on its way any more."""

        def quiet() -> bool:
            return not self.journal.waiting() and all(
                one["state"] == "ended" for one in self.sessions()
            )

        until(quiet, "everything delivered and ended", 40)
        return self.sessions()


Action = Callable[..., None]
_SENTENCES: list[tuple[str, re.Pattern[str], Action]] = []


def sentence(kind: str, pattern: str) -> Callable[[Action], Action]:
    """Give a sentence its meaning. ``{name}`` stands for words, ``{name:n}`` for a number."""
    regex = re.escape(pattern)
    regex = re.sub(r"\\{(\w+):n\\}", r"(?P<\1>[0-9.]+)", regex)
    regex = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", regex)

    def add(action: Action) -> Action:
        _SENTENCES.append((kind, re.compile(regex), action))
        return action

    return add


def tell(stage: Stage, path: Path) -> None:
    """Play a story. An error names file, line and sentence."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        kind, _, words = line.strip().partition(" ")
        if kind not in ("given", "when", "then"):
            assert number == 1 or not kind or kind.startswith("#"), (
                f"{path.name}:{number}: a line begins with given, when, then or #: {line!r}"
            )
            continue
        try:
            _play(stage, kind, words.strip())
        except Exception as error:
            error.add_note(f"{path.name}:{number}: {line.strip()}")
            if stage.started:
                error.add_note(stage.station.tail())
            raise


def _play(stage: Stage, kind: str, words: str) -> None:
    for wanted, regex, action in _SENTENCES:
        match = regex.fullmatch(words)
        if wanted == kind and match:
            if kind != "given" and not stage.started:
                stage.begin()
            if kind == "when":
                stage.moment()
            action(stage, **match.groupdict())
            return
    known = [regex.pattern for wanted, regex, _ in _SENTENCES if wanted == kind]
    near = difflib.get_close_matches(re.escape(words), known, 1, 0.0)
    raise ValueError(f"nothing is meant by {words!r}; nearest: {near[0] if near else 'nothing'}")


# --- given ------------------------------------------------------------------------------------


@sentence("given", "energy runs {speed:n} times faster")
def _speed(stage: Stage, speed: str) -> None:
    stage.speed = float(speed)


@sentence("given", "[{table}] {key} = {value}")
def _config(stage: Stage, table: str, key: str, value: str) -> None:
    stage.changes.setdefault(table, {})[key] = json.loads(value)


# --- when: people and cars --------------------------------------------------------------------


@sentence("when", "a car plugs in that draws {kw:n} kW on {phases:n} phases")
@sentence("when", "a car plugs in that draws {kw:n} kW on {phases:n} phase")
def _plug(stage: Stage, kw: str, phases: str) -> None:
    stage.box.client.call("plug", kw=float(kw), phases=int(phases), battery_kwh=60.0, soc=20.0)


@sentence("when", "a car plugs in that draws {kw:n} kW and is full after {wh:n} Wh")
def _plug_small(stage: Stage, kw: str, wh: str) -> None:
    battery_kwh = float(wh) / 1000 / 0.05
    stage.box.client.call("plug", kw=float(kw), phases=3, battery_kwh=battery_kwh, soc=95.0)


@sentence("when", "the car is unplugged")
def _unplug(stage: Stage) -> None:
    stage.box.client.call("unplug")


@sentence("when", "{person} holds the tag to the box")
@sentence("when", "{person} is held to the box")
def _tap(stage: Stage, person: str) -> None:
    stage.box.client.call("tap", uids=[PEOPLE[person]], hold_s=0.6)


@sentence("when", "{person} holds the tag to the box for {seconds:n} s")
def _hold(stage: Stage, person: str, seconds: str) -> None:
    stage.box.client.call("tap", uids=[PEOPLE[person]], hold_s=float(seconds))
    stage.recorder.wait(
        lambda events: stage.since(events, "tag", tags=[]), float(seconds) + 5, "the tag to leave"
    )


@sentence("when", "{one} and {other} hold their tags to the box together")
def _two(stage: Stage, one: str, other: str) -> None:
    stage.box.client.call("tap", uids=[PEOPLE[one], PEOPLE[other]], hold_s=0.6)


@sentence("when", "{wh:n} Wh have flowed")
def _flowed(stage: Stage, wh: str) -> None:
    before = stage.box.state["ledger_wh"]
    until(lambda: stage.box.state["ledger_wh"] - before >= float(wh), f"{wh} Wh", 60)


# --- when: power, processes, network, clock ---------------------------------------------------


@sentence("when", "the daemon is killed")
def _kill(stage: Stage) -> None:
    stage.station.stop(signal.SIGKILL)


@sentence("when", "the daemon is told to leave")
def _leave(stage: Stage) -> None:
    assert stage.station.stop(signal.SIGTERM) == 0, f"it left badly\n{stage.station.tail()}"


@sentence("when", "the daemon is started")
def _start(stage: Stage) -> None:
    stage.station.start()


@sentence("when", "the failsafe runs")
def _failsafe(stage: Stage) -> None:
    """As systemd's ExecStopPost does after the daemon died."""
    assert failsafe.main(["--pin", "17", "--simulator", str(stage.box.socket)]) == 0


@sentence("when", "somebody resets the box")
def _reset(stage: Stage) -> None:
    answer = control.ask(stage.station.run_dir, "reset")
    assert answer is not None
    assert answer["result"] == "ok", answer


@sentence("when", "the power is cut")
def _cut(stage: Stage) -> None:
    stage.box.client.call("power_cut")
    stage.station.stop(signal.SIGKILL)


@sentence("when", "the power comes back after {minutes:n} minutes")
def _restore(stage: Stage, minutes: str) -> None:
    stage.box.client.call("power_restore", after_s=60 * float(minutes))
    stage.station.start()


@sentence("when", "the network is {how}")
def _network(stage: Stage, how: str) -> None:
    modes = {
        "cut": Mode.CUT,
        "mute": Mode.MUTE,
        "losing answers": Mode.LOSE_ANSWERS,
        "back": Mode.PASS,
    }
    stage.wire.set(modes[how])


# --- then: the box ----------------------------------------------------------------------------


@sentence("then", "the contactor closes within {seconds:n} s")
def _closes(stage: Stage, seconds: str) -> None:
    _contactor(stage, True, float(seconds))


@sentence("then", "the contactor opens within {seconds:n} s")
def _opens(stage: Stage, seconds: str) -> None:
    _contactor(stage, False, float(seconds))


def _contactor(stage: Stage, closed: bool, within_s: float) -> None:
    word = "closes" if closed else "opens"
    seen = stage.recorder.wait(
        lambda events: stage.since(events, "contactor", closed=closed), within_s + 5, word
    )
    took_s = (seen[0]["t_us"] - stage.mark_us) / 1e6
    assert took_s <= within_s, f"the contactor {word} after {took_s:.3f} s"


@sentence("then", "the contactor stays open for {seconds:n} s")
def _stays_open(stage: Stage, seconds: str) -> None:
    stage.recorder.never(
        lambda events: stage.since(events, "contactor", closed=True), float(seconds), "it closed"
    )
    assert not stage.box.state["contactor"]["closed"]


@sentence("then", "the contactor stays closed for {seconds:n} s")
def _stays_closed(stage: Stage, seconds: str) -> None:
    stage.recorder.never(
        lambda events: stage.since(events, "contactor", closed=False), float(seconds), "it opened"
    )
    assert stage.box.state["contactor"]["closed"]


@sentence("then", "the box is {phase} within {seconds:n} s")
def _phase(stage: Stage, phase: str, seconds: str) -> None:
    stage.station.wait_for(phase.replace(" ", "_"), float(seconds))


@sentence("then", "the buzzer sounds {times:n} times")
@sentence("then", "the buzzer sounds {times:n} time")
def _buzzer(stage: Stage, times: str) -> None:
    def sounds(events: list[Seen]) -> int:
        return len(stage.since(events, "line", name="buzzer", level=1))

    stage.recorder.wait(lambda events: sounds(events) >= int(times), 5, f"{times} sounds")
    stage.recorder.never(lambda events: sounds(events) > int(times), 0.7, "one sound too many")


@sentence("then", "the {colour} lamp lights up within {seconds:n} s")
def _lamp(stage: Stage, colour: str, seconds: str) -> None:
    stage.recorder.wait(
        lambda events: stage.since(events, "line", name=colour, level=1),
        float(seconds),
        f"{colour} lamp",
    )


# --- then: the server -------------------------------------------------------------------------


@sentence("then", "the server has an open session of {flat}")
def _open_session(stage: Stage, flat: str) -> None:
    def there() -> bool:
        return any(
            one["state"] == "open" and (one["flat"] or {}).get("name") == flat
            for one in stage.sessions()
        )

    until(there, f"an open session of {flat}")


@sentence("then", "the server has no session")
def _no_session(stage: Stage) -> None:
    assert stage.settled() == []


@sentence("then", "one session is booked to {flat}, reason {reason}")
def _one(stage: Stage, flat: str, reason: str) -> None:
    _booked(stage, [(flat, reason)])


@sentence("then", "the sessions are booked as {listed}")
def _several(stage: Stage, listed: str) -> None:
    pairs = [tuple(one.split(", ")) for one in listed.split("; ")]
    _booked(stage, [(flat, reason) for flat, reason in pairs])


def _booked(stage: Stage, expected: list[tuple[str, str]]) -> None:
    found = [
        ((one["flat"] or {}).get("name", "nobody"), one["end_reason"]) for one in stage.settled()
    ]
    assert found == expected


@sentence("then", "the last session is flagged {flag}")
def _flagged(stage: Stage, flag: str) -> None:
    assert flag in stage.settled()[-1]["flags"]


@sentence("then", "the last session has no flag")
def _unflagged(stage: Stage) -> None:
    assert stage.settled()[-1]["flags"] == []


# --- the end of every story -------------------------------------------------------------------


def judge(stage: Stage) -> None:
    """The books against the truth: registers to the watt-hour, energy to the meter's grid."""
    sessions = stage.settled()
    ledger = stage.box.client.call("ledger")
    by_tag: dict[str, float] = {}
    for interval in ledger["intervals"]:
        tag = interval["tag_at_close"]
        by_tag[tag] = by_tag.get(tag, 0.0) + interval["wh"]
    grid_wh = 0.125
    for one in sessions:
        assert one["energy_wh"] == one["end_wh"] - one["start_wh"], one
    for tag in {one["tag"] for one in sessions} | set(by_tag):
        booked = [one["energy_wh"] for one in sessions if one["tag"] == tag]
        apart = abs(sum(booked) - by_tag.get(tag, 0.0))
        assert apart <= 2 * (grid_wh + 1) * max(1, len(booked)), (
            f"tag {tag}: booked {sum(booked)} Wh, flowed {by_tag.get(tag, 0.0):.2f} Wh"
        )
    assert stage.journal.quarantined() == []
    assert not stage.box.state["contactor"]["closed"]
