"""What goes wrong is in the log, in the form that was asked for; each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tools.installation import ROOT

CRASH = """
import django
django.setup()
from django.conf import settings
from django.test import Client
from django.urls import path

def broken(request):
    raise RuntimeError("page broke")

settings.ROOT_URLCONF = __name__
urlpatterns = [path("page/", broken)]
client = Client(raise_request_exception=False)
assert client.get("/page/").status_code == 500
assert client.get("/nothing/").status_code == 404
"""
GUNICORN = """
from gunicorn.config import Config
from gunicorn.glogging import Logger
from server.gunicorn import logconfig_dict

cfg = Config()
cfg.set("logconfig_dict", logconfig_dict)
log = Logger(cfg)
log.access_log.info("GET /evcs/my/")
log.error("worker died")
"""


def said(words: str, form: str = "json") -> str:
    """What a program of the server writes to standard error."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "server.settings",
        "EVCS_LOG": form,
        "EVCS_ALLOWED_HOSTS": "testserver",
        "EVCS_DEBUG": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_page_that_crashes_is_one_json_line_and_a_404_is_none() -> None:
    (line,) = lines(said(CRASH))
    assert (line["level"], line["logger"]) == ("ERROR", "django.request")
    assert "page broke" in line["traceback"]


def test_a_page_that_crashes_is_told_in_plain_lines_as_well() -> None:
    text = said(CRASH, "")
    assert text.startswith("ERROR django.request: Internal Server Error: /page/")
    assert "RuntimeError: page broke" in text


def test_gunicorn_writes_the_same_form_and_not_who_called() -> None:
    (line,) = lines(said(GUNICORN))
    assert (line["logger"], line["message"]) == ("gunicorn.error", "worker died")
