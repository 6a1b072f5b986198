"""evcs-station with a main loop that can be told to hang, each way by a signal of its own.

    python -m campaign.container.hanging run --config FILE

SIGUSR1: it waits for a lock that nobody gives back (the other threads run on). SIGUSR2: it goes
round in Python for ever (the other threads get their turns). SIGWINCH: it is in a C call that keeps
the interpreter's lock (no other thread runs any more). Python runs handlers in the main thread, in
the middle of what the loop is doing; nothing else of the daemon is changed.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading

from station.cli.main import main

DEADLOCK, SPIN, KEEP_INTERPRETER = signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH


def _deadlock(*_: object) -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _spin(*_: object) -> None:
    while True:
        pass


def _keep_interpreter(*_: object) -> None:
    library = ctypes.PyDLL(None)  # unlike CDLL it does not release the lock
    while True:
        library.pause()


def install() -> None:
    """Call in the main thread."""
    signal.signal(DEADLOCK, _deadlock)
    signal.signal(SPIN, _spin)
    signal.signal(KEEP_INTERPRETER, _keep_interpreter)


if __name__ == "__main__":
    install()
    sys.exit(main(sys.argv[1:]))
