"""then: what the box did, by its own record, and what it says of itself."""

from __future__ import annotations

from tests.stories.language import sentence
from tests.stories.recorder import Seen
from tests.stories.stage import Stage, until

APART_S = 1.0


@sentence("then", "the contactor closes within {seconds:n} s", closed=True)
@sentence("then", "the contactor opens within {seconds:n} s", closed=False)
def _contactor(stage: Stage, seconds: str, closed: bool) -> None:
    word = "closes" if closed else "opens"
    stage.wait("contactor", float(seconds), f"the contactor {word}", closed=closed)


@sentence("then", "the contactor stays open for {seconds:n} s", closed=False)
@sentence("then", "the contactor stays closed for {seconds:n} s", closed=True)
def _stays(stage: Stage, seconds: str, closed: bool) -> None:
    """Since the last `when`, and for so long from now."""
    stage.recorder.never(
        lambda events: stage.since(events, "contactor", closed=not closed),
        float(seconds),
        "it opened" if closed else "it closed",
    )
    assert stage.box.state["contactor"]["closed"] is closed


@sentence("then", "the line of the contactor is inactive within {seconds:n} s")
def _line(stage: Stage, seconds: str) -> None:
    """What the daemon commands; welded contacts do not follow."""
    stage.wait("line", float(seconds), "the line goes inactive", name="contactor", level=0)


@sentence("then", "the trip is pulsed within {seconds:n} s")
def _tripped(stage: Stage, seconds: str) -> None:
    """Once, and long enough for the shunt trip of the box."""
    pulse = stage.wait("line", float(seconds), "the trip is pulsed", name="trip", level=1)
    end = stage.wait("line", float(seconds) + 2, "the pulse ends", name="trip", level=0)
    length_s = (end["t_us"] - pulse["t_us"]) / 1e6
    assert length_s >= 0.3, f"the pulse took {length_s:.3f} s"


@sentence("then", "the car draws nothing within {seconds:n} s")
def _draws_nothing(stage: Stage, seconds: str) -> None:
    until(lambda: stage.box.state["power_w"] == 0.0, "the car draws nothing", float(seconds))


@sentence("then", "the car draws less than {watts:n} W before the contactor opens")
def _ramped(stage: Stage, watts: str) -> None:
    opened = stage.wait("contactor", 10, "the contactor opens", closed=False)
    with_power = [
        event["power_w"]
        for event in stage.recorder.events
        if event["event"] == "power" and event["t_us"] < opened["t_us"]
    ]
    assert with_power[-1] < float(watts), f"it opened under {with_power[-1]:.0f} W"


@sentence("then", "the box is {phase} within {seconds:n} s")
def _phase(stage: Stage, phase: str, seconds: str) -> None:
    stage.station.wait_for(phase.replace(" ", "_"), float(seconds))


@sentence("then", "the box stays {phase} for {seconds:n} s")
def _phase_stays(stage: Stage, phase: str, seconds: str) -> None:
    wanted = phase.replace(" ", "_")

    def looks(events: list[Seen]) -> bool:
        return bool(stage.station.phase != wanted)

    stage.recorder.never(looks, float(seconds), f"the box is no longer {phase}")


@sentence("then", "the box says {words}")
def _says(stage: Stage, words: str) -> None:
    """Among the reasons why it takes nobody, or in a fault."""

    def said() -> bool:
        status = stage.station.status or {}
        faults = [f"{fault['name']}: {fault['detail']}" for fault in status.get("faults", [])]
        return any(words in text for text in [*status.get("unavailable", []), *faults])

    try:
        until(said, f"the box says {words!r}", 20)
    except AssertionError as error:
        error.add_note(f"it says {stage.station.status}")
        raise


# --- what people see and hear -------------------------------------------------------------------


def _tones(stage: Stage, events: list[Seen]) -> list[float]:
    """The lengths of the buzzer's finished tones since the last `when`, in s."""
    began_us, tones = None, []
    for event in stage.since(events, "line", name="buzzer"):
        if event["level"]:
            began_us = event["t_us"]
        elif began_us is not None:
            tones.append((event["t_us"] - began_us) / 1e6)
            began_us = None
    return tones


@sentence("then", "the buzzer sounds {times:n} times", "the buzzer sounds {times:n} time")
def _buzzer(stage: Stage, times: str) -> None:
    count = int(times)
    stage.recorder.wait(lambda events: len(_tones(stage, events)) >= count, 6, f"{times} sounds")
    stage.recorder.never(lambda events: len(_tones(stage, events)) > count, 0.7, "one too many")


@sentence("then", "the buzzer gives a long tone within {seconds:n} s")
def _long_tone(stage: Stage, seconds: str) -> None:
    stage.recorder.wait(
        lambda events: any(length > 0.5 for length in _tones(stage, events)),
        float(seconds) + 2,
        "a long tone",
    )


@sentence("then", "the buzzer answers within {seconds:n} s")
def _answers(stage: Stage, seconds: str) -> None:
    stage.wait("line", float(seconds), "the buzzer answers", name="buzzer", level=1)


@sentence("then", "the buzzer gives no more than ticks for {seconds:n} s")
def _ticks(stage: Stage, seconds: str) -> None:
    stage.recorder.never(
        lambda events: any(length > 0.06 for length in _tones(stage, events)),
        float(seconds),
        "a tone longer than a tick",
    )


@sentence("then", "the {colour} lamp lights up within {seconds:n} s")
def _lamp(stage: Stage, colour: str, seconds: str) -> None:
    stage.wait("line", float(seconds), f"the {colour} lamp", name=colour, level=1)


@sentence("then", "the {colour} lamp is lit and stays so for {seconds:n} s")
def _steady(stage: Stage, colour: str, seconds: str) -> None:
    def changes(events: list[Seen]) -> list[Seen]:
        return stage.since(events, "line", name=colour)

    stage.recorder.wait(lambda events: changes(events)[-1:] or None, 5, f"the {colour} lamp")
    so_far = len(changes(stage.recorder.events))
    stage.recorder.never(lambda events: len(changes(events)) > so_far, float(seconds), "it changed")
    assert changes(stage.recorder.events)[-1]["level"] == 1


@sentence("then", "the {colour} lamp flashes {times:n} times between pauses")
@sentence("then", "the {colour} lamp flashes {times:n} time between pauses")
def _flashes(stage: Stage, colour: str, times: str) -> None:
    """So many flashes less than a second apart, with a pause before and after, within 20 s."""

    def groups(events: list[Seen]) -> list[int]:
        flashes = [
            event["t_us"] / 1e6 for event in stage.since(events, "line", name=colour, level=1)
        ]
        found: list[list[float]] = []
        for at in flashes:
            if found and at - found[-1][-1] < APART_S:
                found[-1].append(at)
            else:
                found.append([at])
        return [len(group) for group in found[1:-1]]

    stage.recorder.wait(
        lambda events: int(times) in groups(events), 20, f"{times} flashes of the {colour} lamp"
    )
