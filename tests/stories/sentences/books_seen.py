"""then: what was booked, and what the messages looked like on their way."""

from __future__ import annotations

import re
import time
from datetime import datetime

from tests.stories.language import sentence
from tests.stories.sentences.time import wall_s
from tests.stories.stage import Stage, until

SLACK_S = 3.0


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
    pairs = [one.split(", ") for one in listed.split("; ")]
    _booked(stage, [(flat, reason) for flat, reason in pairs])


def _booked(stage: Stage, expected: list[tuple[str, str]]) -> None:
    found = [
        ((one["flat"] or {}).get("name", "nobody"), one["end_reason"]) for one in stage.settled()
    ]
    assert found == expected


@sentence("then", "the sessions are numbered {listed}")
def _numbered(stage: Stage, listed: str) -> None:
    """By seq, and their ends came to the server in this order too."""
    wanted = [int(number) for number in listed.split(", ")]
    assert [one["seq"] for one in stage.settled()] == wanted
    assert stage.house.landlord.ask("arrived", name=stage.name) == wanted


@sentence("then", "the last session is flagged {flag}")
def _flagged(stage: Stage, flag: str) -> None:
    found = stage.settled()[-1]["flags"]
    assert flag in found, f"it is flagged {found}"


@sentence("then", "the last session has no flag")
def _unflagged(stage: Stage) -> None:
    found = stage.settled()[-1]["flags"]
    assert found == [], f"it is flagged {found}"


@sentence("then", "the server has an estimate of the last session")
def _estimate(stage: Stage) -> None:
    """For now: the exact register is still to come."""

    def there() -> bool:
        sessions = stage.sessions()
        return bool(sessions) and "estimated" in sessions[-1]["flags"]

    until(there, "an estimate")


@sentence("then", "the last session drew {low:n} to {high:n} Wh")
def _drew(stage: Stage, low: str, high: str) -> None:
    found = stage.settled()[-1]["energy_wh"]
    assert float(low) <= found <= float(high), f"it drew {found} Wh"


@sentence("then", "the last session took {low:n} to {high:n} s")
def _took(stage: Stage, low: str, high: str) -> None:
    one = stage.settled()[-1]
    took_s = (_moment(one["ended_at"]) - _moment(one["started_at"])).total_seconds()
    assert float(low) <= took_s <= float(high), f"it took {took_s:.1f} s"


@sentence("then", "the last session began at {moment}, give or take {slack:n} s")
def _began(stage: Stage, moment: str, slack: str) -> None:
    found = _moment(stage.settled()[-1]["started_at"])
    apart_s = abs(found.timestamp() - wall_s(moment))
    assert apart_s <= float(slack), f"it began at {found.isoformat()}"


@sentence("then", "the last session's times are those of the tap and of the opening")
def _true_times(stage: Stage) -> None:
    """By the true time, whatever the clock of the box said meanwhile."""
    to_wall_s = time.time() - time.monotonic()
    seen = stage.recorder.events
    taps = [event["t_us"] for event in seen if event["event"] == "tag" and event["tags"]]
    opened = [
        event["t_us"] for event in seen if event["event"] == "contactor" and not event["closed"]
    ]

    def right() -> bool:
        one = stage.settled()[-1]
        began_s, ended_s = (_moment(one[key]).timestamp() for key in ("started_at", "ended_at"))
        near = [abs(t_us / 1e6 + to_wall_s - began_s) < SLACK_S for t_us in taps]
        return any(near) and abs(opened[-1] / 1e6 + to_wall_s - ended_s) < SLACK_S

    until(right, "the true times")


@sentence("then", "the last session is counted in this month")
def _this_month(stage: Stage) -> None:
    assert stage.settled()[-1]["month"] == f"{datetime.now().astimezone():%Y-%m}"


@sentence("then", "up to {wh:n} Wh are nobody's")
def _nobodys(stage: Stage, wh: str) -> None:
    """Flowed, but not booked to the tag: allowed for in the judgement at the end."""
    stage.nobodys_wh = float(wh)


@sentence("then", "the server counts {low:n} to {high:n} Wh as unassigned")
def _unassigned(stage: Stage, low: str, high: str) -> None:
    stage.settled()
    found = stage.house.landlord.ask("unassigned", name=stage.name)
    assert float(low) <= found <= float(high), f"it counts {found} Wh"


@sentence("then", "{count:n} messages wait in the box", "{count:n} message waits in the box")
def _waiting(stage: Stage, count: str) -> None:
    until(
        lambda: len(stage.journal(lambda store: store.waiting())) == int(count),
        f"{count} messages wait",
    )


@sentence("then", "the box holds {count:n} refused message")
def _refused(stage: Stage, count: str) -> None:
    """As `evcs-station outbox --quarantine` shows it."""

    def shown() -> bool:
        done = stage.station.command("outbox", "--quarantine", "--json")
        return len(re.findall(r'"reason"', done.stdout)) == int(count)

    until(shown, f"{count} refused messages in the box")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
