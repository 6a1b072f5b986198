"""gunicorn's own log in the form of the server's: ``--config python:server.gunicorn``."""

from __future__ import annotations

from server.logs import configuration

_LEVELS = {
    "gunicorn.error": "INFO",
    # Who called when is the proxy's to note, if anybody's; boxes call every ten seconds.
    "gunicorn.access": "WARNING",
}

logconfig_dict = configuration() | {
    "loggers": {
        name: {"level": level, "handlers": ["stderr"], "propagate": False}
        for name, level in _LEVELS.items()
    },
}
