"""evcs-station outbox --resend DATE: tell the server once more what ended since that day.

For a server that was restored from a backup. What it still has books once, by the session's uuid.
"""

from __future__ import annotations

import json
from datetime import datetime

from station.cli.beside import in_journal
from station.cli.common import daemon_says
from station.config import Config


def resend(config: Config, *, since: datetime, as_json: bool) -> int:
    """``since`` with an offset. Raises Problem."""
    answer = daemon_says(config, "resend", since=since.isoformat())
    if answer is None:
        count = in_journal(config, lambda store: store.resend(since))
    else:
        count = int(answer["count"])
    if as_json:
        print(json.dumps({"count": count}))
    else:
        print(f"{count} session(s) that ended since {since:%Y-%m-%d} are told once more")
    return 0
