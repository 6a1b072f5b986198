"""What is a fact is looked at and never edited."""

from __future__ import annotations

from typing import Any


class ReadOnly:
    """Mixin: no adding, no changing, no deleting."""

    actions = None

    def has_add_permission(self, *args: Any) -> bool:
        """Never."""
        return False

    def has_change_permission(self, *args: Any) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, *args: Any) -> bool:
        """Never."""
        return False


class NoDelete:
    """Mixin: may be changed, stays for ever."""

    def has_delete_permission(self, *args: Any) -> bool:
        """Never."""
        return False
