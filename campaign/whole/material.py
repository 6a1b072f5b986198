"""Everything that a life is judged by, as one record that can be kept and judged again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from campaign.whole.building import Built
from campaign.whole.life import Life, Note
from campaign.whole.pi import Exit
from campaign.whole.watch import Closing, Row
from tests.stories.house import PEOPLE

_EVENTS = ("line", "contactor", "tag", "fault", "car")
_LONGEST_LOG = 4000


@dataclass(slots=True)
class Material:
    """``events``: the box's own, ``intervals``: its ledger, ``contactor``: its state at the end.

    ``journal``: all rows of the sessions, ``waiting`` and ``quarantined``: of the outbox.
    ``books``: the server's sessions, ``unassigned_wh``: its own report of the month.
    ``complaints``: tracebacks of daemon and server, and journals that were set aside.
    ``unsettled``: what was still open at the end, empty if nothing.
    """

    seed: int
    built: Built
    events: list[Row]
    intervals: list[Row]
    contactor: dict[str, Any]
    closings: list[Closing]
    diary: list[Note]
    exits: list[Exit]
    journal: list[Row]
    waiting: list[Row]
    quarantined: list[Row]
    books: list[dict[str, Any]]
    unassigned_wh: int
    complaints: list[str]
    unsettled: str = ""

    def save(self, path: Path) -> None:
        """For :func:`load`."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")


def load(path: Path) -> Material:
    """What :meth:`Material.save` kept."""
    found = json.loads(path.read_text())
    found["built"] = Built(**found["built"])
    found["closings"] = [Closing(**one) for one in found["closings"]]
    found["diary"] = [Note(**one) for one in found["diary"]]
    found["exits"] = [Exit(**one) for one in found["exits"]]
    return Material(**found)


def gather(life: Life, unsettled: str = "") -> Material:
    """Look everywhere, while the daemon still runs."""
    life.pi.tick()
    call = life.box.client.call
    events = [
        event
        for event in list(life.watch.events)
        if event["event"] in _EVENTS
        and (event["event"] != "line" or event.get("name") == "contactor")
    ]
    return Material(
        seed=life.script.seed,
        built=life.script.built,
        events=events,
        intervals=call("ledger")["intervals"],
        contactor=life.box.state["contactor"],
        closings=list(life.watch.closings),
        diary=life.diary,
        exits=life.pi.exits,
        journal=life.rows("SELECT * FROM sessions ORDER BY seq"),
        waiting=life.rows("SELECT id, kind, uuid FROM outbox WHERE refused_at IS NULL"),
        quarantined=life.rows(
            "SELECT id, kind, uuid, reason FROM outbox WHERE refused_at IS NOT NULL"
        ),
        books=life.books(),
        unassigned_wh=life.house.landlord.ask("unassigned", name=life.name),
        complaints=_complaints(life),
        unsettled=unsettled,
    )


def _complaints(life: Life) -> list[str]:
    found = []
    for owner, log in (("daemon", life.station_log()), ("server", life.server_log())):
        at = log.find("Traceback")
        if at >= 0:
            found.append(f"{owner}: {log[at : at + _LONGEST_LOG]}")
    aside = sorted((life.folder / "data").glob("*.damaged-*"))
    return found + [f"a journal was set aside: {path.name}" for path in aside]


def tag_name(uid: str) -> str:
    """Whose tag it is, for messages."""
    return next((name for name, tag in PEOPLE.items() if tag == uid), uid)
