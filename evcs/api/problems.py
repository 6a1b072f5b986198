"""Every refusal as application/problem+json, with the code of the one table."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils import timezone
from rest_framework import exceptions, status
from rest_framework.response import Response

from evcs.services.errors import ServiceError
from evcs.times import rfc3339
from mcsp.codes import Code

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

# HTTP statuses of the services' refusals.
STATUS = {
    Code.KEY_NOT_REGISTERED: 403,
    Code.KEY_BLOCKED: 403,
    Code.STATION_NOT_REGISTERED: 403,
    Code.SESSION_NOT_KNOWN: 404,
    Code.KEY_ALREADY_CHARGING: 409,
    Code.FACTS_DIFFER: 409,
    Code.OUT_OF_RANGE: 422,
    Code.UNAVAILABLE: 503,
}
# Codes of HTTP's own refusals.
CODES = {
    400: Code.MALFORMED,
    401: Code.STATION_NOT_REGISTERED,
    403: Code.KEY_BLOCKED,
    404: Code.SESSION_NOT_KNOWN,
    405: Code.ACTION_NOT_KNOWN,
    413: Code.OUT_OF_RANGE,
    415: Code.MALFORMED,
    422: Code.OUT_OF_RANGE,
    429: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
}
RETRY_AFTER_S = 5


class EndlessBody(exceptions.APIException):
    """A body in chunks, from a web server that does not tell where it ends. That is not the
    message's fault: for a 411 a box would put it aside for good."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = (
        "the web server passes on a body in chunks without its end; let the proxy in front buffer "
        "requests, or send Content-Length"
    )


class TooLarge(exceptions.APIException):
    """The body is larger than the contract allows."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "the body is larger than 1 MiB"


def problem(
    http_status: int,
    code: Code,
    detail: str,
    *,
    errors: dict[str, Any] | None = None,
    last_seq: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the answer; ``last_seq`` stands in it when the request was about a session."""
    body: dict[str, Any] = {
        "service": "evcs",
        "type": f"urn:evcs:problem:{int(code)}",
        "title": code.message,
        "status": http_status,
        "detail": detail,
        "code": int(code),
        "errors": errors or {},
        "server_time": rfc3339(timezone.now()),
    }
    if last_seq is not None:
        body["last_seq"] = last_seq
    return Response(body, status=http_status, headers=headers, content_type=CONTENT_TYPE)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception of a view; what nobody expected is logged and becomes 500."""
    if isinstance(error, ServiceError):
        http_status = STATUS[error.code]
        headers = {"Retry-After": str(RETRY_AFTER_S)} if http_status == 503 else None
        return problem(
            http_status,
            error.code,
            error.detail,
            errors=error.errors,
            last_seq=error.last_seq,
            headers=headers,
        )
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound("there is nothing at this address")
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        headers = {}
        if getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = error.auth_header
        if getattr(error, "wait", None):
            headers["Retry-After"] = str(int(error.wait) + 1)
        code = CODES.get(error.status_code, Code.MALFORMED)
        return problem(error.status_code, code, str(error.detail), headers=headers)
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("database: %s", error)
        return problem(
            503,
            Code.UNAVAILABLE,
            "the database was busy or away; send the same message again",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
    log.error("unexpected error in %s", context.get("view"), exc_info=error)
    return problem(500, Code.INTERNAL, "an error of the server's own; its log says more")


def _invalid(error: exceptions.ValidationError) -> Response:
    found = dict(_flatten(error.get_full_details(), ""))
    errors = {path: item["message"] for path, item in found.items()}
    out_of_range = all(item["code"] == "out_of_range" for item in found.values())
    code = Code.OUT_OF_RANGE if out_of_range else Code.MALFORMED
    detail = "; ".join(f"{path}: {message}" for path, message in list(errors.items())[:5])
    return problem(int(code), code, detail, errors=errors)


def _flatten(details: Any, path: str) -> Any:
    """Yield (path, first error) for every field; list positions count as names."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        yield path or "body", details
    elif isinstance(details, dict):
        for name, inner in details.items():
            name = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(part for part in (path, name) if part))
    elif details and isinstance(details[0], dict) and "message" in details[0]:
        yield path or "body", details[0]
    else:
        for position, inner in enumerate(details):
            if inner:
                yield from _flatten(inner, f"{path}.{position}" if path else str(position))
