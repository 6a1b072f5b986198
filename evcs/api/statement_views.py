"""Closed months and their statements, for people with a login and the permission to see them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from evcs.api import answers
from evcs.api.base import answer
from evcs.api.people_views import PeopleView
from evcs.models import ClosedMonth, Statement
from evcs.services import statement_files
from evcs.times import parse_month

MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, description="as 2026-11")
FLAT = OpenApiParameter(
    "flat_id", str, OpenApiParameter.PATH, description="id of an apartment, or `none`"
)
FILE = [
    OpenApiParameter("as", str, enum=list(statement_files.FORMATS), description="`pdf` if absent"),
    OpenApiParameter("language", str, enum=list(statement_files.LANGUAGES)),
]


class MaySeeStatements(BasePermission):
    """The permission "Can view Abrechnung" of the admin."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the caller has it."""
        return bool(request.user and request.user.has_perm("evcs.view_statement"))


class MonthsView(PeopleView):
    """Closed months."""

    permission_classes = [MaySeeStatements]

    @extend_schema(
        operation_id="months",
        responses=answers.with_problems({200: answers.MonthsSerializer}, 403),
    )
    def get(self, request: Request) -> Response:
        """List the closed months with their statements, the latest first."""
        closed = ClosedMonth.objects.exclude(content="").order_by("-month")
        return answer({"months": [_month(one) for one in closed]})


class ReportView(PeopleView):
    """The report of a closed month."""

    permission_classes = [MaySeeStatements]

    @extend_schema(
        operation_id="report",
        parameters=[MONTH, *FILE],
        responses=answers.with_problems({(200, "application/pdf"): OpenApiTypes.BINARY}, 403, 404),
    )
    def get(self, request: Request, month: str) -> HttpResponse:
        """Return the report of the house as a file."""
        closed = _closed(month)
        return _file(request, closed.content, closed.sha256)


class StatementView(PeopleView):
    """The statement of an apartment."""

    permission_classes = [MaySeeStatements]

    @extend_schema(
        operation_id="statement",
        parameters=[MONTH, FLAT, *FILE],
        responses=answers.with_problems({(200, "application/pdf"): OpenApiTypes.BINARY}, 403, 404),
    )
    def get(self, request: Request, month: str, flat_id: str) -> HttpResponse:
        """Return the statement of an apartment for a closed month as a file."""
        key = "" if flat_id == "none" else flat_id
        found = Statement.objects.filter(closed=_closed(month), flat_key=key).first()
        if found is None:
            raise NotFound(f"apartment {flat_id} has no statement for {month}")
        return _file(request, found.content, found.sha256)


def _closed(text: str) -> ClosedMonth:
    try:
        month: dt.date = parse_month(text)
    except ValueError as error:
        raise NotFound(str(error)) from error
    found = ClosedMonth.objects.filter(month=month).exclude(content="").first()
    if found is None:
        raise NotFound(f"{text} is not closed; its statements are written when it is")
    return found


def _file(request: Request, text: str, sha256: str) -> HttpResponse:
    kind = request.query_params.get("as", "pdf")
    language = request.query_params.get("language", "de")
    try:
        name, data = statement_files.of(text, sha256, kind, language)
    except ValueError as error:
        raise ValidationError({"as": str(error)}) from error
    return HttpResponse(
        data,
        content_type=statement_files.FORMATS[kind][0],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _month(closed: ClosedMonth) -> dict[str, Any]:
    report = json.loads(closed.content)
    return {
        "month": report["month"],
        "closed_at": report["closed_at"],
        "closed_by": report["closed_by"],
        "override": report["override"],
        "energy_wh": report["total"]["energy_wh"],
        "sha256": closed.sha256,
        "statements": report["statements"],
    }
