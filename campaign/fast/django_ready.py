"""Importing this sets Django up if nothing has; the models of ``evcs`` need it.

It changes nothing else: what a process that plays lives needs is in its environment
(campaign.fast.run) and set by the house it builds.
"""

from __future__ import annotations

import os

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
if not apps.ready:
    django.setup()
