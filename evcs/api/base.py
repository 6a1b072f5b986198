"""What all views share: JSON only, problems for every refusal, no transaction but the services'."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, ParseError, Throttled
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from evcs.api.problems import TooLarge, exception_handler
from evcs.services import stations
from evcs.settings import evcs_settings
from evcs.times import rfc3339

BODY_MAX = 1024 * 1024


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 of at most 1 MiB, without NaN and Infinity; the body must be an object."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Return the object. Raises TooLarge or ParseError."""
        body = stream.read(BODY_MAX + 1)
        if len(body) > BODY_MAX:
            raise TooLarge
        try:
            data = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ParseError("the body is nested too deeply") from error
        except ValueError as error:
            raise ParseError(f"the body is not JSON in UTF-8: {error}") from error
        if not isinstance(data, dict):
            raise ParseError("the body must be a JSON object")
        return data


class AlwaysJSON(BaseContentNegotiation):
    """Whatever the client says it accepts: there is one form."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the parser for the request's content type, None if there is none (415)."""
        kind = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        """Return the JSON renderer."""
        return renderers[0], renderers[0].media_type


class WrongTokenThrottle(SimpleRateThrottle):
    """EVCS["WRONG_TOKEN_RATE"] calls with a wrong token from one address."""

    scope = "evcs-wrong-token"

    def get_rate(self) -> str | None:
        """Return the rate, None for no limit."""
        return evcs_settings.WRONG_TOKEN_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Return what is counted by."""
        return f"evcs-wrong-token-{self.get_ident(request)}"


class StationAuthentication(BaseAuthentication):
    """``Authorization: Bearer TOKEN``. The token, not the body, says which station calls."""

    def authenticate(self, request: Any) -> tuple[stations.Principal, Any]:
        """Return the station and its key; a call without a valid token is refused."""
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            raise AuthenticationFailed("send the station's token as Authorization: Bearer TOKEN")
        principal = stations.authenticate(token.strip().decode("latin-1"))
        if principal is None:
            # After the look: a right token is never kept waiting by wrong ones from its address.
            throttle = WrongTokenThrottle()
            if not throttle.allow_request(request, None):  # type: ignore[arg-type]
                raise Throttled(throttle.wait())
            raise AuthenticationFailed(
                "the token belongs to no station; make one with evcs_station NAME --rotate-token"
            )
        stations.heard(principal)
        return principal, principal.key

    def authenticate_header(self, request: Any) -> str:
        """Return the challenge."""
        return "Bearer"


class StationThrottle(SimpleRateThrottle):
    """EVCS["THROTTLE_RATE"] requests of one station."""

    scope = "evcs"

    def get_rate(self) -> str | None:
        """Return the rate, None for no limit."""
        return evcs_settings.THROTTLE_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        """Return what is counted by."""
        return f"evcs-throttle-{request.user.pk}"


class ApiView(APIView):
    """A view that needs no login."""

    authentication_classes: Any = []
    permission_classes: Any = [AllowAny]
    throttle_classes: Any = []
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    metadata_class = None
    versioning_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """Return the view, outside ATOMIC_REQUESTS: an answer may only go out after the commit."""
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer in English, whatever the project speaks: logs and tests of boxes read it."""
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)

    def get_exception_handler(self) -> Any:
        """Return ours, whatever the project's settings say."""
        return exception_handler

    def finalize_response(
        self, request: Any, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Keep answers out of caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class StationView(ApiView):
    """A view for stations."""

    authentication_classes = [StationAuthentication]
    permission_classes = [IsAuthenticated]
    throttle_classes = [StationThrottle]


def answer(body: dict[str, Any], status: int = 200, headers: Any = None) -> Response:
    """Return the server's word: ``body`` with ``service`` and ``server_time``."""
    head = {"service": "evcs", "server_time": rfc3339(timezone.now())}
    return Response(head | body, status=status, headers=headers)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
