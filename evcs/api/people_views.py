"""What people and programs of the house call, with a login of mmetering and its permission."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from evcs.api import answers
from evcs.api.base import ApiView, PeopleAuthentication, answer
from evcs.kinds import SessionState
from evcs.models import Session
from evcs.services import consumption
from evcs.settings import evcs_settings
from evcs.times import parse_month, parse_rfc3339

ID_MAX = 2**63 - 1


class MaySeeSessions(BasePermission):
    """The permission "Can view Ladevorgang" of the admin."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller has it."""
        return bool(request.user and request.user.has_perm("evcs.view_session"))


class PeopleView(ApiView):
    """A view for people: HTTP Basic (first, so that it is the challenge) or session login."""

    authentication_classes = [PeopleAuthentication, SessionAuthentication]
    permission_classes = [MaySeeSessions]


class SessionPages(PageNumberPagination):
    """Pages of EVCS["PAGE_SIZE"], up to 1000 by ``page_size``."""

    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_page_size(self, request: Request) -> int:
        """Return the size asked for, or the setting."""
        self.page_size = evcs_settings.PAGE_SIZE
        return super().get_page_size(request)


def _query(name: str, description: str, kind: Any = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, description=description)


class SessionsView(PeopleView):
    """Sessions."""

    @extend_schema(
        operation_id="sessions",
        parameters=[
            _query("flat", "id of an apartment, or `none` for unassigned"),
            _query("station", "name of a station"),
            _query("from", "started at or after: a date of the house, or a time with offset"),
            _query("to", "started before: a date of the house, or a time with offset"),
            _query("state", "`open`, `provisional` or `ended`"),
            _query("page", "number of the page", int),
            _query("page_size", "sessions per page, at most 1000", int),
        ],
        responses=answers.with_problems({200: answers.SessionPageSerializer}, 403, 404),
    )
    def get(self, request: Request) -> Response:
        """List sessions, the latest first."""
        found = _filtered(request.query_params).select_related("station", "flat")
        pages = SessionPages()
        page = pages.paginate_queryset(found, request, view=self)
        return answer(
            {
                "count": pages.page.paginator.count,
                "next": pages.get_next_link(),
                "previous": pages.get_previous_link(),
                "results": [answers.session(item) for item in page],
            }
        )


class ConsumptionView(PeopleView):
    """Consumption of an apartment."""

    @extend_schema(
        operation_id="consumption",
        parameters=[
            OpenApiParameter("flat_id", int, OpenApiParameter.PATH),
            OpenApiParameter("month", str, required=True, description="as 2026-11"),
        ],
        responses=answers.with_problems({200: answers.ConsumptionSerializer}, 403, 404),
    )
    def get(self, request: Request, flat_id: str) -> Response:
        """Return the energy of the sessions that ended in a month."""
        try:
            month = parse_month(request.query_params.get("month", ""))
        except ValueError as error:
            raise ValidationError({"month": str(error)}) from error
        flats = apps.get_model(evcs_settings.FLAT_MODEL)._default_manager
        flat = flats.filter(pk=flat_id).first() if int(flat_id) <= ID_MAX else None
        if flat is None:
            raise NotFound(f"there is no apartment {flat_id}")
        result = consumption.of_flat(flat.pk, month)
        return answer(
            {
                "flat": flat.pk,
                "name": answers.flat_name(flat),
                "month": f"{month:%Y-%m}",
                "sessions": result.sessions,
                "provisional": result.provisional,
                "late_wh": result.late_wh,
                "corrected_wh": result.corrected_wh,
                "energy_wh": result.energy_wh,
                "energy_kwh": result.energy_kwh,
            }
        )


def _filtered(params: Any) -> QuerySet[Session]:
    found = Session.objects.all()
    if "flat" in params:
        text = params["flat"]
        if text == "none":
            found = found.filter(flat=None)
        elif text.isascii() and text.isdigit() and len(text) <= 18:
            found = found.filter(flat_id=int(text))
        else:
            raise ValidationError({"flat": "must be the id of an apartment, or none"})
    if "station" in params:
        if "\0" in params["station"]:
            raise ValidationError({"station": "must be the name of a station"})
        found = found.filter(station__name=params["station"])
    if "from" in params:
        found = found.filter(started_effective__gte=_moment(params, "from"))
    if "to" in params:
        found = found.filter(started_effective__lt=_moment(params, "to"))
    if "state" in params:
        found = _in_state(found, params["state"])
    return found


def _in_state(found: QuerySet[Session], state: str) -> QuerySet[Session]:
    if state == SessionState.OPEN:
        return found.filter(open_slot=1)
    if state == SessionState.ENDED:
        return found.filter(end_received_at__isnull=False)
    if state == SessionState.PROVISIONAL:
        return found.filter(open_slot=None, end_received_at=None)
    raise ValidationError({"state": f"must be one of {', '.join(SessionState.values)}"})


def _moment(params: Any, name: str) -> dt.datetime:
    text = params[name]
    try:
        if len(text) == 10:
            day = dt.date.fromisoformat(text)
            midnight = dt.datetime(
                day.year, day.month, day.day, tzinfo=timezone.get_default_timezone()
            )
            return midnight.astimezone(dt.UTC)
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        # In a query a plus sign means a blank: the usual mistake deserves to be named.
        raise ValidationError(
            {name: "must be a date, or a time with offset (write + as %2B)"}
        ) from error
