"""``python3 -m tools.install install|rollback|uninstall``, as root; FORCE=1 also while charging."""

from __future__ import annotations

import os
import sys

from tools.install import steps
from tools.install.place import Place
from tools.install.told import InstallError, main

ACTIONS = {
    "install": steps.install,
    "rollback": steps.roll_back,
    "uninstall": steps.uninstall,
}


def act(words: list[str]) -> None:
    """Carry out one action. Raises InstallError."""
    if len(words) != 1 or words[0] not in ACTIONS:
        raise InstallError(f"say one of {', '.join(ACTIONS)}")
    if os.geteuid() != 0:
        raise InstallError(f"this changes the system: sudo make {words[0]}")
    ACTIONS[words[0]](Place(), force=os.environ.get("FORCE") == "1")


if __name__ == "__main__":
    sys.exit(main(lambda: act(sys.argv[1:])))
