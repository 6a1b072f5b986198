"""Logging of the daemon: one line per event to stderr, for journald. Tag ids are masked."""

from __future__ import annotations

import logging
import sys

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def setup(level: str) -> None:
    """Call once, in the main thread, before any other thread runs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def masked(tag: str) -> str:
    """A tag id that can be told from others but not be copied from a log: ``04A3…80``."""
    return f"{tag[:4]}…{tag[-2:]}"
