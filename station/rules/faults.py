"""Who may clear which fault: a table, as SAFETY has it. Pure.

A welded contactor only at the box, after a minute without flow and with the mirror contact open;
an emergency stop only at the box, five seconds after its release; the others at the box, or by the
server when it names the fault and since when it has been there.
"""

from __future__ import annotations

from datetime import datetime

from station.rules.state import State
from station.rules.values import Fault

EMERGENCY_STOP = "emergency_stop"  # follows its input over a reboot, unlike every other fault
CONTACTOR_FAULT = "contactor_fault"
POWER_UNSTABLE = "power_unstable"
LEASE_LAPSE = "lease_lapse"

WITHOUT_FLOW_S = 60.0
RELEASED_S = 5.0


def why_not_clear(
    fault: Fault, state: State, now_s: float, *, remote: bool, since: datetime | None
) -> str | None:
    """Why this fault stays, in words for whoever asked; None when it may be cleared."""
    if fault.name == EMERGENCY_STOP:
        if remote:
            return "an emergency stop is cleared at the box only"
        if state.stop_pressed:
            return "the stop input is still open: release the button, or mend its wire"
        if state.stop_released_s is not None and now_s - state.stop_released_s < RELEASED_S:
            return "the stop was released less than 5 s ago: wait, then try again"
        return None
    if fault.welded:
        if remote:
            return "a welded contactor is cleared at the box only"
        if state.settings.has_feedback and state.feedback_closed is not False:
            return "the mirror contact does not say open: the contactor has to be replaced"
        if state.meter_problem:
            return f"the meter cannot tell whether current flows: {state.meter_problem}"
        return _why_it_may_still_flow(state, now_s)
    if remote and since != fault.since:
        return "a remote reset names the fault and since when it has been there; this one differs"
    return None


def _why_it_may_still_flow(state: State, now_s: float) -> str | None:
    """A minute without flow is seen, not assumed: nobody looked before the boot or the opening."""
    flow_s = state.weld.flow_s
    since_s = max(flow_s or 0.0, state.opened_at_s, state.feedback_closed_s or 0.0)
    if now_s - since_s < WITHOUT_FLOW_S:
        if since_s == flow_s:
            return "current flowed within the last minute: the contactor has to be replaced"
        return "it has to be seen open without flow for a minute: wait, then try again"
    if not state.resting or state.resting[-1].requested_at_s <= since_s:
        return "no reading since then says that nothing flows: wait, then try again"
    return None
