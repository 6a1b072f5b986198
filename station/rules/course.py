"""One step under way: what every layer of the core needs to change the state and give commands.

The layers, each knowing only those before it: course, switching (what closes and opens the
contactor), booking (readings and registers), returning (boot and resume), charging (the step).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from station.rules.messages import (
    Announce,
    Command,
    StoreSession,
)
from station.rules.signals import Outcome
from station.rules.state import State
from station.rules.values import (
    Now,
    Record,
    Session,
    Stage,
)


class Course:
    """One step under way: the state so far and the commands so far. Lives for one event."""

    def __init__(self, state: State, now: Now) -> None:
        self.state = state
        self.now = now
        self.commands: list[Command] = []

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def give(self, command: Command) -> None:
        self.commands.append(command)

    def tell(self, outcome: Outcome) -> None:
        self.set(outcome=outcome, outcome_since_s=self.now.mono_s)

    @property
    def session(self) -> Session | None:
        return self.state.session

    def waited(self, session: Session) -> float:
        return self.now.mono_s - session.stage_since_s

    def move(self, session: Session, stage: Stage, **changes: Any) -> Session:
        """Put the session into another stage."""
        moved = replace(session, stage=stage, stage_since_s=self.now.mono_s, **changes)
        self.set(session=moved)
        return moved

    def store(
        self, session: Session, record: Record, announce: Announce = Announce.NOTHING
    ) -> None:
        self.set(store_retry_s=None)
        self.give(StoreSession(session, record, announce))

    def forget(self) -> None:
        self.set(
            session=None,
            stored=None,
            store_retry_s=None,
            draw=None,
            end_first=None,
            end_candidate=None,
            ceiling=None,
        )
