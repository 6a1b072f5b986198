"""Who may charge: the whole table of the design, row by row, written out.

Online the server decides. While it is silent: ``offline.policy``, the tag list, and its age.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from station.rules.authorization import Decision, Refusal, Standing, decide, list_is_stale, standing
from station.rules.messages import Verdict
from station.rules.settings import Settings
from station.rules.values import AuthorizedBy, Load, Now, OfflinePolicy, TagEntry, TagList

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = 3600.0
MONO = 500 * HOUR
BOX = Settings(load=Load.WALLBOX, phases=3, max_current_a=16)

KNOWN, BLOCKED, EXPIRED, EXPIRES_LATER, UNKNOWN = (
    "04A3C6CAE26180",
    "DEADBEEF",
    "0BADCAFE",
    "0A0B0C0D",
    "FFFFFFFF",
)
ENTRIES = {
    KNOWN: TagEntry(KNOWN, True, None, "flat-3"),
    BLOCKED: TagEntry(BLOCKED, False, None, "flat-4"),
    EXPIRED: TagEntry(EXPIRED, True, NOON - timedelta(seconds=1), "flat-5"),
    EXPIRES_LATER: TagEntry(EXPIRES_LATER, True, NOON + timedelta(seconds=1), "flat-6"),
}
FRESH = TagList(ENTRIES, confirmed_at_s=MONO - 60)
STALE = TagList(ENTRIES, confirmed_at_s=MONO - 169 * HOUR)

SYNCED = Now(MONO, NOON, synced=True)
UNSYNCED = Now(MONO, datetime(1970, 1, 1, tzinfo=UTC), synced=False)

# What may come out, in the words of the documents. A START that was asked and whose answer was
# lost may be open at the server; refused it has to be closed by an END not_started.
BY_SERVER = Decision(authorized_by=AuthorizedBy.SERVER, open_at_server=True)
BY_LIST = Decision(authorized_by=AuthorizedBy.LIST, open_at_server=True)
BY_NOBODY = Decision(authorized_by=AuthorizedBy.NONE, open_at_server=True)
REFUSED_OFFLINE = Decision(refusal=Refusal.REFUSED, open_at_server=True)
CANNOT_ASK_OFFLINE = Decision(refusal=Refusal.CANNOT_ASK, open_at_server=True)

ONLINE = {
    Verdict.ACCEPTED: BY_SERVER,
    Verdict.ACCEPTED_STOP: Decision(refusal=Refusal.REFUSED, open_at_server=True),
    Verdict.UNKNOWN_TAG: Decision(refusal=Refusal.REFUSED),
    Verdict.BLOCKED: Decision(refusal=Refusal.REFUSED),
    Verdict.CHARGING_ELSEWHERE: Decision(refusal=Refusal.BUSY),
    Verdict.STATION_REFUSED: Decision(refusal=Refusal.CANNOT_ASK),
    Verdict.INVALID: Decision(refusal=Refusal.CANNOT_ASK),
}

# (policy, tag, list) -> what happens while the server is silent, with a synced clock.
OFFLINE = {
    (OfflinePolicy.KNOWN_TAGS, KNOWN, "fresh"): BY_LIST,
    (OfflinePolicy.KNOWN_TAGS, KNOWN, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, EXPIRES_LATER, "fresh"): BY_LIST,
    (OfflinePolicy.KNOWN_TAGS, EXPIRES_LATER, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, BLOCKED, "fresh"): REFUSED_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, BLOCKED, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, EXPIRED, "fresh"): REFUSED_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, EXPIRED, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, UNKNOWN, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, UNKNOWN, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, KNOWN, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, KNOWN, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRES_LATER, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRES_LATER, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, BLOCKED, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, BLOCKED, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRED, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRED, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, UNKNOWN, "fresh"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, UNKNOWN, "stale"): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.ANYONE, KNOWN, "fresh"): BY_LIST,
    (OfflinePolicy.ANYONE, KNOWN, "stale"): BY_NOBODY,
    (OfflinePolicy.ANYONE, EXPIRES_LATER, "fresh"): BY_LIST,
    (OfflinePolicy.ANYONE, EXPIRES_LATER, "stale"): BY_NOBODY,
    (OfflinePolicy.ANYONE, BLOCKED, "fresh"): BY_NOBODY,
    (OfflinePolicy.ANYONE, BLOCKED, "stale"): BY_NOBODY,
    (OfflinePolicy.ANYONE, EXPIRED, "fresh"): BY_NOBODY,
    (OfflinePolicy.ANYONE, EXPIRED, "stale"): BY_NOBODY,
    (OfflinePolicy.ANYONE, UNKNOWN, "fresh"): BY_NOBODY,
    (OfflinePolicy.ANYONE, UNKNOWN, "stale"): BY_NOBODY,
}

# (policy, tag) -> the same with an unsynced clock: neither age nor expires_at refuses.
OFFLINE_UNSYNCED = {
    (OfflinePolicy.KNOWN_TAGS, KNOWN): BY_LIST,
    (OfflinePolicy.KNOWN_TAGS, EXPIRES_LATER): BY_LIST,
    (OfflinePolicy.KNOWN_TAGS, BLOCKED): REFUSED_OFFLINE,
    (OfflinePolicy.KNOWN_TAGS, EXPIRED): BY_LIST,
    (OfflinePolicy.KNOWN_TAGS, UNKNOWN): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, KNOWN): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRES_LATER): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, BLOCKED): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, EXPIRED): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.REFUSE, UNKNOWN): CANNOT_ASK_OFFLINE,
    (OfflinePolicy.ANYONE, KNOWN): BY_LIST,
    (OfflinePolicy.ANYONE, EXPIRES_LATER): BY_LIST,
    (OfflinePolicy.ANYONE, BLOCKED): BY_NOBODY,
    (OfflinePolicy.ANYONE, EXPIRED): BY_LIST,
    (OfflinePolicy.ANYONE, UNKNOWN): BY_NOBODY,
}

TAGS = (KNOWN, EXPIRES_LATER, BLOCKED, EXPIRED, UNKNOWN)
LISTS = {"fresh": FRESH, "stale": STALE}


def with_policy(policy: OfflinePolicy) -> Settings:
    return replace(BOX, offline_policy=policy)


def test_the_tables_above_are_complete():
    assert set(ONLINE) == set(Verdict) - {Verdict.SILENT}
    assert set(OFFLINE) == {
        (policy, tag, age) for policy in OfflinePolicy for tag in TAGS for age in LISTS
    }
    assert set(OFFLINE_UNSYNCED) == {(policy, tag) for policy in OfflinePolicy for tag in TAGS}


@pytest.mark.parametrize(("verdict", "expected"), ONLINE.items(), ids=lambda value: str(value))
def test_online_the_server_decides_whatever_the_box_knows(verdict: Verdict, expected: Decision):
    for policy in OfflinePolicy:
        for tag in TAGS:
            for tags in LISTS.values():
                for now in (SYNCED, UNSYNCED):
                    assert decide(verdict, tag, tags, with_policy(policy), now) == expected


@pytest.mark.parametrize(("row", "expected"), OFFLINE.items(), ids=lambda value: str(value))
def test_offline(row: tuple[OfflinePolicy, str, str], expected: Decision):
    policy, tag, age = row
    assert decide(Verdict.SILENT, tag, LISTS[age], with_policy(policy), SYNCED) == expected


@pytest.mark.parametrize("age", LISTS)
@pytest.mark.parametrize(
    ("row", "expected"), OFFLINE_UNSYNCED.items(), ids=lambda value: str(value)
)
def test_offline_with_an_unsynced_clock(
    row: tuple[OfflinePolicy, str], expected: Decision, age: str
):
    policy, tag = row
    assert decide(Verdict.SILENT, tag, LISTS[age], with_policy(policy), UNSYNCED) == expected


def test_an_empty_list_knows_nobody():
    assert decide(Verdict.SILENT, KNOWN, TagList(), BOX, SYNCED) == CANNOT_ASK_OFFLINE


# --- the standing of a tag --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "synced", "expected"),
    [
        (None, True, Standing.UNKNOWN),
        (TagEntry(KNOWN, True), True, Standing.ACCEPTED),
        (TagEntry(KNOWN, False), True, Standing.BLOCKED),
        (TagEntry(KNOWN, True, NOON + timedelta(microseconds=1)), True, Standing.ACCEPTED),
        (TagEntry(KNOWN, True, NOON), True, Standing.EXPIRED),
        (TagEntry(KNOWN, True, NOON - timedelta(days=999)), True, Standing.EXPIRED),
        (TagEntry(KNOWN, True, NOON - timedelta(days=999)), False, Standing.ACCEPTED),
        (TagEntry(KNOWN, False, NOON - timedelta(days=999)), True, Standing.BLOCKED),
        (TagEntry(KNOWN, False, NOON + timedelta(days=999)), False, Standing.BLOCKED),
    ],
)
def test_standing(entry: TagEntry | None, synced: bool, expected: Standing):
    assert standing(entry, Now(MONO, NOON, synced)) is expected


# --- the age of the list ----------------------------------------------------------------------

MAX_AGE_S = 168 * HOUR


@pytest.mark.parametrize(
    ("tags", "mono_s", "stale"),
    [
        # Confirmed in this boot: monotonic, from the last confirmation.
        (TagList(confirmed_at_s=1000.0), 1000.0 + MAX_AGE_S, False),
        (TagList(confirmed_at_s=1000.0), 1001.0 + MAX_AGE_S, True),
        # Confirmed before: its age when the boot began, and the time since.
        (TagList(age_at_boot_s=100 * HOUR), 68 * HOUR, False),
        (TagList(age_at_boot_s=100 * HOUR), 68 * HOUR + 1, True),
        (TagList(age_at_boot_s=200 * HOUR), 10.0, True),
        # A confirmation in this boot counts, whatever it was before.
        (TagList(age_at_boot_s=900 * HOUR, confirmed_at_s=5.0), 10.0, False),
        # An age that cannot be told refuses nobody.
        (TagList(), 9999 * HOUR, False),
    ],
)
def test_age_of_the_list(tags: TagList, mono_s: float, stale: bool):
    assert list_is_stale(tags, BOX, Now(mono_s, NOON, synced=True)) is stale
    assert not list_is_stale(tags, BOX, Now(mono_s, NOON, synced=False))


def test_the_configured_age_counts():
    strict = replace(BOX, offline_max_age_s=60.0)
    assert not list_is_stale(TagList(confirmed_at_s=0.0), strict, Now(60.0, NOON, True))
    assert list_is_stale(TagList(confirmed_at_s=0.0), strict, Now(60.1, NOON, True))
