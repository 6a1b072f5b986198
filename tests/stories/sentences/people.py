"""when: people, their tags and their cars."""

from __future__ import annotations

from station import control
from tests.stories.house import tag_of
from tests.stories.language import sentence
from tests.stories.recorder import Seen
from tests.stories.stage import Stage, until

HOLD_S = 0.6
WAKE_UP_S = 0.4


@sentence("when", "a car plugs in that draws {kw:n} kW on {phases:n} phases")
@sentence("when", "a car plugs in that draws {kw:n} kW on {phases:n} phase")
def _plug(stage: Stage, kw: str, phases: str) -> None:
    stage.box.client.call(
        "plug", kw=float(kw), phases=int(phases), battery_kwh=60.0, soc=20.0, delay_s=WAKE_UP_S
    )


@sentence("when", "a car plugs in that draws {kw:n} kW and is full after {wh:n} Wh")
def _plug_nearly_full(stage: Stage, kw: str, wh: str) -> None:
    battery_kwh = float(wh) / 1000 / 0.05
    stage.box.client.call(
        "plug", kw=float(kw), phases=3, battery_kwh=battery_kwh, soc=95.0, delay_s=WAKE_UP_S
    )


@sentence("when", "the car is unplugged")
def _unplug(stage: Stage) -> None:
    stage.box.client.call("unplug")


@sentence("when", "{person} holds the tag to the box", "{person} is held to the box")
def _tap(stage: Stage, person: str) -> None:
    stage.box.client.call("tap", uids=[tag_of(person)], hold_s=HOLD_S)


@sentence("when", "{person} holds the tag to the box for {seconds:n} s")
def _hold(stage: Stage, person: str, seconds: str) -> None:
    stage.box.client.call("tap", uids=[tag_of(person)], hold_s=float(seconds))
    _until_gone(stage, float(seconds))


@sentence("when", "{person} holds the tag to the box twice, quickly")
def _twice(stage: Stage, person: str) -> None:
    """The second time as soon as the reader can tell it from the first."""
    for _ in range(2):
        stage.moment()
        stage.box.client.call("tap", uids=[tag_of(person)], hold_s=HOLD_S)
        _until_gone(stage, HOLD_S)
        _pass(stage, 1.2)


@sentence("when", "{one} and {other} hold their tags to the box together")
def _two(stage: Stage, one: str, other: str) -> None:
    stage.box.client.call("tap", uids=[tag_of(one), tag_of(other)], hold_s=HOLD_S)


@sentence("when", "{wh:n} Wh have flowed")
def _flowed(stage: Stage, wh: str) -> None:
    before = stage.box.state["ledger_wh"]
    until(lambda: stage.box.state["ledger_wh"] - before >= float(wh), f"{wh} Wh", 90)


@sentence("when", "the contactor has been closed for {seconds:n} s")
def _closed_for(stage: Stage, seconds: str) -> None:
    """Since it closed last; at once if that is longer ago."""

    def moves(events: list[Seen]) -> list[Seen]:
        """The contacts follow their coil by some milliseconds: the line may be ahead of them."""
        found = [event for event in events if event["event"] == "contactor"]
        return found if found and found[-1]["closed"] else []

    closed = stage.recorder.wait(moves, 5, "the contactor to be closed")
    _pass(stage, float(seconds) - (stage.mark_us - closed[-1]["t_us"]) / 1e6)


@sentence("when", "{seconds:n} s pass")
def _passes(stage: Stage, seconds: str) -> None:
    _pass(stage, float(seconds))


@sentence("when", "somebody resets the box")
def _reset(stage: Stage) -> None:
    answer = control.ask(stage.station.run_dir, "reset")
    assert answer is not None
    assert answer.get("result") == "ok", answer


@sentence("then", "a reset is refused: {why}")
def _reset_refused(stage: Stage, why: str) -> None:
    answer = control.ask(stage.station.run_dir, "reset")
    assert answer is not None
    assert answer.get("result") == "refused", answer
    assert why in answer["text"], answer


@sentence("when", "somebody sends the refused message again")
def _retry(stage: Stage) -> None:
    (message,) = stage.journal(lambda store: store.quarantined())
    done = stage.station.command("outbox", "--retry", str(message.id))
    assert done.returncode == 0, done.stderr


def _until_gone(stage: Stage, hold_s: float) -> None:
    stage.recorder.wait(
        lambda events: stage.since(events, "tag", tags=[]), hold_s + 5, "the tag to leave"
    )


def _pass(stage: Stage, seconds: float) -> None:
    """Time itself is what the story waits for here."""
    stage.recorder.never(lambda events: False, seconds, "")
