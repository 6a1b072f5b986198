"""The house in which the stories happen: its people, and the one server of a test process."""

from __future__ import annotations

import json
import urllib.request
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.stories.landlord import Landlord
from tools.installation import Server

PEOPLE = {
    "Anna": "04A3C6CAE26180",  # Wohnung 3 links
    "Anna's second tag": "7D21F0A4",  # Wohnung 3 links
    "Bert": "16AC936B",  # Wohnung 1 links
    "Carla": "04B17A5C3D6E80",  # Wohnung 2 rechts
    "a blocked tag": "04D55E1F904C81",
    "an expired tag": "5E0B9C38",
    "an unknown tag": "0BADF00D",
}


def tag_of(person: str) -> str:
    """The UID of somebody's tag. Raises LookupError with everybody there is."""
    if person not in PEOPLE:
        raise LookupError(f"nobody here is called {person!r}; there are {', '.join(PEOPLE)}")
    return PEOPLE[person]


@dataclass
class House(Server):
    """The real server with the stories' settings, and the landlord beside it."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "DJANGO_SETTINGS_MODULE": "tests.stories.server_settings",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def open(self) -> None:
        """Tables, tags, server and landlord."""
        self.landlord = Landlord(self.environment, self.folder / "landlord.log")
        self.landlord.ask("prepare", password=self.password)
        self.start()

    def shut(self) -> None:
        self.landlord.close()
        self.stop()


class SecondStation:
    """Another box of the house, of which only the messages are there."""

    def __init__(self, house: House, name: str) -> None:
        self._house = house
        self._token = house.landlord.ask("new_station", name=name)
        self._uuid = str(uuid.uuid4())
        self._start: dict[str, Any] = {}

    def start(self, tag: str) -> None:
        """Begin a charge with this tag, as a box does that asks."""
        self._start = {
            "seq": 1,
            "tag": tag,
            "started_at": _stamp(),
            "time_quality": "synced",
            "meter": _meter(1000),
            "authorized_by": "server",
        }
        self._put(f"sessions/{self._uuid}", self._start)

    def end(self) -> None:
        """End it by the same tag; nothing was drawn."""
        end = {"ended_at": _stamp(), "end_time_quality": "synced", "end_reason": "local"}
        self._put(f"sessions/{self._uuid}/end", {**self._start, **end, "meter_end": _meter(1000)})

    def _put(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self._house.url}/api/evcs/v1/{path}",
            method="PUT",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in (200, 201), answer.read()


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _meter(wh: int) -> dict[str, Any]:
    return {"serial": "4711", "import_wh": wh, "l1_wh": None, "l2_wh": None, "l3_wh": None}
