"""Importing this sets Django up, on a database in memory. Only what plays fast lives does.

Heartbeats come less often than in a house: they would be most of what a life costs.
"""

from __future__ import annotations

import os

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
os.environ["EVCS_DATABASE"] = ":memory:"
settings.EVCS.update(HEARTBEAT_REST_S=120, HEARTBEAT_BUSY_S=45)
django.setup()
