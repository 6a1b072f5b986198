"""The server over HTTPS: one connection, bounded in time and size. The uplink thread only.

Only an answer that carries ``"service": "evcs"`` is the server's word. A proxy's page, a captive
portal, half a body, a redirect: all count as silence, and the message is sent again later.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError

from station.transport.answers import Answer, Kind
from station.transport.deadline import Deadline, DeadlineAdapter

API = "/api/evcs/v1/"
MAX_BODY_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 65536
LONGEST_WORDS = 200
# What is shorter is none of the server's, and could be a part of any word.
SHORTEST_TOKEN = 16
CUT = b"(token)"

_REFUSALS_OF_START = {401, 403, 406, 409}


class RestTransport:
    """The calls of the REST API. Nothing here raises for what a server or a network can do.

    ``adapter`` stands in for the network: a server without one is asked through it.
    """

    end_tells_all = True

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 3.0,
        ca_file: str | None = None,
        user_agent: str = "evcs-station",
        monotonic: Callable[[], float] = time.monotonic,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self._base = url.rstrip("/") + API
        self._timeout_s = timeout_s
        self._deadline = Deadline(monotonic)
        # A server that repeats what it was sent must not bring the token into our log or journal.
        self._secret = token.encode() if len(token) >= SHORTEST_TOKEN else None
        self._http = requests.Session()
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, adapter or DeadlineAdapter(self._deadline))
        # Neither proxies nor a .netrc of the environment may change where the token goes.
        self._http.trust_env = False
        self._http.headers.update(
            {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        )
        self._http.headers["User-Agent"] = user_agent
        if ca_file is not None:
            self._http.verify = ca_file

    def start(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """PUT sessions/{uuid}. REFUSED carries the code of the table in MCSP."""
        answer = self._call("PUT", f"sessions/{uuid}", body)
        if answer.kind is Kind.WRONG and answer.code in _REFUSALS_OF_START:
            return Answer(Kind.REFUSED, answer.body, answer.code, answer.detail)
        return answer

    def end(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """PUT sessions/{uuid}/end."""
        return self._call("PUT", f"sessions/{uuid}/end", body)

    def readings(self, uuid: str, body: Mapping[str, Any]) -> Answer:
        """POST sessions/{uuid}/readings."""
        return self._call("POST", f"sessions/{uuid}/readings", body)

    def heartbeat(self, body: Mapping[str, Any]) -> Answer:
        """POST heartbeat."""
        return self._call("POST", "heartbeat", body)

    def tags(self, etag: str | None) -> Answer:
        """GET tags; UNCHANGED when the list with this etag is current."""
        headers = {"If-None-Match": etag} if etag else {}
        return self._call("GET", "tags", None, headers, sent_etag=etag)

    def quarantine(self, message_id: str, raw: str, reason: str) -> Answer:
        """POST quarantine: what the server found wrong, for a person to look at."""
        return self._call("POST", "quarantine", {"id": message_id, "raw": raw, "reason": reason})

    def hello(self) -> Answer:
        """GET the base: is this the server, and which time does it have?"""
        return self._call("GET", "", None)

    def close(self) -> None:
        self._http.close()

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None = None,
        sent_etag: str | None = None,
    ) -> Answer:
        self._deadline.set(self._timeout_s)
        try:
            with self._http.request(
                method,
                self._base + path,
                json=body,
                headers=dict(headers or {}),
                timeout=(self._timeout_s, self._timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                raw = _read(response)
                if self._secret is not None:
                    raw = raw.replace(self._secret, CUT)
                return _judge(response, raw, sent_etag)
        except (requests.RequestException, HTTPError, OSError) as error:
            detail = _in_words(error)
            if self._secret is not None:
                detail = detail.encode(errors="replace").replace(self._secret, CUT).decode()
            return Answer(Kind.SILENT, detail=detail)


def _read(response: requests.Response) -> bytes:
    raw = bytearray()
    for chunk in response.iter_content(CHUNK_BYTES):
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise OSError("the answer is larger than any of the server's")
    return bytes(raw)


def _judge(response: requests.Response, raw: bytes, sent_etag: str | None) -> Answer:
    status = response.status_code
    etag = response.headers.get("ETag")
    # One that begins with a no-break space, or is empty, could not be sent back.
    etag = etag if etag and etag.isprintable() else None
    if status == 304:
        if sent_etag is not None and etag == sent_etag:
            return Answer(Kind.UNCHANGED, etag=etag)
        return Answer(Kind.SILENT, detail="304 without the ETag that was asked for")
    body = _object(raw)
    if body.get("service") != "evcs" or 300 <= status < 400:
        return Answer(Kind.SILENT, detail=f"HTTP {status}, but not from an evcs server")
    code = body.get("code")
    code = code if isinstance(code, int) and 100 <= code <= 999 else status
    detail = f"HTTP {status} code {code}: {_words(body)}".rstrip(": ")
    if 200 <= status < 300:
        return Answer(Kind.DONE, body, etag=etag)
    if status == 401:
        return Answer(Kind.UNAUTHORIZED, body, code, detail)
    if status == 413:
        return Answer(Kind.TOO_LARGE, body, code, detail)
    if status == 404 and code == 404:
        return Answer(Kind.UNKNOWN_SESSION, body, code, detail)
    if status == 429 or status >= 500:
        return Answer(Kind.LATER, body, code, detail, retry_after_s=_retry_after(response))
    return Answer(Kind.WRONG, body, code, detail)


def _object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body, empty when it is none.

    Text with half of a surrogate pair is valid JSON, but can neither be stored nor sent on.
    """
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _words(body: Mapping[str, Any]) -> str:
    texts = (body.get("title"), body.get("detail"))
    return " ".join(text[:LONGEST_WORDS] for text in texts if isinstance(text, str))


def _retry_after(response: requests.Response) -> float | None:
    """Seconds; the header's date form is not used by this server and not read."""
    value = response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}", value) else None


def _in_words(error: Exception) -> str:
    """The innermost reason: what a person at the box can act on."""
    reason: BaseException = error
    while reason.args and isinstance(reason.args[0], BaseException):
        reason = reason.args[0]
    inner = getattr(reason, "reason", None)
    if isinstance(inner, BaseException):
        reason = inner
    return f"{type(reason).__name__}: {reason}"
