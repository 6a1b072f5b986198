"""One log for everything that runs here, on standard error; with EVCS_LOG=json as JSON objects."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any


def configuration() -> dict[str, Any]:
    """Return it for logging.config.dictConfig.

    The root has the handler, so that nothing that fails is silent: a page that crashes is told by
    django.request, which by itself only writes when EVCS_DEBUG is set.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"format": "%(levelname)s %(name)s: %(message)s"},
            "json": {"()": "server.logs.JsonFormatter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json" if os.environ.get("EVCS_LOG") == "json" else "line",
            }
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "evcs": {"level": "INFO"},
            # In the place of Django's own handlers.
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            # Each 4xx is a warning of it: what somebody asked wrongly is in the answer.
            "django.request": {"level": "ERROR"},
        },
    }


class JsonFormatter(logging.Formatter):
    """One object a line: at, level, logger, message, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        found = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return json.dumps(found, ensure_ascii=False)
