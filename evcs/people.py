"""How people are called in what they decide."""

from __future__ import annotations

from typing import Any

from evcs.services.errors import LONGEST_NAME


def name_of(user: Any) -> str:
    """Return the full name of a login, else its user name."""
    return str(user.get_full_name() or user.get_username())[:LONGEST_NAME]
