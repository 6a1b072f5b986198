"""gunicorn's own log in the form of the server's: ``--config python:server.gunicorn``."""

from __future__ import annotations

from server.logs import configuration

logconfig_dict = configuration() | {
    "loggers": {
        name: {"level": "INFO", "handlers": ["stderr"], "propagate": False}
        for name in ("gunicorn.error", "gunicorn.access")
    },
}
