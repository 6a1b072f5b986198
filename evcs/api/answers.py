"""The bodies that go out: shapes for the schema, and how models become them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from evcs.api import fields
from evcs.kinds import Action, CommandType, SessionState, TagState
from evcs.models import Command, Session
from evcs.settings import evcs_settings
from evcs.times import rfc3339


class AnswerSerializer(serializers.Serializer):
    """What stands in every answer."""

    service = serializers.CharField(help_text='always "evcs"')
    server_time = fields.TimeField()


class HelloSerializer(AnswerSerializer):
    """Who is here."""

    versions = serializers.ListField(child=serializers.CharField())


class HealthSerializer(AnswerSerializer):
    """How the server itself is."""

    database = serializers.BooleanField()
    migrated = serializers.BooleanField()
    last_look = fields.TimeField(
        allow_null=True, help_text="when evcs_alerts last came to its end; null: never"
    )
    looking = serializers.BooleanField(help_text="whether that is less than 15 min ago")
    recipients = serializers.BooleanField(help_text="whether alerts are mailed to anybody")
    open_alerts = serializers.IntegerField()
    untold_alerts = serializers.IntegerField()


class ProblemSerializer(AnswerSerializer):
    """A refusal, by RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.IntegerField()
    errors = serializers.DictField()
    last_seq = serializers.IntegerField(required=False)


class StartAnswerSerializer(AnswerSerializer):
    """The answer to START."""

    session_id = serializers.IntegerField()
    group = serializers.CharField(allow_null=True)
    action = serializers.ChoiceField(Action.choices)
    flags = serializers.ListField(child=serializers.CharField())
    last_seq = serializers.IntegerField()


class EndAnswerSerializer(AnswerSerializer):
    """The answer to END."""

    session_id = serializers.IntegerField()
    energy_wh = serializers.IntegerField()
    flags = serializers.ListField(child=serializers.CharField())
    last_seq = serializers.IntegerField()


class ReadingsAnswerSerializer(AnswerSerializer):
    """The answer to readings."""

    stored = serializers.IntegerField()
    action = serializers.ChoiceField(Action.choices)


class CommandSerializer(serializers.Serializer):
    """A command in the answer to a heartbeat."""

    id = serializers.CharField()
    type = serializers.ChoiceField(CommandType.choices)
    session = fields.UuidField(allow_null=True)
    fault = serializers.CharField(allow_null=True)
    since = fields.TimeField(allow_null=True)
    expires_at = fields.TimeField()


class HeartbeatAnswerSerializer(AnswerSerializer):
    """The answer to a heartbeat."""

    heartbeat_s = serializers.IntegerField()
    last_seq = serializers.IntegerField()
    tags_etag = serializers.CharField()
    action = serializers.ChoiceField(Action.choices)
    commands = CommandSerializer(many=True)


class ListedTagSerializer(serializers.Serializer):
    """A tag in the list of a station."""

    tag = fields.TagField()
    status = serializers.ChoiceField(TagState.choices)
    expires_at = fields.TimeField(allow_null=True)
    group = serializers.CharField(allow_null=True)


class TagListSerializer(AnswerSerializer):
    """The tags valid at a station."""

    tags = ListedTagSerializer(many=True)


class FlatSerializer(serializers.Serializer):
    """An apartment."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class SessionSerializer(serializers.Serializer):
    """A session as people see it; ``flat`` null means unassigned."""

    session_id = serializers.IntegerField()
    uuid = fields.UuidField()
    seq = serializers.IntegerField()
    station = serializers.CharField()
    tag = fields.TagField()
    flat = FlatSerializer(allow_null=True)
    state = serializers.ChoiceField(SessionState.choices)
    started_at = fields.TimeField()
    ended_at = fields.TimeField(allow_null=True)
    end_reason = serializers.CharField(allow_null=True)
    month = serializers.CharField(allow_null=True)
    meter_serial = serializers.CharField(allow_null=True)
    start_wh = serializers.IntegerField(allow_null=True)
    end_wh = serializers.IntegerField(allow_null=True)
    energy_wh = serializers.IntegerField()
    energy_kwh = serializers.CharField()
    flags = serializers.ListField(child=serializers.CharField())


class SessionPageSerializer(AnswerSerializer):
    """A page of sessions."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = SessionSerializer(many=True)


