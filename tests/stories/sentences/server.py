"""when: the network, the server, and the landlord at the server. then: what the landlord sees."""

from __future__ import annotations

from tests.stories.house import SecondStation, tag_of
from tests.stories.language import sentence
from tests.stories.stage import Stage, until
from tests.stories.wire import Mode

TOLD_WITHIN_S = 20.0


@sentence("when", "the network is cut", mode=Mode.CUT)
@sentence("when", "the network is mute", mode=Mode.MUTE)
@sentence("when", "the network is losing answers", mode=Mode.LOSE_ANSWERS)
@sentence("when", "the network is slow", mode=Mode.SLOW)
@sentence("when", "the network is back", mode=Mode.PASS)
@sentence("when", "a proxy answers with errors", mode=Mode.ERRORS)
@sentence("when", "the server says that it is too busy", mode=Mode.BUSY)
@sentence("when", "another program answers in the server's place", mode=Mode.STRANGER)
@sentence("when", "the server finds every end of a charge wrong", mode=Mode.REFUSE_ENDS)
@sentence("when", "the server is itself again", mode=Mode.PASS)
def _network(stage: Stage, mode: Mode) -> None:
    stage.wire.set(mode)


@sentence("when", "the server is stopped")
def _stop(stage: Stage) -> None:
    stage.house.stop()


@sentence("when", "the server is started")
def _start(stage: Stage) -> None:
    stage.house.start()


@sentence("when", "the landlord blocks the tag of {person}", state="blocked")
@sentence("when", "the landlord accepts the tag of {person} again", state="accepted")
def _tag(stage: Stage, person: str, state: str) -> None:
    stage.house.landlord.ask("tag", uid=tag_of(person), state=state)


@sentence("when", "the landlord stops the charge", type="stop")
@sentence("when", "the landlord disables the station", type="disable")
@sentence("when", "the landlord enables the station again", type="enable")
@sentence("when", "the landlord resets the fault {fault}", type="reset")
def _command(stage: Stage, type: str, fault: str | None = None) -> None:
    if fault is not None:
        _told(stage, "faults", fault)
    stage.command = stage.house.landlord.ask("command", name=stage.name, type=type, fault=fault)


@sentence("then", "the landlord hears that it was done", result="ok")
@sentence("then", "the landlord hears that it was refused", result="refused")
@sentence("then", "the landlord hears that nothing runs", result="not_running")
def _outcome(stage: Stage, result: str) -> None:
    def heard() -> str:
        return str(stage.house.landlord.ask("outcome", key=stage.command))

    found = until(heard, "the outcome of the command", TOLD_WITHIN_S)
    assert found == result, f"the outcome is {found}"


@sentence("when", "the landlord revokes the station's token")
def _revoke(stage: Stage) -> None:
    stage.house.landlord.ask("revoke", name=stage.name)


@sentence("when", "the station is given a new token")
def _new_token(stage: Stage) -> None:
    """Into its file; the daemon reads it when it starts."""
    token = stage.house.landlord.ask("new_token", name=stage.name)
    stage.token_file.write_text(token + "\n")


@sentence("when", "the tag of {person} charges at a second station")
def _second(stage: Stage, person: str) -> None:
    stage.second = SecondStation(stage.house, f"{stage.name}b")
    stage.second.start(tag_of(person))


@sentence("when", "the charge at the second station ends")
def _second_ends(stage: Stage) -> None:
    assert stage.second is not None
    stage.second.end()


@sentence("then", "the landlord sees the box {phase}")
def _sees_phase(stage: Stage, phase: str) -> None:
    _told(stage, "phase", phase.replace(" ", "_"))


@sentence("then", "the landlord sees the fault {fault}")
def _sees_fault(stage: Stage, fault: str) -> None:
    _told(stage, "faults", fault)


def _told(stage: Stage, key: str, value: str) -> None:
    """The station's heartbeat has said so."""

    def there() -> bool:
        found = stage.house.landlord.ask("seen", name=stage.name)[key]
        return value == found or (isinstance(found, list) and value in found)

    until(there, f"{key} {value} at the server", TOLD_WITHIN_S)


@sentence("then", "the landlord sees {count:n} refused message")
def _sees_refused(stage: Stage, count: str) -> None:
    def there() -> bool:
        return stage.house.landlord.ask("refused", name=stage.name) == int(count)

    until(there, f"{count} refused at the server", TOLD_WITHIN_S)
