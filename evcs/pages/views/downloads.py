"""Statements and reports of closed months, as files."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from evcs.models import ClosedMonth, Statement
from evcs.pages.wording import language
from evcs.services import statement_files
from evcs.times import parse_month


def statement(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """Send the statement of an apartment."""
    found = get_object_or_404(Statement, pk=pk)
    return as_file(found.content, found.sha256, kind)


def report(request: HttpRequest, month: str, kind: str) -> HttpResponse:
    """Send the report of the house."""
    try:
        first_day = parse_month(month)
    except ValueError as error:
        raise Http404 from error
    found = get_object_or_404(ClosedMonth, month=first_day)
    if not found.content:
        raise Http404
    return as_file(found.content, found.sha256, kind)


def as_file(content: str, sha256: str, kind: str) -> HttpResponse:
    """Return what was closed as a file in the reader's language."""
    try:
        name, data = statement_files.of(content, sha256, kind, language())
    except ValueError as error:
        raise Http404 from error
    return HttpResponse(
        data,
        content_type=statement_files.FORMATS[kind][0],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
