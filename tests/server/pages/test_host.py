"""The pages in a project of somebody else: no admin, another apartment, another kind of key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.test_server_host import FOREIGN_MODELS, FOREIGN_SETTINGS
from tools.installation import ROOT

SETTINGS = (
    FOREIGN_SETTINGS
    + """
INSTALLED_APPS += ["django.contrib.sessions", "django.contrib.messages",
                   "django.contrib.staticfiles"]
STATIC_URL = "static/"
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
              "django.middleware.csrf.CsrfViewMiddleware",
              "django.contrib.auth.middleware.AuthenticationMiddleware",
              "django.contrib.messages.middleware.MessageMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
              "OPTIONS": {"context_processors": [
                  "django.template.context_processors.request",
                  "django.contrib.auth.context_processors.auth",
                  "django.contrib.messages.context_processors.messages"]}}]
"""
)
URLS = """
from django.urls import include, path
urlpatterns = [path("laden/", include("evcs.pages.urls"))]
"""
# A charge of an apartment with a random key, and every page that shows something.
VISIT = """
import datetime as dt, uuid
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
for words in (("makemigrations", "homes"), ("check",), ("migrate",)):
    call_command(*words, verbosity=0)

from evcs.models import Resident, Session
from evcs.services import stations, tags
from homes.models import Dwelling
home = Dwelling.objects.create(door="Top 7")
station, _ = stations.create("Lader1")
tag = tags.register("DEADBEEF")
tags.assign(tag, home.pk)
now = timezone.now()
month = timezone.localdate().replace(day=1)
session = Session.objects.create(
    station=station, uuid=uuid.uuid4(), seq=1, received_at=now, tag_uid="DEADBEEF", tag=tag,
    flat=home, authorized_by="server", started_at=now, started_effective=now, month=month,
    time_quality="synced", end_received_at=now, closed_at=now, energy_wh=11240, booked_wh=11240)
user = get_user_model().objects.create_superuser("eva", password="x")
Resident.objects.create(user=user, flat=home)
assert Client().get("/laden/my/").headers["Location"] == "/laden/login/?next=/laden/my/"
client = Client()
client.force_login(user)
for path in ("stations/", "stations/fragment/", "sessions/", f"sessions/?flat={home.pk}",
             f"sessions/{session.pk}/", "review/", "tags/", "months/", f"months/{month:%Y-%m}/",
             "my/", "my/fragment/", f"my/sessions/{session.pk}/", "password/"):
    answer = client.get("/laden/" + path)
    assert answer.status_code == 200, (path, answer.status_code)
for path in (f"sessions/?flat={home.pk}", f"months/{month:%Y-%m}/", "my/"):
    page = client.get("/laden/" + path).content.decode()
    assert "11.240" in page and "Top 7" in page, path
moved = client.post(f"/laden/sessions/{session.pk}/move/", {"flat": "", "reason": "guest"})
assert moved.status_code == 302, moved.content.decode()
print("seen")
"""


@pytest.mark.timeout(120)
def test_the_pages_stand_in_another_project(tmp_path: Path) -> None:
    (tmp_path / "homes" / "migrations").mkdir(parents=True)
    files = {
        "settings.py": SETTINGS,
        "urls.py": URLS,
        "homes/__init__.py": "",
        "homes/migrations/__init__.py": "",
        "homes/models.py": FOREIGN_MODELS,
        "visit.py": VISIT,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EVCS_", "DJANGO"))
    }
    path = os.pathsep.join([".", str(ROOT)])
    done = subprocess.run(
        [sys.executable, "visit.py"],
        cwd=tmp_path,
        env=clean | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1:] == ["seen"], done.stderr
