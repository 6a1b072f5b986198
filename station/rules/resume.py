"""Whether a charge that a power cut or a restart interrupted goes on as the same session. Pure.

A house returns together, a breaker that trips at closing must not be closed onto again and again,
and nobody may be charged for what they did not see resume: so the conditions are many, and when one
fails the session ends exactly, by the register that survived.
"""

from __future__ import annotations

from station.rules import authorization
from station.rules.authorization import Standing
from station.rules.messages import StoredSession
from station.rules.settings import Settings
from station.rules.state import State
from station.rules.values import AuthorizedBy, Load, Now, Session, TagList, TimeQuality

RESTART_WITHIN_S = 60.0
MAX_RESUMES = 3
CLOSED_FOR_S = 60.0
STABLE_FOR_S = 30.0
SPREAD_S = 60.0
# Two good clocks may differ by so much, and a life sign is then of the future; by more they lie.
CLOCKS_APART_S = 5.0


def outage_s(left: StoredSession, now: Now) -> float | None:
    """Seconds since the last sign of life; None: a clock was not synced, or they contradict."""
    if left.life_at is None or left.life_quality is not TimeQuality.SYNCED or not now.synced:
        return None
    gone_s = (now.utc - left.life_at).total_seconds()
    return max(0.0, gone_s) if gone_s >= -CLOCKS_APART_S else None


def closed_too_shortly(left: StoredSession) -> bool:
    """The mains went within a minute of closing: perhaps because of it."""
    return not left.same_boot and left.life_closed_s < CLOSED_FOR_S


def why_not(left: StoredSession, tags: TagList, settings: Settings, now: Now) -> str | None:
    """What forbids to resume, decided once, at boot; None when it may be waited for."""
    session = left.session
    if settings.load is Load.SOCKET:
        return "a socket is never energised again by itself"
    if left.life_closed_s < CLOSED_FOR_S:
        return "the contactor had been closed for less than a minute"
    if session.resumes >= MAX_RESUMES:
        return f"resumed {MAX_RESUMES} times already"
    limit_s = settings.resume_within_s
    if left.same_boot:
        limit_s = min(limit_s, RESTART_WITHIN_S)
    gone_s = outage_s(left, now)
    if gone_s is None:
        return "how long it was away cannot be told: a clock was not synced, or wrong"
    if gone_s > limit_s:
        return f"away for {gone_s:.0f} s, at most {limit_s:.0f} s are allowed"
    if session.authorized_by is not AuthorizedBy.NONE and (
        authorization.standing(tags.entries.get(session.tag), now) is not Standing.ACCEPTED
    ):
        return "the tag is no longer valid in the list"
    return None


def spread_s(session: Session) -> float:
    """0 to 60 s, by the session's random uuid: the boxes of a house do not return together."""
    return int(session.uuid[:8], 16) / 2**32 * SPREAD_S


def not_yet(session: Session, state: State, now_s: float) -> str | None:
    """What is still waited for; None: go on."""
    if state.settings.has_vehicle_input and state.vehicle_present is not True:
        return "the vehicle input does not say that the car is there"
    if state.supply_good_s is None or now_s - state.supply_good_s < STABLE_FOR_S:
        return "the supply has not been stable for 30 s"
    if now_s - session.stage_since_s < spread_s(session):
        return "a random moment, so that a house does not return together"
    return None
