"""What the schema generator cannot guess: how stations authenticate, which paths are in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class StationTokenScheme(OpenApiAuthenticationExtension):
    """The station's token; found by the generator through its base class."""

    target_class = "evcs.api.base.StationAuthentication"
    name = "stationToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer"}


class PeopleLoginScheme(OpenApiAuthenticationExtension):
    """HTTP Basic with a login; the name is the one that REST framework's own would have."""

    target_class = "evcs.api.base.PeopleAuthentication"
    name = "basicAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "basic"}
