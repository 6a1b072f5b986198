"""Beside a project of mmetering's kind, and on a copy of the original's tables."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from server.mmetering.localtime import from_local, is_ambiguous
from server.mmetering.models import Flat, Meter
from tools.installation import ROOT

BERLIN = ZoneInfo("Europe/Berlin")

# As mmetering (development) and the app it was extended by left them; times are wall clocks.
ORIGINAL = """
CREATE TABLE mmetering_flat (
    id integer PRIMARY KEY AUTOINCREMENT, name varchar(200) NOT NULL, modus varchar(2) NOT NULL);
CREATE TABLE mmetering_meter (
    id integer PRIMARY KEY AUTOINCREMENT, flat_id integer NOT NULL REFERENCES mmetering_flat (id),
    addresse integer NOT NULL, seriennummer varchar(45) NOT NULL, init_datetime datetime NOT NULL,
    active bool NOT NULL, available bool NOT NULL, start_datetime datetime NULL,
    end_datetime datetime NULL);
CREATE TABLE mmetering_meterdata (
    id integer PRIMARY KEY AUTOINCREMENT, meter_id integer NOT NULL REFERENCES mmetering_meter (id),
    saved_time datetime NOT NULL, value real NOT NULL, value_l1 real NULL, value_l2 real NULL,
    value_l3 real NULL);
CREATE TABLE mmetering_activities (
    id integer PRIMARY KEY AUTOINCREMENT, title varchar(70) NOT NULL, text varchar(300) NOT NULL,
    timestamp datetime NOT NULL);
CREATE TABLE evcs_chargingvalue (
    id integer PRIMARY KEY AUTOINCREMENT, rfid varchar(30) NOT NULL,
    charging_station_id integer NOT NULL REFERENCES mmetering_flat (id),
    start_time datetime NULL, end_time datetime NULL, start_value real NULL, end_value real NULL);
INSERT INTO mmetering_flat VALUES (1, 'Lader 1', 'IM'), (2, 'Wohnung 1', 'IM'), (3, 'BHKW', 'EX');
INSERT INTO mmetering_meter VALUES
    (1, 1, 11, '4711', '2017-02-01 08:00:00', 1, 1, '2017-02-01 08:00:00', NULL);
INSERT INTO mmetering_meterdata VALUES (1, 1, '2018-07-01 12:15:00', 1234.5, NULL, NULL, NULL);
INSERT INTO mmetering_activities VALUES (1, 'Zähler', 'eingebaut', '2017-02-01 08:00:00');
INSERT INTO evcs_chargingvalue VALUES
    (1, '16 AC 93 6B', 1, '2018-10-09 10:00:00', '2018-10-09 11:00:00', 1234.567, 1245.807),
    (2, 'D6 4F 12 AA', 1, '2018-10-10 10:00:00', NULL, NULL, NULL),
    (3, '16 AC 93 6B', 1, '2018-10-11 10:00:00', '2018-10-11 12:00:00', 1245.807, 1250.0);
"""
RECORDED = [
    *(("mmetering", f"{number:04}_step") for number in range(2, 23)),
    ("mmetering", "0001_initial"),
    ("mmetering", "0023_meter_active"),
    ("evcs", "0001_initial"),
    ("evcs", "0002_auto_20170702_1404"),
    ("evcs", "0006_auto_20181009_1816"),
]


def manage(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EVCS_", "DJANGO"))
    }
    return subprocess.run(
        [sys.executable, "-m", "server.manage", *words],
        cwd=ROOT,
        env=environment | {"EVCS_DATABASE": str(folder / "house.sqlite3")},
        capture_output=True,
        text=True,
        check=check,
    )


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A folder with the database of a real house, as Django 1.10 and the original left it."""
    for app, name in (("contenttypes", "0002"), ("auth", "0008"), ("admin", "0002")):
        manage(tmp_path, "migrate", "-v0", app, name)
    manage(tmp_path, "migrate", "-v0", "sessions", "0001")
    database = sqlite3.connect(tmp_path / "house.sqlite3")
    with database:
        database.executescript(ORIGINAL)
        database.executemany(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2018-12-20')",
            RECORDED,
        )
    database.close()
    return tmp_path


def rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(folder / "house.sqlite3")
    try:
        return database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    finally:
        database.close()


@pytest.mark.timeout(120)
def test_on_a_copy_of_the_original_tables(original: Path) -> None:
    tables = ("flat", "meter", "meterdata", "activities")
    before = {name: rows(original, f"mmetering_{name}") for name in tables}
    charged = rows(original, "evcs_chargingvalue")
    manage(original, "migrate", "-v0")
    manage(original, "check", "--database", "default")
    assert manage(original, "evcs_station", "Lader1").stdout.startswith("evcs_")
    manage(original, "evcs_tag", "16AC936B", "--flat", "Wohnung 1")
    told = manage(original, "evcs_import_upstream", check=False)
    assert told.returncode == 1
    assert told.stdout.splitlines() == [
        "row 1 imported, 11240 Wh",
        "row 2 imported, 0 Wh: no register at the start; no register at the end; "
        "no time of the end",
        "row 3 imported, 4193 Wh",
        "3 row(s): 3 imported; 15433 Wh",
    ]
    assert "1 row(s) want a person" in told.stderr
    assert "3 there already" in manage(original, "evcs_import_upstream", check=False).stdout
    # Whose the tag is now counts from the beginning: its first assignment has no bound.
    sessions = rows(original, "evcs_session")
    assert len(sessions) == 3
    assert {name: rows(original, f"mmetering_{name}") for name in tables} == before
    assert rows(original, "evcs_chargingvalue") == charged


