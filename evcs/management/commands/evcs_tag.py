"""``evcs_tag UID --flat NAME``: gives a tag to an apartment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from evcs.kinds import TagState
from evcs.management.flats import find_flat
from evcs.models import Station, Tag
from evcs.services import tags, unknown_tags
from evcs.services.errors import ServiceError, UsageError
from evcs.times import first_moment, parse_rfc3339


class Command(BaseCommand):
    """Registers a tag, gives it to an apartment, takes it back, blocks or accepts it."""

    help = (
        "Give the tag UID to the apartment NAME, by default from now on; take it back, block it, "
        "let it expire, limit it to stations; list tags, and those that nobody registered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("uid", metavar="UID", nargs="?")
        parser.add_argument("--list", action="store_true", help="list all tags and unknown ones")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--flat", metavar="NAME", help="name or id of the apartment")
        whose.add_argument("--release", action="store_true", help="it belongs to nobody any more")
        parser.add_argument("--since", metavar="TIME", help="a date, or a time with offset [now]")
        parser.add_argument("--until", metavar="TIME", help="a date, or a time with offset")
        parser.add_argument("--label", metavar="TEXT", help="what it is called; '': nothing")
        parser.add_argument("--expires", metavar="TIME", help="not valid from then on; none: never")
        parser.add_argument(
            "--station", metavar="NAME", action="append", help="valid there only; may be repeated"
        )
        state = parser.add_mutually_exclusive_group()
        state.add_argument("--block", action="store_true")
        state.add_argument("--accept", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry it out."""
        try:
            if options["list"]:
                self._list()
            elif options["uid"] is None:
                raise CommandError("name the tag, or --list")
            else:
                self._change(tags.canonical_uid(options["uid"]), options)
        except (ServiceError, UsageError, ValueError, OverflowError) as error:
            raise CommandError(str(error)) from error

    def _change(self, uid: str, options: dict[str, Any]) -> None:
        wanted = ("flat", "release", "block", "accept", "expires", "station")
        if options["label"] is None and not any(options[name] for name in wanted):
            raise CommandError(
                "say what to do with the tag: --flat NAME, --release, --block, --accept, "
                "--expires TIME, --station NAME or --label TEXT"
            )
        flat = find_flat(options["flat"]) if options["flat"] else None
        since, until = _moment(options["since"]), _moment(options["until"])
        stations = [_station(name) for name in options["station"] or []]
        tag = tags.register(uid, label=options["label"] or "")
        if options["label"] is not None and options["label"] != tag.label:
            tag.label = options["label"]
            tags.describe(
                tag, label=tag.label, expires_at=tag.expires_at, stations=tag.stations.all()
            )
            self.stdout.write(f"tag {uid} is called {tag.label!r}")
        if flat is not None:
            unknown_tags.give(tag, flat.pk, by_name="evcs_tag", since=since, until=until)
            self.stdout.write(f"tag {uid} belongs to {flat}")
        if options["release"]:
            tags.release(tag, until)
            self.stdout.write(f"tag {uid} belongs to nobody")
        if stations:
            tags.set_stations(tag, stations)
            names = ", ".join(station.name for station in stations)
            self.stdout.write(f"tag {uid} is valid at {names} only")
        if options["block"] or options["accept"] or options["expires"]:
            self._set_state(tag, options)

    def _set_state(self, tag: Tag, options: dict[str, Any]) -> None:
        expires = tag.expires_at
        if options["expires"]:
            expires = None if options["expires"] == "none" else _moment(options["expires"])
        state = TagState(tag.state)
        if options["block"] or options["accept"]:
            state = TagState.BLOCKED if options["block"] else TagState.ACCEPTED
        tags.set_state(tag, state, expires)
        self.stdout.write(f"tag {tag.uid} is {state.value}")

    def _list(self) -> None:
        now = timezone.now()
        for tag in Tag.objects.prefetch_related("assignments__flat", "stations"):
            held = [
                one
                for one in tag.assignments.all()
                if (one.valid_from is None or one.valid_from <= now)
                and (one.valid_to is None or one.valid_to > now)
            ]
            whose = str(held[0].flat) if held else "nobody"
            places = ", ".join(station.name for station in tag.stations.all()) or "everywhere"
            label = f" {tag.label!r}" if tag.label else ""
            self.stdout.write(f"{tag.uid}{label}: {tag.state}, {whose}, {places}")
        for row in unknown_tags.listed():
            last = f"{timezone.localtime(row.last_at):%Y-%m-%d %H:%M}"
            self.stdout.write(
                f"{row.uid}: unknown, {row.times} time(s) at {row.station}, last {last}"
            )


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    if len(text) == 10:
        return first_moment(dt.date.fromisoformat(text), timezone.get_default_timezone())
    return parse_rfc3339(text)


def _station(name: str) -> Station:
    found = Station.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"there is no station {name!r}; evcs_station makes one")
    return found
