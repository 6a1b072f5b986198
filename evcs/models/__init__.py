"""The tables. They hold facts and check nothing: the rules and all writes stand in services."""

from evcs.models.alert import Alert, AlertMail
from evcs.models.command import Command, QuarantineItem
from evcs.models.month import ClosedMonth, Entry
from evcs.models.refusal import RefusedStart
from evcs.models.resident import Resident
from evcs.models.run import Run
from evcs.models.session import Reading, Session, SessionChange, SessionMail, SessionReview
from evcs.models.statement import Statement, StatementMail, StatementRecipient
from evcs.models.station import Station, StationKey
from evcs.models.tag import Tag, TagAssignment, TagRevision, UnknownTag
from evcs.models.tariff import Tariff

__all__ = [
    "Alert",
    "AlertMail",
    "ClosedMonth",
    "Command",
    "Entry",
    "QuarantineItem",
    "Reading",
    "RefusedStart",
    "Resident",
    "Run",
    "Session",
    "SessionChange",
    "SessionMail",
    "SessionReview",
    "Statement",
    "StatementMail",
    "StatementRecipient",
    "Station",
    "StationKey",
    "Tag",
    "TagAssignment",
    "TagRevision",
    "Tariff",
    "UnknownTag",
]
