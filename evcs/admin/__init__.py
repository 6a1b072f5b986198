"""The admin's pages: facts to look at, stations and tags to change through the services."""

from evcs.admin import alerts, facts, residents, sessions, statements, stations, tags

__all__ = ["alerts", "facts", "residents", "sessions", "statements", "stations", "tags"]
