"""What all views share: JSON only, problems for every refusal, no transaction but the services'."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from django.db import transaction
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed, ParseError, Throttled
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from evcs.api.problems import EndlessBody, TooLarge, exception_handler
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
        return f"{self.scope}-{self.get_ident(request)}"

    def get_ident(self, request: Any) -> str:
        """Return the caller's address: the peer's, unless the project says how many proxies stand
        in front (NUM_PROXIES). What callers write into X-Forwarded-For themselves never counts."""
        if api_settings.NUM_PROXIES is None:
            return str(request.META.get("REMOTE_ADDR", ""))
        return str(super().get_ident(request))


class WrongPasswordThrottle(WrongTokenThrottle):
    """The same for wrong passwords, counted beside the tokens: a box that was set up wrongly keeps
    nobody out."""

    scope = "evcs-wrong-password"

    def wait_s(self, request: Any) -> float | None:
        """Return for how long this address has to wait; None: it need not. Counts nothing."""
        if self.rate is None:
            return None
        self.key = self.get_cache_key(request, None)
        self.now = self.timer()
        found = self.cache.get(self.key, [])
        self.history = [at for at in found if at > self.now - self.duration]
        return (self.wait() or 1.0) if len(self.history) >= self.num_requests else None


class PeopleAuthentication(BasicAuthentication):
    """HTTP Basic with a login of the project.

    Other than a token a password can be guessed: an address that has guessed too often waits, with
    the right one as well.
    """

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        """Return the login. Raises AuthenticationFailed or Throttled."""
        throttle = WrongPasswordThrottle()
        wait_s = throttle.wait_s(request)
        if wait_s is not None:
            raise Throttled(wait_s)
        try:
            if "\0" in userid:
                # No database has such a name, and PostgreSQL refuses to look for it.
                raise AuthenticationFailed("no login has NUL in its name")
            return super().authenticate_credentials(userid, password, request)
        except AuthenticationFailed:
            throttle.allow_request(request, None)  # type: ignore[arg-type]
            raise


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

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Let in who may call; only then take a body that comes without its length."""
        super().initial(request, *args, **kwargs)
        _take_chunked(request._request)

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


def _take_chunked(request: Any) -> None:
    """Give a body in chunks its length: Django and REST framework read none without one, and a
    good message would be refused as empty. Raises EndlessBody if its end cannot be told."""
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    if "wsgi.input" not in request.META:
        body = request.body  # ASGI has read it to its end.
    elif request.META.get("wsgi.input_terminated"):
        body = request.META["wsgi.input"].read(BODY_MAX + 1)
    else:
        raise EndlessBody
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = BytesIO(body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
