"""All benchmarks, one after the other. Exit status 1 when a figure is missed."""

from __future__ import annotations

import sys

from bench import meter, rfid


def main() -> int:
    rfid.main()
    return meter.main()


if __name__ == "__main__":
    sys.exit(main())
