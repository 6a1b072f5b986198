"""The tables. They hold facts and check nothing: the rules and all writes stand in services."""

from evcs.models.command import Command, QuarantineItem
from evcs.models.month import ClosedMonth, Entry
from evcs.models.session import Reading, Session, SessionChange
from evcs.models.station import Station, StationKey
from evcs.models.tag import Tag, TagAssignment

__all__ = [
    "ClosedMonth",
    "Command",
    "Entry",
    "QuarantineItem",
    "Reading",
    "Session",
    "SessionChange",
    "Station",
    "StationKey",
    "Tag",
    "TagAssignment",
]
