"""The landlord's hands: one long-lived process that does to the server what its admin pages do.

Starting Django costs more than a second, so it is started once for all stories of a test process.
A request is one JSON object on a line, {"op": NAME, ...}, its answer another. This module imports
Django in the child only (`main`); `Landlord` is for the test process, one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.installation import ROOT


class Landlord:
    """The parent's end. ``environment`` says which database and settings."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.stories.landlord"],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def ask(self, op: str, **arguments: Any) -> Any:
        """Do it and return what came of it. AssertionError with the child's own words."""
        pipe, answers = self._child.stdin, self._child.stdout
        assert pipe is not None
        assert answers is not None
        try:
            pipe.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            pipe.flush()
            answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise AssertionError(f"the landlord is gone:\n{self._log.read_text()}") from error
        if "error" in answer:
            raise AssertionError(f"the landlord cannot {op}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child.wait(10)


# --- the child: everything below runs in the process that has Django ---------------------------


def _operations() -> dict[str, Callable[..., Any]]:
    """By name; the services are the only way to write, as everywhere on the server's side."""
    from django.core.management import call_command
    from django.utils import timezone

    from evcs.kinds import CommandType, TagState
    from evcs.models import Command, QuarantineItem, Session, Station, StationKey, Tag
    from evcs.services import commands, demo, reconciliation, stations, tags

    def station_of(name: str) -> Station:
        return Station.objects.get(name=name)

    def prepare(password: str) -> list[str]:
        call_command("migrate", verbosity=0)
        return list(demo.fill(station_name="box-1", password=password))

    def new_station(name: str) -> str:
        return stations.create(name)[1]

    def new_token(name: str) -> str:
        return stations.rotate_key(station_of(name))

    def revoke(name: str) -> None:
        keys = StationKey.objects.filter(station__name=name)
        keys.update(revoked_at=timezone.now())

    def tag(uid: str, state: str) -> None:
        found = Tag.objects.get(uid=uid)
        tags.set_state(found, TagState(state), found.expires_at)

    def command(name: str, type: str, fault: str | None = None) -> str:
        station = station_of(name)
        session, since = None, None
        if type == CommandType.STOP:
            session = Session.objects.get(station=station, open_slot=1).uuid
        if fault is not None:
            since = _since(station.faults, fault)
        kind = CommandType(type)
        given = commands.give(station, kind, session=session, fault=fault, since=since)
        return str(given.pk)

    def outcome(key: str) -> str:
        return str(Command.objects.get(pk=key).result)

    def refused(name: str) -> int:
        return QuarantineItem.objects.filter(station__name=name).count()

    def seen(name: str) -> dict[str, Any]:
        station = station_of(name)
        names = [str(fault["name"]) for fault in station.faults]
        return {"phase": station.phase, "pending": station.pending, "faults": names}

    def arrived(name: str) -> list[int]:
        """The numbers of the sessions in the order in which their END came."""
        found = Session.objects.filter(station__name=name, end_received_at__isnull=False)
        return list(found.order_by("end_received_at").values_list("seq", flat=True))

    def unassigned(name: str) -> int:
        """By the report of this month: what the box's meter counted and no session has."""
        month = timezone.localdate().replace(day=1)
        return sum(line.unassigned_wh for line in reconciliation.reconcile(station_of(name), month))

    def tidy(name: str) -> None:
        """The next story finds the tags and the apartments' places as this one did."""
        for one in demo.TAGS:
            found = Tag.objects.get(uid=one.uid)
            tags.set_state(found, one.state, found.expires_at)
        Session.objects.filter(station__name__startswith=name).update(open_slot=None)

    named = (prepare, new_station, new_token, revoke, tag, command, outcome, refused, seen)
    return {one.__name__: one for one in (*named, arrived, unassigned, tidy)}


def _since(faults: list[dict[str, Any]], name: str) -> Any:
    from evcs.times import parse_rfc3339

    for fault in faults:
        if fault["name"] == name:
            return parse_rfc3339(str(fault["since"]))
    raise LookupError(f"the station told of no fault {name}, only of {faults}")


def main() -> None:
    """Answer until the parent hangs up."""
    import django

    django.setup()
    operations = _operations()
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": operations[request.pop("op")](**request)}
        except Exception as error:  # noqa: BLE001 - whatever it was, the story is told of it
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
