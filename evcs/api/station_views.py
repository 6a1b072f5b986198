"""What stations call. Each view parses, calls one service, answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from evcs.api import answers, requests
from evcs.api.base import ApiView, StationView, answer
from evcs.api.fields import parse_uuid
from evcs.api.problems import TooLarge
from evcs.services import ends, health, heartbeats, quarantine, readings, starts, tag_lists

ETAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304])
IF_NONE_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER)
SESSION = OpenApiParameter("uuid", UUID, OpenApiParameter.PATH)


class HelloView(ApiView):
    """Who is here."""

    @extend_schema(operation_id="hello", responses={200: answers.HelloSerializer})
    def get(self, request: Request) -> Response:
        """Say the service and the versions of its contract; no token needed."""
        return answer({"versions": ["1.0"]})


class HealthView(ApiView):
    """For a monitor."""

    @extend_schema(
        operation_id="health",
        responses={200: answers.HealthSerializer, 503: answers.HealthSerializer},
    )
    def get(self, request: Request) -> Response:
        """Say whether the server is well (200) or wants somebody (503); no token needed."""
        found = health.health()
        return answer(asdict(found), status=200 if found.well else 503)


class StartView(StationView):
    """START of a session."""

    @extend_schema(
        operation_id="start",
        parameters=[SESSION],
        request=requests.StartSerializer,
        responses=answers.with_problems(
            {200: answers.StartAnswerSerializer, 201: answers.StartAnswerSerializer},
            403,
            404,
            409,
        ),
    )
    def put(self, request: Request, uuid: str) -> Response:
        """Ask whether a tag may charge, or report that it does."""
        key = _session_uuid(uuid)
        message = _parse(requests.StartSerializer, request)
        result = starts.start(request.user.station, key, message)
        body = {
            "session_id": result.session_id,
            "group": result.group,
            "action": result.action.value,
            "flags": result.flags,
            "last_seq": result.last_seq,
        }
        return answer(body, 201 if result.created else 200)


class EndView(StationView):
    """END of a session."""

    @extend_schema(
        operation_id="end",
        parameters=[SESSION],
        request=requests.EndSerializer,
        responses=answers.with_problems(
            {200: answers.EndAnswerSerializer, 201: answers.EndAnswerSerializer}, 404, 409
        ),
    )
    def put(self, request: Request, uuid: str) -> Response:
        """Report a charge that is over; works when its START never arrived."""
        key = _session_uuid(uuid)
        message = _parse(requests.EndSerializer, request)
        result = ends.end(request.user.station, key, message)
        body = {
            "session_id": result.session_id,
            "energy_wh": result.energy_wh,
            "flags": result.flags,
            "last_seq": result.last_seq,
        }
        return answer(body, 201 if result.created else 200)


class ReadingsView(StationView):
    """Readings within a session."""

    @extend_schema(
        operation_id="readings",
        parameters=[SESSION],
        request=requests.ReadingsSerializer,
        responses=answers.with_problems({200: answers.ReadingsAnswerSerializer}, 404, 413),
    )
    def post(self, request: Request, uuid: str) -> Response:
        """Store up to 500 readings, each once by its number."""
        key = _session_uuid(uuid)
        batch = request.data.get("readings")
        if isinstance(batch, list) and len(batch) > requests.READINGS_MAX:
            raise TooLarge(f"more than {requests.READINGS_MAX} readings; send smaller batches")
        message = _parse(requests.ReadingsSerializer, request)
        stored, action = readings.store(request.user.station, key, message)
        return answer({"stored": stored, "action": action.value})


class HeartbeatView(StationView):
    """The state of a station."""

    @extend_schema(
        operation_id="heartbeat",
        request=requests.HeartbeatSerializer,
        responses=answers.with_problems({200: answers.HeartbeatAnswerSerializer}),
    )
    def post(self, request: Request) -> Response:
        """Report the station's state; hear what it is to do."""
        message = _parse(requests.HeartbeatSerializer, request)
        result = heartbeats.take(request.user.station, message)
        return answer(
            {
                "heartbeat_s": result.heartbeat_s,
                "last_seq": result.last_seq,
                "tags_etag": result.tags_etag,
                "action": result.action.value,
                "commands": [answers.command(item) for item in result.commands],
            }
        )


class TagsView(StationView):
    """The tag list of a station."""

    @extend_schema(
        operation_id="tags",
        parameters=[IF_NONE_MATCH, ETAG],
        responses=answers.with_problems({200: answers.TagListSerializer, 304: None}),
    )
    def get(self, request: Request) -> Response:
        """Return the tags valid at this station."""
        listed = tag_lists.list_for(request.user.station)
        headers = {"ETag": listed.etag, "Cache-Control": "private, no-cache"}
        if _matches(request.headers.get("If-None-Match", ""), listed.etag):
            return Response(status=304, headers=headers)
        return answer({"tags": listed.tags}, headers=headers)


class QuarantineView(StationView):
    """Messages that were refused."""

    @extend_schema(
        operation_id="quarantine",
        request=requests.QuarantineSerializer,
        responses=answers.with_problems({202: answers.AnswerSerializer}),
    )
    def post(self, request: Request) -> Response:
        """Keep a message that the server refused, as text, for a person to look at."""
        data = _parse(requests.QuarantineSerializer, request)
        quarantine.keep(request.user.station, data["id"], data["raw"], data["reason"])
        return answer({}, 202)


class NothingHereView(ApiView):
    """Every address under the base that is none."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whatever the method."""
        super().initial(request, *args, **kwargs)
        raise NotFound("there is nothing at this address")


def _parse(kind: type[requests.Body], request: Request) -> Any:
    return requests.parser(kind).parse(request.data)


def _session_uuid(text: str) -> UUID:
    try:
        return parse_uuid(text)
    except ValueError as error:
        raise NotFound(f"the session's uuid is {error}") from error


def _matches(header: str, etag: str) -> bool:
    candidates = [item.strip().removeprefix("W/") for item in header.split(",")]
    return etag in candidates or "*" in candidates
