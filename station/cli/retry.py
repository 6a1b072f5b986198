"""evcs-station outbox --retry ID: put a message from the quarantine back into its line."""

from __future__ import annotations

import json

from station.cli.beside import in_journal
from station.cli.common import Problem, daemon_says
from station.config import Config


def retry(config: Config, *, message_id: int, as_json: bool) -> int:
    """Exit status 1 when nothing with that id is in quarantine. Raises Problem."""
    answer = daemon_says(config, "retry", id=message_id)
    if answer is None:
        found = in_journal(config, lambda store: store.retry(message_id))
    else:
        found = bool(answer.get("found"))
    if not found:
        raise Problem(
            f"no message {message_id} is in quarantine; evcs-station outbox --quarantine lists them"
        )
    sent = "the daemon sends it in its turn" if answer is not None else "the next daemon sends it"
    print(json.dumps({"id": message_id, "found": True}) if as_json else f"{message_id}: {sent}")
    return 0