class ConsumptionSerializer(AnswerSerializer):
    """What an apartment charged in a month."""

    flat = serializers.IntegerField()
    name = serializers.CharField()
    month = serializers.CharField()
    sessions = serializers.IntegerField()
    provisional = serializers.IntegerField()
    late_wh = serializers.IntegerField()
    corrected_wh = serializers.IntegerField()
    energy_wh = serializers.IntegerField()
    energy_kwh = serializers.CharField()


class StatementFlatSerializer(serializers.Serializer):
    """An apartment as its statement names it."""

    id = serializers.CharField()
    name = serializers.CharField()


class StatementLineSerializer(serializers.Serializer):
    """A statement of a closed month."""

    flat = StatementFlatSerializer(allow_null=True)
    sessions = serializers.IntegerField()
    energy_wh = serializers.IntegerField()
    gross = serializers.CharField(allow_null=True)
    sha256 = serializers.CharField()


class OverrideSerializer(serializers.Serializer):
    """Who closed over open points, and why."""

    by = serializers.CharField()
    reason = serializers.CharField()


class MonthSerializer(serializers.Serializer):
    """A closed month."""

    month = serializers.CharField()
    closed_at = serializers.DateTimeField()
    closed_by = serializers.CharField()
    override = OverrideSerializer(allow_null=True)
    energy_wh = serializers.IntegerField()
    sha256 = serializers.CharField()
    statements = StatementLineSerializer(many=True)


class MonthsSerializer(AnswerSerializer):
    """Closed months."""

    months = MonthSerializer(many=True)


def with_problems(good: dict[int, Any], *more: int) -> dict[Any, Any]:
    """Return the responses of an operation: the good ones, and the refusals common to all."""
    refusals = sorted({400, 401, 405, 415, 422, 429, 503, *more})
    kind = "application/problem+json"
    return good | {(status, kind): ProblemSerializer for status in refusals}


def command(item: Command) -> dict[str, Any]:
    """Return a command as it travels."""
    return {
        "id": str(item.pk),
        "type": item.type,
        "session": str(item.session_uuid) if item.session_uuid else None,
        "fault": item.fault,
        "since": rfc3339(item.since) if item.since else None,
        "expires_at": rfc3339(item.expires_at),
    }


def session(item: Session) -> dict[str, Any]:
    """Return a session as people see it. Station and flat should be selected along."""
    own = item.end_received_at is not None
    ended_at = item.ended_at if own else item.closed_at
    flat = {"id": item.flat_id, "name": flat_name(item.flat)} if item.flat_id else None
    return {
        "session_id": item.pk,
        "uuid": str(item.uuid),
        "seq": item.seq,
        "station": item.station.name,
        "tag": item.tag_uid,
        "flat": flat,
        "state": item.state.value,
        "started_at": rfc3339(item.started_at),
        "ended_at": rfc3339(ended_at) if ended_at else None,
        "end_reason": item.end_reason or None,
        "month": f"{item.month:%Y-%m}" if item.month else None,
        "meter_serial": item.start_serial,
        "start_wh": item.start_wh,
        "end_wh": item.end_wh if own else item.provisional_wh,
        "energy_wh": item.energy_wh,
        "energy_kwh": f"{item.energy_kwh:.3f}",
        "flags": item.flags,
    }


def flat_name(flat: Any) -> str:
    """Return what people call an apartment."""
    return str(getattr(flat, evcs_settings.FLAT_NAME_FIELD))
