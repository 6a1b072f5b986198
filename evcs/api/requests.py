"""The bodies that stations send: shapes for the parser and the schema, and how they become the
services' messages. Fields that are not named here are ignored."""

from __future__ import annotations

import threading
from typing import Any

from rest_framework import serializers

from evcs.api import fields
from evcs.kinds import AuthorizedBy, CommandResult, EndReason, Phase, TimeQuality
from evcs.services.messages import (
    CommandDone,
    End,
    Heartbeat,
    ReadingTaken,
    Register,
    Start,
)
from evcs.times import rfc3339

READINGS_MAX = 500
LIST_MAX = 1000


class Body(serializers.Serializer):
    """What a station sends, as a whole."""

    def parse(self, data: Any) -> Any:
        """Return the message that ``data`` is. Raises ValidationError."""
        return self.message(self.run_validation(data))

    def message(self, data: dict[str, Any]) -> Any:
        """Return what the services take; the checked values as they are."""
        return data


_parsers = threading.local()


def parser(kind: type[Body]) -> Body:
    """Return this thread's own parser of that kind.

    It keeps nothing of what it parsed, and making one copies each of its fields: that is a tenth
    of what a message costs the server.
    """
    found: Body | None = getattr(_parsers, kind.__name__, None)
    if found is None:
        found = kind()
        setattr(_parsers, kind.__name__, found)
    return found


class MeterSerializer(serializers.Serializer):
    """The meter object."""

    serial = fields.TextField(64, allow_null=True)
    import_wh = fields.WhField()
    l1_wh = fields.WhField(allow_null=True)
    l2_wh = fields.WhField(allow_null=True)
    l3_wh = fields.WhField(allow_null=True)


class StartSerializer(Body):
    """START."""

    seq = fields.WholeField(1, fields.SEQ_MAX)
    tag = fields.TagField()
    started_at = fields.TimeField()
    time_quality = fields.WordField(TimeQuality, TimeQuality.ESTIMATED)
    meter = MeterSerializer()
    authorized_by = fields.WordField(AuthorizedBy, AuthorizedBy.OTHER)

    def message(self, data: dict[str, Any]) -> Start:
        """Return the parsed request."""
        return _start(data)


class InterruptionSerializer(serializers.Serializer):
    """A time within a session without power; ``to`` is null if it did not end."""

    to = fields.TimeField(allow_null=True)
    reason = fields.TextField(64, cut=True)

    def get_fields(self) -> dict[str, Any]:
        """``from`` cannot be the name of an attribute."""
        return {"from": fields.TimeField(), **super().get_fields()}


class EndSerializer(StartSerializer):
    """END: all of START again and how it ended."""

    ended_at = fields.TimeField()
    end_time_quality = fields.WordField(TimeQuality, TimeQuality.ESTIMATED, required=False)
    end_reason = fields.WordField(EndReason, EndReason.OTHER)
    meter_end = MeterSerializer()
    estimated = fields.YesNoField(required=False)
    stop_tag = fields.TagField(required=False, allow_null=True)
    interruptions = InterruptionSerializer(many=True, required=False)

    def message(self, data: dict[str, Any]) -> End:
        """Return the parsed request."""
        return End(
            start=_start(data),
            ended_at=data["ended_at"],
            end_time_quality=data.get("end_time_quality", data["time_quality"]),
            end_reason=data["end_reason"],
            meter_end=_register(data["meter_end"]),
            estimated=data.get("estimated", False),
            stop_tag=data.get("stop_tag"),
            interruptions=tuple(
                {
                    "from": rfc3339(item["from"]),
                    "to": rfc3339(item["to"]) if item["to"] else None,
                    "reason": item["reason"],
                }
                for item in data.get("interruptions", [])[:LIST_MAX]
            ),
        )


class ReadingSerializer(serializers.Serializer):
    """One reading."""

    n = fields.CountField()
    at = fields.TimeField()
    import_wh = fields.WhField()
    power_w = fields.PowerField(allow_null=True)


class ReadingsSerializer(Body):
    """A batch of readings."""

    readings = ReadingSerializer(many=True)

    def message(self, data: dict[str, Any]) -> list[ReadingTaken]:
        """Return the parsed request."""
        return [ReadingTaken(**item) for item in data["readings"]]


class FaultSerializer(serializers.Serializer):
    """A fault that a station reports."""

    name = fields.TextField(64, cut=True)
    since = fields.TimeField(allow_null=True)


class DoneSerializer(serializers.Serializer):
    """What became of a command."""

    id = fields.IdField()
    result = fields.WordField(CommandResult, CommandResult.OTHER)


class HeartbeatSerializer(Body):
    """The state of a station."""

    phase = fields.WordField(Phase, Phase.OTHER)
    session = fields.UuidField(allow_null=True)
    boot_id = fields.TextField(64, cut=True)
    uptime_ms = fields.CountField()
    now = fields.TimeField()
    time_quality = fields.WordField(TimeQuality, TimeQuality.ESTIMATED)
    software = fields.TextField(100, cut=True)
    meter = MeterSerializer(allow_null=True)
    power_w = fields.PowerField(allow_null=True)
    pending = fields.CountField()
    quarantined = fields.CountField()
    faults = FaultSerializer(many=True)
    tags_etag = fields.TextField(80, cut=True, allow_null=True)
    done = DoneSerializer(many=True)

    def message(self, data: dict[str, Any]) -> Heartbeat:
        """Return the parsed request."""
        return Heartbeat(
            phase=data["phase"],
            session=data["session"],
            boot_id=data["boot_id"],
            uptime_ms=data["uptime_ms"],
            now=data["now"],
            time_quality=data["time_quality"],
            software=data["software"],
            meter=_register(data["meter"]) if data["meter"] else None,
            power_w=data["power_w"],
            pending=data["pending"],
            quarantined=data["quarantined"],
            faults=tuple(
                {"name": item["name"], "since": rfc3339(item["since"]) if item["since"] else None}
                for item in data["faults"][:LIST_MAX]
            ),
            tags_etag=data["tags_etag"],
            done=tuple(CommandDone(**item) for item in data["done"][:LIST_MAX]),
        )


class QuarantineSerializer(Body):
    """A message that was refused, as text."""

    id = fields.IdField()
    raw = fields.RawField()
    reason = fields.RawField()


def _register(data: dict[str, Any]) -> Register:
    return Register(**data)


def _start(data: dict[str, Any]) -> Start:
    return Start(
        seq=data["seq"],
        tag=data["tag"],
        started_at=data["started_at"],
        time_quality=data["time_quality"],
        meter=_register(data["meter"]),
        authorized_by=data["authorized_by"],
    )
