"""evcs-station reset: leave a latched fault whose cause is gone. Only the running daemon can tell.

The journal alone does not know whether current still flows or the stop is still pressed.
"""

from __future__ import annotations

import json

from station.cli.common import Problem, daemon_says, note
from station.config import Config


def reset(config: Config, *, fault: str | None, as_json: bool) -> int:
    """``fault`` None: all that are there. Exit status 1 when one stays, or no daemon runs."""
    answer = daemon_says(config, "reset", fault=fault)
    if answer is None:
        raise Problem(
            f"no daemon runs for {config.run_dir}; a fault is only left when the running daemon "
            "sees that its cause is gone: start it first"
        )
    cleared = answer.get("result") == "ok"
    if as_json:
        print(json.dumps(answer))
    elif cleared:
        print(answer.get("text"))
    else:
        note(f"evcs-station: {answer.get('text')}")
    return 0 if cleared else 1
