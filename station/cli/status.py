"""evcs-station status: what the running daemon says of itself."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from station import control
from station.config import Config

FOLLOW_EVERY_S = 1.0


def status(config: Config, *, as_json: bool, follow: bool) -> int:
    """Exit status 1 when no daemon runs or it does not answer."""
    try:
        while True:
            found = control.ask(config.run_dir, "status")
            if found is None:
                print(f"evcs-station: no daemon runs for {config.run_dir}", file=sys.stderr)
                return 1
            print(json.dumps(found) if as_json else text(found), flush=True)
            if not follow:
                return 0
            time.sleep(FOLLOW_EVERY_S)
    except OSError as error:
        print(f"evcs-station: the daemon does not answer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def text(found: dict[str, Any]) -> str:
    """A few lines for a person."""
    meter, session = found["meter"], found["session"]
    lines = [f"{found['phase']}, contactor {_contactor(found['contactor'])}"]
    if session is not None:
        energy = session["energy_wh"]
        drawn = "" if energy is None else f", {energy / 1000:.3f} kWh"
        lines.append(f"session of tag {session['tag']} since {session['since']}{drawn}")
    if meter["age_s"] is None:
        lines.append("meter: no reading yet")
    else:
        lines.append(
            f"meter {meter['serial']}: {meter['import_wh'] / 1000:.3f} kWh, "
            f"{(meter['power_w'] or 0) / 1000:.2f} kW ({meter['age_s']:.1f} s ago)"
        )
    lines += [f"FAULT {fault['name']}: {fault['detail']}" for fault in found["faults"]]
    lines += [f"unavailable: {why}" for why in found["unavailable"]]
    return "\n".join(lines)


def _contactor(contactor: dict[str, Any]) -> str:
    commanded = "closed" if contactor["commanded_closed"] else "open"
    seen = contactor["line"]
    agrees = seen is None or seen == contactor["commanded_closed"]
    return commanded if agrees else f"{commanded}, BUT ITS LINE READS OTHERWISE"
