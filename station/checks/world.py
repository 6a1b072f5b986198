"""What lies outside the box: the time, the server, and whether it knows our token."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from station.checks import unit
from station.checks.probe import Probe, Result, Surroundings
from station.clock import Clock
from station.config import ServerConfig
from station.rules.values import Now
from station.transport.answers import Answer, Kind
from station.transport.choice import transport_of
from station.transport.mcsp import McspTransport
from station.transport.rest import RestTransport

# The server takes what is up to 5 min ahead of it; long before that something is wrong.
APART_S = 60.0
LONGEST_CALL_S = 2.5
HIDDEN = (
    "but not by systemd-timesyncd, and in its sandbox the service sees no other word: apt install "
    "systemd-timesyncd, or a drop-in of its unit with ProtectClock=no and "
    "SystemCallFilter=adjtimex clock_adjtime clock_adjtime64"
)


def clock(around: Surroundings) -> Result:
    """Whether the kernel's clock was set in this boot, and whether the service can see that."""
    found = judge_clock(around.clock.now(), around.clock.uptime_ms(), around.clock.boot_id)
    if found.ok and around.config.simulator is None and hidden_from_service(around.root):
        return Result("clock", False, f"{found.text}; {HIDDEN}")
    return found


def hidden_from_service(root: Path) -> bool:
    """In its sandbox the daemon sees systemd-timesyncd's word, and nobody else's."""
    service = unit.service(root)
    sandboxed = service is not None and service.last("ProtectClock") in ("yes", "true", "on", "1")
    return sandboxed and not (root / "run/systemd/timesync/synchronized").exists()


def judge_clock(now: Now, uptime_ms: int, boot_id: str) -> Result:
    """Pure."""
    at = now.utc.isoformat(timespec="seconds")
    boot = f"up for {uptime_ms / 3_600_000:.1f} h, boot {boot_id[:8]}"
    if now.synced:
        return Result("clock", True, f"{at}, synced, {boot}")
    return Result(
        "clock",
        False,
        f"{at}, but nobody has set it since this boot ({boot}): check the network and NTP "
        "(timedatectl); until then the times of charges are estimates",
    )


def server(around: Surroundings) -> Result:
    """Whether an evcs server answers, and which time it has."""
    if around.config.server.transport == "mcsp" and not around.alone:
        return beside_line(around)
    transport = _transport(around)
    try:
        answer = transport.hello()
    finally:
        transport.close()
    if around.config.server.transport == "mcsp":
        return judge_line(around.config.server, answer)
    return judge_server(around.config.server.url, answer, around.clock)


def beside_line(around: Surroundings) -> Result:
    """A line has one owner: beside a daemon it is not ours to speak on. Pure."""
    where = f"MCSP on {around.config.server.port}"
    if around.taken is not None:
        return Result("server", False, f"{where}: not looked at: {around.taken}")
    text = f"{where}: the daemon has the line; evcs-station outbox tells what waits for it"
    return Result("server", True, text)


def judge_line(server: ServerConfig, answer: Answer) -> Result:
    """Whether somebody answers on the line. Pure."""
    where = f"MCSP on {server.port}"
    if server.mcsp_legacy:
        said = "an older server: whether it is there shows at the first START"
        return Result("server", True, f"{where}, {said}")
    if answer.kind is Kind.DONE:
        return Result("server", True, f"{where} answers")
    if answer.kind is Kind.UNAUTHORIZED:
        hint = (
            "the line is bound to another station there, or this one is disabled: look at runevcs"
        )
        return Result("server", False, f"{where}: {answer.detail}; {hint}")
    if answer.kind is Kind.LATER:
        return Result("server", False, f"{where}: {answer.detail}; {advice(answer)}")
    hint = "check the cable, the baud rate, and that runevcs listens there"
    return Result("server", False, f"{where}: {answer.detail}; {hint}")


def judge_server(url: str, answer: Answer, at: Clock) -> Result:
    """``at``: the box's clock, right after the answer."""
    if answer.kind is not Kind.DONE:
        return Result("server", False, f"{url}: {answer.detail}; {advice(answer)}")
    now = at.now()
    theirs = _moment(answer.body.get("server_time"))
    if theirs is None:
        return Result("server", False, f"{url} answers without its time; is it an older release?")
    apart_s = (now.utc - theirs).total_seconds()
    if abs(apart_s) > APART_S:
        whose = "the server's" if now.synced else "the box's (it is not synced)"
        ahead = "ahead of" if apart_s > 0 else "behind"
        return Result(
            "server",
            False,
            f"{url} answers, but the box's clock is {abs(apart_s):.0f} s {ahead} the server's; "
            f"probably {whose} is wrong: check NTP there",
        )
    return Result("server", True, f"{url} answers, clocks {abs(apart_s):.1f} s apart")


def advice(answer: Answer) -> str:
    """What to do about a server that did not answer as one, by the words of the failure."""
    said = answer.detail.lower()
    hints = (
        ("not from an evcs server", "another program answers there: check [server] url"),
        ("not yet valid", "the certificate is from the future: set the box's clock"),
        ("expired", "the certificate has expired: renew it on the server, check the box's clock"),
        (
            "certificate",
            "the certificate is not trusted: name its authority in [server] ca_file, or check "
            "that url has the name for which it was issued",
        ),
        ("ssl", "TLS fails: does the server speak https on this port?"),
        ("resol", "the name is not known: check [server] url and the box's DNS"),
        ("name or service", "the name is not known: check [server] url and the box's DNS"),
        ("refused", "nothing listens there: is the server running, is the port right?"),
        ("unreachable", "there is no way there: check the box's network"),
        ("time", "no answer in time: check the network, the firewall and [server] url"),
    )
    if answer.kind is Kind.LATER:
        return "the server is there but cannot serve now: look at its log"
    return next((hint for word, hint in hints if word in said), "check the network and the server")


def token(around: Surroundings) -> Result:
    """Whether the server takes our token: asked for the tag list, which changes nothing."""
    if around.config.server.transport == "mcsp":
        return Result("token", True, "none is needed: the line is bound to this station")
    transport = _transport(around)
    try:
        answer = transport.tags(None)
    finally:
        transport.close()
    return judge_token(around.config.name, answer)


def judge_token(name: str, answer: Answer) -> Result:
    """Pure."""
    if answer.kind is Kind.DONE:
        tags = answer.body.get("tags")
        count = len(tags) if isinstance(tags, list) else 0
        return Result("token", True, f"accepted; {count} tags are valid at this station")
    if answer.kind is Kind.UNCHANGED:
        return Result("token", True, "accepted")
    if answer.kind is Kind.UNAUTHORIZED:
        return Result(
            "token",
            False,
            f"the server does not take it: make a new one on the server with evcs_station {name} "
            "--rotate-token, and put it into [server] token_file",
        )
    if answer.heard:
        return Result("token", False, f"the server's answer says nothing of it: {answer.detail}")
    return Result("token", False, f"cannot be told without the server: {answer.detail}")


def _transport(around: Surroundings) -> RestTransport | McspTransport:
    wanted_s = min(around.config.server.timeout_s, LONGEST_CALL_S)
    return transport_of(around.config, timeout_s=wanted_s, user_agent="evcs-station check")


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


PROBES = (
    Probe("clock", 1.0, clock, aside=True),
    Probe("server", 3.5, server, aside=True),
    Probe("token", 3.0, token, aside=True),
)
