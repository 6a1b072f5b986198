"""What can happen in a life: deeds of people, of nature and of the network, and when they happen.

Frozen and readable: a printed script is a story.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Cue(StrEnum):
    """What the box does that a deed may wait for, since the last tap that began a charge."""

    ASKS = "the box asks the server"
    CLOSES = "the contactor closes"
    OPENS = "the contactor opens"
    TELLS = "the box tells the server of the end"


@dataclass(frozen=True, slots=True)
class Moment:
    """``after_s`` seconds after the cue, or after the deed before when there is none.

    A cue that does not come within ``patience_s`` is waited for no longer.
    """

    after_s: float = 0.0
    cue: Cue | None = None
    patience_s: float = 9.0

    def __str__(self) -> str:
        if self.cue is None:
            return f"{self.after_s:.1f} s later"
        return f"{self.after_s:.1f} s after {self.cue}"


class Way(StrEnum):
    """What the network between box and server does."""

    PASS = "is good"
    CUT = "is cut"
    MUTE = "takes everything and says nothing"
    SLOW = "is slow"
    LOSES_ANSWERS = "loses the answers"
    HELD = "holds requests and delivers them late"
    PROXY_502 = "has a proxy that answers 502"
    PROXY_404 = "has a proxy that answers 404"
    PROXY_PAGE = "has a proxy that answers with its own page"
    BUSY = "leads to a server that is too busy"
    MALFORMED = "breaks the JSON of the answers"
    HALF = "breaks off in the middle of the answers"
    STRANGER = "leads to another program"
    EXPIRED = "has an expired certificate"
    REFUSED = "leads to a server that finds every fact wrong"


class Order(StrEnum):
    """What the landlord does at the server."""

    STOP = "stops the charge"
    DISABLE = "disables the station"
    ENABLE = "enables the station"
    BLOCK = "blocks the tag of"
    ACCEPT = "accepts the tag of"


@dataclass(frozen=True, slots=True)
class Tap:
    """``begins``: the charge that cues are counted from. ``if_running``: only to end one."""

    person: str
    hold_s: float = 0.6
    begins: bool = False
    if_running: bool = False

    def __str__(self) -> str:
        why = " if the charge still runs" if self.if_running else ""
        return f"{self.person} is held to the box for {self.hold_s:g} s{why}"


@dataclass(frozen=True, slots=True)
class TapTogether:
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.one} and {self.other} are held to the box together"


@dataclass(frozen=True, slots=True)
class Plug:
    """``full_after_wh``: the battery takes no more than that; None = it is never full."""

    kw: float
    phases: int
    full_after_wh: float | None = None

    def __str__(self) -> str:
        full = "" if self.full_after_wh is None else f", full after {self.full_after_wh:.0f} Wh"
        return f"a car plugs in, {self.kw:g} kW on {self.phases} phase(s){full}"


@dataclass(frozen=True, slots=True)
class Unplug:
    def __str__(self) -> str:
        return "the car is unplugged"


@dataclass(frozen=True, slots=True)
class Break:
    """A fault of the simulated box, by its name."""

    fault: str

    def __str__(self) -> str:
        return f"fault {self.fault}"


@dataclass(frozen=True, slots=True)
class Mend:
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} is mended"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL. ``failsafe``: the failsafe runs after it, as systemd lets it."""

    failsafe: bool = False

    def __str__(self) -> str:
        return "the daemon is killed" + (", the failsafe runs" if self.failsafe else "")


@dataclass(frozen=True, slots=True)
class KillAtCommit:
    """The daemon kills itself right before or after its ``number``-th commit from now on."""

    number: int
    before: bool

    def __str__(self) -> str:
        when = "before" if self.before else "after"
        return f"the daemon will die right {when} its commit no. {self.number} from now"


@dataclass(frozen=True, slots=True)
class Leave:
    def __str__(self) -> str:
        return "the daemon is told to leave"


@dataclass(frozen=True, slots=True)
class PowerCut:
    def __str__(self) -> str:
        return "the power is cut"


@dataclass(frozen=True, slots=True)
class PowerBack:
    after_s: float

    def __str__(self) -> str:
        return f"the power is back after {self.after_s:g} s"


@dataclass(frozen=True, slots=True)
class Network:
    way: Way

    def __str__(self) -> str:
        return f"the network {self.way}"


@dataclass(frozen=True, slots=True)
class StopServer:
    def __str__(self) -> str:
        return "the server is stopped"


@dataclass(frozen=True, slots=True)
class StartServer:
    def __str__(self) -> str:
        return "the server is started"


@dataclass(frozen=True, slots=True)
class Landlord:
    order: Order
    person: str = ""

    def __str__(self) -> str:
        return f"the landlord {self.order} {self.person}".rstrip()


@dataclass(frozen=True, slots=True)
class SetClock:
    """To a time in seconds since 1970."""

    wall_s: float
    synced: bool

    def __str__(self) -> str:
        return f"the clock is set to {self.wall_s:.0f}, {'synced' if self.synced else 'unsynced'}"


@dataclass(frozen=True, slots=True)
class StepClock:
    seconds: float

    def __str__(self) -> str:
        return f"the clock steps by {self.seconds:.0f} s"


@dataclass(frozen=True, slots=True)
class RightClock:
    def __str__(self) -> str:
        return "the clock is set right"


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Every commit takes so much longer; 0 = as it was."""

    seconds: float

    def __str__(self) -> str:
        return f"a commit takes {self.seconds:g} s longer"


@dataclass(frozen=True, slots=True)
class Reset:
    def __str__(self) -> str:
        return "somebody resets the box"


Deed = (
    Tap
    | TapTogether
    | Plug
    | Unplug
    | Break
    | Mend
    | Kill
    | KillAtCommit
    | Leave
    | PowerCut
    | PowerBack
    | Network
    | StopServer
    | StartServer
    | Landlord
    | SetClock
    | StepClock
    | RightClock
    | SlowDisk
    | Reset
)


@dataclass(frozen=True, slots=True)
class Act:
    """One line of a life."""

    moment: Moment
    deed: Deed

    def __str__(self) -> str:
        return f"{self.moment}: {self.deed}"
