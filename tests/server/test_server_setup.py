"""Commands, settings, checks, admin, schema, database addresses, the mmetering tables."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import ProtectedError
from django.test import Client, override_settings

from evcs import checks
from evcs.models import Command, Resident, Session, Station, Tag, TagAssignment
from evcs.services import stations, tags
from evcs.services.demo import TAGS
from evcs.settings import DEFAULTS, evcs_settings
from server.database import parse_database
from server.mmetering.models import Flat
from tests.server.server_rig import BASE, TAG, Box, assert_answer, new_uuid
from tools import schema
from tools.installation import ROOT

A = new_uuid(1)


def output(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """Run a management command; return what it printed to standard output."""
    call_command(*arguments)
    return capsys.readouterr().out


def works(token: str) -> bool:
    """Whether a station is known by ``token``."""
    client = Client(headers={"Authorization": f"Bearer {token}"})
    return client.get(BASE + "tags").status_code == 200


class TestStationCommand:
    """evcs_station."""

    def test_token_alone_is_printed_once(self, db: None, capsys: Any) -> None:
        token = output(capsys, "evcs_station", "Lader1").strip()
        assert works(token)
        with pytest.raises(CommandError, match="--rotate-token"):
            call_command("evcs_station", "Lader1")

    def test_rotation(self, db: None, capsys: Any) -> None:
        first = output(capsys, "evcs_station", "Lader1").strip()
        second = output(capsys, "evcs_station", "Lader1", "--rotate-token").strip()
        assert first != second
        assert works(first)
        assert works(second)
        assert output(capsys, "evcs_station", "Lader1", "--revoke-old") == ""
        assert not works(first)
        assert works(second)

    @pytest.mark.parametrize("name", ["", "Lader 1", "x" * 21, "Läder", "a\n"])
    def test_names_that_are_none(self, db: None, name: str) -> None:
        with pytest.raises(CommandError, match="name"):
            call_command("evcs_station", name)

    def test_names_that_differ_in_case_are_two(self, db: None, capsys: Any) -> None:
        upper = output(capsys, "evcs_station", "LADER1").strip()
        assert works(output(capsys, "evcs_station", "lader1").strip())
        assert works(upper)
        assert Station.objects.get(name="LADER1") != Station.objects.get(name="lader1")

    def test_rotating_what_is_not_there(self, db: None) -> None:
        with pytest.raises(CommandError, match="no station"):
            call_command("evcs_station", "Lader1", "--rotate-token")


class TestTagCommand:
    """evcs_tag."""

    def test_gives_a_tag_to_an_apartment(self, db: None, capsys: Any) -> None:
        flat = Flat.objects.create(name="Wohnung 1")
        assert "16AC936B" in output(capsys, "evcs_tag", "16:ac:93:6b", "--flat", "Wohnung 1")
        assert TagAssignment.objects.get(tag__uid="16AC936B").flat_id == flat.pk

    def test_name_must_be_clear(self, db: None) -> None:
        twice = [Flat.objects.create(name="Wohnung 1") for _ in range(2)]
        with pytest.raises(CommandError, match="id instead"):
            call_command("evcs_tag", "16AC936B", "--flat", "Wohnung 1")
        with pytest.raises(CommandError, match="no apartment"):
            call_command("evcs_tag", "16AC936B", "--flat", "Wohnung 2")
        assert Tag.objects.count() == 0
        call_command("evcs_tag", "16AC936B", "--flat", str(twice[1].pk))
        assert TagAssignment.objects.get().flat_id == twice[1].pk

    def test_block_and_accept(self, flat: Flat) -> None:
        call_command("evcs_tag", TAG, "--block")
        assert Tag.objects.get().state == "blocked"
        call_command("evcs_tag", TAG, "--accept")
        assert Tag.objects.get().state == "accepted"

    @pytest.mark.parametrize("uid", ["", "123", "xyzxyzxy", "0123456789ABCDEF01234"])
    def test_uids_that_are_none(self, flat: Flat, uid: str) -> None:
        with pytest.raises(CommandError, match="UID"):
            call_command("evcs_tag", uid, "--flat", "Wohnung 3 links")


class TestDemoCommand:
    """evcs_demo."""

    def test_again_changes_nothing(self, db: None, tmp_path: Path, capsys: Any) -> None:
        file = tmp_path / "sub" / "token"
        arguments = ("evcs_demo", "--station", "Demo", "--token-file", str(file))
        first = output(capsys, *arguments, "--password", "geheim-genug")
        token = file.read_text().strip()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert works(token)
        assert token not in first
        again = output(capsys, *arguments)
        assert file.read_text().strip() == token
        assert len(again.splitlines()) == len(first.splitlines()) == len(TAGS) + 3
        assert Flat.objects.count() == 3
        assert Tag.objects.count() == TagAssignment.objects.count() == len(TAGS)
        for user in (get_user_model().objects.get(username=name) for name in ("admin", "mieter")):
            assert user.check_password("geheim-genug")
            assert user.is_superuser is (user.username == "admin")
        assert [str(home.flat) for home in Resident.objects.all()] == ["Wohnung 3 links"]

    def test_token_that_is_no_longer_valid_is_replaced(self, db: None, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("evcs_00000000_old\n")
        call_command("evcs_demo", "--token-file", str(file), verbosity=0)
        assert works(file.read_text().strip())

    def test_token_of_another_station_is_replaced(self, db: None, tmp_path: Path) -> None:
        file = tmp_path / "token"
        call_command("evcs_demo", "--station", "One", "--token-file", str(file))
        first = file.read_text()
        call_command("evcs_demo", "--station", "Two", "--token-file", str(file))
        assert file.read_text() != first
        principal = stations.authenticate(file.read_text().strip())
        assert principal is not None
        assert principal.station.name == "Two"

    def test_tags_are_what_they_are_said_to_be(self, db: None, box: Box) -> None:
        Tag.objects.filter(uid=TAG).exists()
        call_command("evcs_demo")
        listed = {item["tag"]: item for item in assert_answer(box.get("tags"), 200)["tags"]}
        assert set(listed) == {tag.uid for tag in TAGS}
        assert listed["04A3C6CAE26180"]["group"] == listed["7D21F0A4"]["group"]
        assert listed["04D55E1F904C81"]["status"] == "blocked"
        assert listed["5E0B9C38"]["expires_at"] < "2026"


class TestSettings:
    """EVCS."""

    def test_defaults_and_overrides(self) -> None:
        assert evcs_settings.HEARTBEAT_REST_S == 60
        with override_settings(EVCS={"HEARTBEAT_REST_S": 7}):
            assert evcs_settings.HEARTBEAT_REST_S == 7
        assert evcs_settings.HEARTBEAT_REST_S == 60

    def test_unknown_names_raise(self) -> None:
        with pytest.raises(AttributeError, match="NOPE"):
            _ = evcs_settings.NOPE
        with (
            override_settings(EVCS={"HEARTBEAT": 7}),
            pytest.raises(ImproperlyConfigured, match="HEARTBEAT unknown"),
        ):
            _ = evcs_settings.HEARTBEAT_REST_S


class TestChecks:
    """System checks."""

    def test_this_project_is_right(self) -> None:
        call_command("check", fail_level="WARNING")

    def test_time_zone(self) -> None:
        with override_settings(USE_TZ=False):
            assert [item.id for item in checks.check_time_zone()] == ["evcs.E001"]

    @pytest.mark.parametrize("label", ["nope.Flat", "mmetering.Nope", "flat", "", None])
    def test_flat_model(self, label: Any) -> None:
        with override_settings(EVCS={"FLAT_MODEL": label}):
            assert [item.id for item in checks.check_flat_model()] == ["evcs.E002"]

    def test_flat_name(self) -> None:
        with override_settings(EVCS={"FLAT_NAME_FIELD": "nope"}):
            assert [item.id for item in checks.check_flat_model()] == ["evcs.E003"]

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            ({}, ["evcs.E004"]),
            (None, ["evcs.E004"]),
            ({"transaction_mode": "DEFERRED"}, ["evcs.E004"]),
            ({"transaction_mode": "IMMEDIATE"}, []),
            ({"transaction_mode": "exclusive"}, []),
        ],
    )
    def test_sqlite(self, monkeypatch: Any, options: Any, ids: list[str]) -> None:
        databases = {
            "default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options},
            "big": {"ENGINE": "django.db.backends.postgresql"},
        }
        monkeypatch.setattr(checks, "settings", SimpleNamespace(DATABASES=databases))
        assert [item.id for item in checks.check_sqlite()] == ids

    @pytest.mark.parametrize(
        ("default", "tables", "cures"),
        [
            ("utf8mb4_bin", [], 0),
            ("utf8mb4_nopad_bin", [], 0),
            ("utf8mb4_general_ci", [], 1),
            ("utf8mb4_bin", ["evcs_tag"], 1),
            ("latin1_swedish_ci", ["evcs_station", "evcs_tag"], 3),
        ],
    )
    def test_collation(self, monkeypatch: Any, default: str, tables: list[str], cures: int) -> None:
        servers = {
            "default": SimpleNamespace(vendor="mysql", settings_dict={"NAME": "house"}),
            "other": SimpleNamespace(vendor="postgresql"),
        }
        monkeypatch.setattr(checks, "connections", servers)
        monkeypatch.setattr(checks, "_collations", lambda connection: (default, tables))
        found = checks.check_collation(databases=list(servers))
        assert [item.id for item in found] == (["evcs.E005"] if cures else [])
        assert sum(item.hint.count("ALTER") for item in found) == cures
        assert checks.check_collation(databases=None) == []

    def test_collation_of_a_real_database(self, transactional_db: None) -> None:
        assert checks.check_collation(databases=["default"]) == []
        if connection.vendor != "mysql":
            return
        convert = "ALTER TABLE evcs_tag CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_{}"
        with connection.cursor() as cursor:
            cursor.execute(convert.format("general_ci"))
            try:
                (found,) = checks.check_collation(databases=["default"])
            finally:
                cursor.execute(convert.format("bin"))
        assert found.hint == f"{convert.format('bin').replace('evcs_tag', '`evcs_tag`')};"

    def test_durability(self, monkeypatch: Any) -> None:
        servers = {name: SimpleNamespace(vendor=name) for name in (*checks.DURABLE, "sqlite")}
        monkeypatch.setattr(checks, "connections", servers)
        values = {"fsync": "on", "synchronous_commit": "on", "innodb_flush_log_at_trx_commit": "1"}
        monkeypatch.setattr(checks, "_setting", lambda connection, name: values[name])
        assert checks.check_durability(databases=list(servers)) == []
        values |= {"synchronous_commit": "off", "innodb_flush_log_at_trx_commit": "2"}
        found = checks.check_durability(databases=list(servers))
        assert [item.id for item in found] == ["evcs.W002"] * 2
        assert "synchronous_commit = off" in found[0].msg

    def test_durability_of_a_real_database(self, db: None) -> None:
        # A throw-away server for tests is lax on purpose; what counts is that it can be asked.
        assert len(checks.check_durability(databases=["default"])) <= 1

    def test_https(self) -> None:
        with override_settings(SECURE_SSL_REDIRECT=False, SECURE_PROXY_SSL_HEADER=None):
            assert [item.id for item in checks.check_https()] == ["evcs.W001"]
        with override_settings(SECURE_SSL_REDIRECT=True):
            assert checks.check_https() == []


class TestKept:
    """Nothing that a session hangs on can be deleted."""

    def test_by_the_database(self, box: Box, flat: Flat) -> None:
        box.end(A)
        for item in (flat, Tag.objects.get(), Station.objects.get()):
            with pytest.raises(ProtectedError):
                item.delete()
        assert Session.objects.count() == 1


class TestAdmin:
    """The admin as a browser sees it."""

    @pytest.fixture
    def browser(self, db: None) -> Client:
        """A superuser's browser."""
        user = get_user_model().objects.create_superuser("admin", password="geheim-genug")
        client = Client()
        client.force_login(user)
        return client

    @pytest.mark.parametrize("model", ["session", "command", "quarantineitem"])
    def test_facts_are_looked_at_only(self, browser: Client, box: Box, model: str) -> None:
        box.end(A, estimated=True)
        box.post("quarantine", {"id": 1, "raw": "x", "reason": "y"})
        for query in ("", "?q=47", "?state=ended&flag=estimated", "?flag=conflict"):
            assert browser.get(f"/admin/evcs/{model}/{query}", follow=True).status_code == 200
        assert browser.get(f"/admin/evcs/{model}/add/").status_code == 403
        kind = apps.get_model("evcs", model)
        for item in kind.objects.all():
            page = browser.get(f"/admin/evcs/{model}/{item.pk}/change/")
            assert page.status_code == 200
            assert b'name="_save"' not in page.content
            assert browser.post(f"/admin/evcs/{model}/{item.pk}/change/").status_code == 403
            assert browser.post(f"/admin/evcs/{model}/{item.pk}/delete/").status_code == 403

    def test_filters_find_a_flag_and_not_its_longer_name(self, browser: Client, box: Box) -> None:
        box.end(A, end_time_quality="estimated")
        found = browser.get("/admin/evcs/session/?flag=estimated_time")
        assert found.context["cl"].result_count == 1
        found = browser.get("/admin/evcs/session/?flag=estimated")
        assert found.context["cl"].result_count == 0

    def test_station_is_made_with_a_token_shown_once(self, browser: Client) -> None:
        data = {"name": "Lader1", "keys-TOTAL_FORMS": 0, "keys-INITIAL_FORMS": 0}
        page = browser.post("/admin/evcs/station/add/", data, follow=True)
        (message,) = [str(m) for m in page.context["messages"] if "evcs_" in str(m)]
        assert works(message.split()[-1])
        station = Station.objects.get()
        assert browser.get(f"/admin/evcs/station/{station.pk}/change/").status_code == 200

    def test_stations_are_switched_off_and_on(self, browser: Client, box: Box) -> None:
        for action, enabled in (("disable", False), ("enable", True)):
            data = {"action": action, "_selected_action": [box.pk]}
            browser.post("/admin/evcs/station/", data)
            assert box.station.enabled is enabled
            assert Command.objects.filter(type=action, created_by__username="admin").exists()

    def test_tag_is_entered_and_given_away(self, browser: Client, flat: Flat) -> None:
        data = {"uid": "16 ac 93 6b", "label": "neu", "state": "accepted", "flat": flat.pk}
        data |= {"assignments-TOTAL_FORMS": 0, "assignments-INITIAL_FORMS": 0}
        browser.post("/admin/evcs/tag/add/", data)
        tag = Tag.objects.get(uid="16AC936B")
        assert tag.assignments.get().flat_id == flat.pk
        other = Flat.objects.create(name="Wohnung 4")
        browser.post(
            f"/admin/evcs/tag/{tag.pk}/change/",
            data | {"uid": tag.uid, "flat": other.pk, "state": "blocked"},
        )
        tag.refresh_from_db()
        assert tag.state == "blocked"
        spans = {item.flat_id: item.valid_to for item in tag.assignments.all()}
        assert spans[other.pk] is None
        assert spans[flat.pk] is not None
        page = browser.post("/admin/evcs/tag/add/", data | {"uid": "nonsense"})
        assert Tag.objects.count() == 2
        assert page.context["errors"]