FOREIGN_SETTINGS = """
SECRET_KEY = "x" * 50
USE_TZ = True
TIME_ZONE = "Europe/Vienna"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "house.sqlite3",
             "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "homes"]
ROOT_URLCONF = "urls"
ALLOWED_HOSTS = ["testserver"]
# The three steps:
INSTALLED_APPS += ["rest_framework", "evcs"]
EVCS = {"FLAT_MODEL": "homes.Dwelling", "FLAT_NAME_FIELD": "door"}
"""
FOREIGN_URLS = """
from django.urls import include, path
urlpatterns = [path("api/evcs/v1/", include("evcs.api.urls"))]
"""
FOREIGN_MODELS = """
import uuid
from django.db import models

class Dwelling(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    door = models.CharField(max_length=20, unique=True)

    def __str__(self):
        return self.door
"""
FOREIGN_CHARGE = """
import datetime as dt, json, sys, uuid
import django
django.setup()
from django.test import Client
from django.utils import timezone
from evcs.models import Session
from evcs.services import consumption
token = sys.argv[1]
client = Client(headers={"Authorization": f"Bearer {token}"})
def meter(wh):
    return {"serial": "1", "import_wh": wh, "l1_wh": None, "l2_wh": None, "l3_wh": None}
start = {"seq": 1, "tag": "DEADBEEF", "started_at": timezone.now().isoformat(),
         "time_quality": "synced", "meter": meter(1000), "authorized_by": "server"}
end = start | {"ended_at": timezone.now().isoformat(), "end_reason": "local",
               "meter_end": meter(12240)}
key = uuid.uuid4()
for path, body in ((f"{key}", start), (f"{key}/end", end)):
    answer = client.put(f"/api/evcs/v1/sessions/{path}", json.dumps(body), "application/json")
    assert answer.status_code in (200, 201), answer.content
session = Session.objects.get()
assert session.flat.door == "Top 7", session.flat
print(consumption.of_flat(session.flat_id, session.month).energy_wh)
"""


@pytest.mark.timeout(120)
def test_three_steps_in_a_project_of_somebody_else(tmp_path: Path) -> None:
    """Another app, another name of the apartment, and another kind of key."""
    (tmp_path / "homes" / "migrations").mkdir(parents=True)
    files = {
        "settings.py": FOREIGN_SETTINGS,
        "urls.py": FOREIGN_URLS,
        "homes/__init__.py": "",
        "homes/migrations/__init__.py": "",
        "homes/models.py": FOREIGN_MODELS,
        "charge.py": FOREIGN_CHARGE,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EVCS_", "DJANGO"))
    } | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": os.pathsep.join([".", str(ROOT)])}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    django = ("-m", "django")
    run(*django, "makemigrations", "-v0", "homes")
    run(*django, "check")
    run(*django, "migrate", "-v0")
    run(*django, "makemigrations", "--check", "--dry-run")
    run(*django, "shell", "-v0", "-c",
        "from homes.models import Dwelling; Dwelling.objects.create(door='Top 7')")  # fmt: skip
    token = run(*django, "evcs_station", "Lader1").strip()
    run(*django, "evcs_tag", "DEADBEEF", "--flat", "Top 7")
    assert run("charge.py", token).strip() == "11240"


@pytest.mark.django_db
class TestWallClocks:
    """The columns of the host hold the wall clock of the house."""

    def meter(self, start: dt.datetime | None) -> Meter:
        flat = Flat.objects.create(name="Lader 1")
        return Meter.objects.create(flat=flat, seriennummer="4711", start_datetime=start)

    def in_the_column(self, meter: Meter) -> str:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT start_datetime FROM mmetering_meter WHERE id = %s", [meter.pk])
            (value,) = cursor.fetchone()
        return str(value)[:19]

    @pytest.mark.parametrize(
        ("instant", "wall"),
        [
            (dt.datetime(2018, 7, 1, 10, tzinfo=dt.UTC), "2018-07-01 12:00:00"),
            (dt.datetime(2018, 1, 1, 11, tzinfo=dt.UTC), "2018-01-01 12:00:00"),
            # The first of the two hours that are called 2:30.
            (dt.datetime(2018, 10, 28, 0, 30, tzinfo=dt.UTC), "2018-10-28 02:30:00"),
        ],
    )
    def test_there_and_back(self, instant: dt.datetime, wall: str) -> None:
        meter = self.meter(instant)
        assert self.in_the_column(meter) == wall
        meter.refresh_from_db()
        assert meter.start_datetime == instant
        assert Meter.objects.filter(start_datetime=instant).exists()
        assert Meter.objects.filter(start_datetime__lt=instant + dt.timedelta(1)).exists()
        assert not Meter.objects.filter(start_datetime__gt=instant).exists()

    def test_none_and_its_own_stamp(self) -> None:
        meter = self.meter(None)
        meter.refresh_from_db()
        assert meter.start_datetime is None
        assert abs(meter.init_datetime - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)

    @pytest.mark.parametrize(
        ("naive", "instant", "ambiguous"),
        [
            (dt.datetime(2018, 10, 28, 2, 30), dt.datetime(2018, 10, 28, 0, 30), True),
            (dt.datetime(2018, 10, 28, 3, 0), dt.datetime(2018, 10, 28, 2, 0), False),
            # Left out in spring: an hour later on the clock.
            (dt.datetime(2018, 3, 25, 2, 30), dt.datetime(2018, 3, 25, 1, 30), False),
            (dt.datetime(2018, 7, 1, 12), dt.datetime(2018, 7, 1, 10), False),
        ],
    )
    def test_the_two_nights(
        self, naive: dt.datetime, instant: dt.datetime, ambiguous: bool
    ) -> None:
        assert from_local(naive, BERLIN) == instant.replace(tzinfo=dt.UTC)
        assert is_ambiguous(naive, BERLIN) is ambiguous
