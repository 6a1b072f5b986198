"""All benchmarks, one after the other, each in a process of its own: ``make bench [PART=…]``.

Exit status 1 when a figure is missed. docs/performance.md says what each shows.
"""

from __future__ import annotations

import subprocess
import sys

MARIADB = ("-m", "tools.databases", "--synced", "mariadb", "--", sys.executable)
PARTS: dict[str, tuple[str, ...]] = {
    "rfid": ("-m", "bench.rfid"),
    "meter": ("-m", "bench.meter"),
    "tap": ("-m", "bench.tap"),
    "daemon": ("-m", "bench.daemon"),
    "journal": ("-m", "bench.journal"),
    "backlog": ("-m", "bench.backlog"),
    "server_cost": ("-m", "bench.server_cost"),
    "server_load": (*MARIADB, "-m", "bench.server_load"),
}


def main(names: list[str]) -> int:
    """Run the parts that are named, or all."""
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        print(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    missed = [name for name in names or PARTS if not _met(name)]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


def _met(name: str) -> bool:
    print(f"--- {name}", flush=True)
    return subprocess.run([sys.executable, *PARTS[name]]).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