class TestSchema:
    """docs/openapi.yaml."""

    def test_is_up_to_date(self, db: None) -> None:
        assert schema.main(["--check"]) == 0

    def test_says_when_it_is_not(
        self, db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> None:
        monkeypatch.setattr(schema, "TARGET", tmp_path / "docs" / "openapi.yaml")
        assert schema.main(["--check"]) == 1
        assert "out of date" in capsys.readouterr().err
        assert schema.main([]) == 0
        assert schema.main(["--check"]) == 0


class TestDatabaseAddress:
    """EVCS_DATABASE."""

    @pytest.mark.parametrize(
        ("value", "name"),
        [
            ("evcs.sqlite3", "evcs.sqlite3"),
            ("/var/lib/evcs.sqlite3", "/var/lib/evcs.sqlite3"),
            ("sqlite:///evcs.sqlite3", "evcs.sqlite3"),
            ("sqlite:////var/lib/my%20house.sqlite3", "/var/lib/my house.sqlite3"),
        ],
    )
    def test_sqlite(self, value: str, name: str) -> None:
        entry = parse_database(value)
        assert (entry["ENGINE"], entry["NAME"]) == ("django.db.backends.sqlite3", name)
        assert entry["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert entry["CONN_MAX_AGE"] > 0

    def test_servers(self) -> None:
        entry = parse_database("postgres://evcs:p%40ss@db.local:5433/house")
        assert entry["ENGINE"] == "django.db.backends.postgresql"
        assert [entry[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
            "house",
            "evcs",
            "p@ss",
            "db.local",
            "5433",
        ]

    def test_mariadb(self) -> None:
        entry = parse_database("mariadb://h/x")
        assert entry["ENGINE"] == "django.db.backends.mysql"
        assert entry["OPTIONS"]["isolation_level"] == "read committed"
        assert entry["TEST"]["COLLATION"] == "utf8mb4_bin"

    @pytest.mark.parametrize(
        ("value", "host", "port"),
        [
            ("postgres:///house", "", ""),
            ("postgres://evcs@%2FTmp%2Fx:5433/house", "/Tmp/x", "5433"),
            (
                "mysql://evcs:p%40ss@%2frun%2fmysqld%2fmysqld.sock/house",
                "/run/mysqld/mysqld.sock",
                "",
            ),
            ("mysql://evcs@DB.local/house", "db.local", ""),
        ],
    )
    def test_sockets(self, value: str, host: str, port: str) -> None:
        entry = parse_database(value)
        assert (entry["HOST"], entry["PORT"], entry["NAME"]) == (host, port, "house")

    @pytest.mark.parametrize("value", ["oracle://h/x", "postgres://h/", "http://x"])
    def test_anything_else(self, value: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="EVCS_DATABASE"):
            parse_database(value)


class TestMmetering:
    """The tables of mmetering."""

    def test_names_are_the_originals(self, db: None) -> None:
        expected = {
            "mmetering_flat": {"id", "name", "modus"},
            "mmetering_meter": {
                "id",
                "flat_id",
                "addresse",
                "seriennummer",
                "init_datetime",
                "active",
                "available",
                "start_datetime",
                "end_datetime",
            },
            "mmetering_meterdata": {
                "id",
                "meter_id",
                "saved_time",
                "value",
                "value_l1",
                "value_l2",
                "value_l3",
            },
            "mmetering_activities": {"id", "title", "text", "timestamp"},
        }
        with connection.cursor() as cursor:
            for table, columns in expected.items():
                described = connection.introspection.get_table_description(cursor, table)
                assert {column.name for column in described} == columns

    def test_migrations_are_complete(self, db: None) -> None:
        call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_tag_names_in_defaults_exist() -> None:
    assert "FLAT_MODEL" in DEFAULTS
    assert tags.canonical_uid("04:a3:c6:ca:e2:61:80") == TAG


def test_no_migration_names_the_model_of_the_apartments() -> None:
    """It is the project's to choose; makemigrations writes down whatever it is here."""
    for path in sorted((ROOT / "evcs/migrations").glob("0*.py")):
        assert "mmetering" not in path.read_text(), path.name
