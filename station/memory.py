"""The daemon's memory stays in memory: a page that has to come from a slow card is a late loop.

Called once by the main thread, before other threads run.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource

# mlockall(2). On fault: a thread's untouched stack is not made resident for it.
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4

log = logging.getLogger("station.memory")


def lock() -> bool:
    """Lock what is and will be used; whether that was done.

    Only without a limit (the unit's LimitMEMLOCK=infinity): below one, memory that is asked for
    later would be refused, and the daemon would end by it.
    """
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        log.warning("memory is not locked: %s", os.strerror(ctypes.get_errno()))
        return False
    return True
