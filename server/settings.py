"""Settings of the runnable project, from the environment.

EVCS_SECRET_KEY, EVCS_DEBUG (1/0), EVCS_DATABASE (path or URL, see server/database.py),
EVCS_ALLOWED_HOSTS and EVCS_TRUSTED_ORIGINS (comma separated), EVCS_TLS_PROXY (1: a proxy ends TLS
and sets X-Forwarded-Proto and X-Forwarded-For), EVCS_STATIC_ROOT, EVCS_LOG (json: an object a
line), EVCS_EMAIL_HOST, _PORT, _USER, _PASSWORD, _FROM, EVCS_LANDLORD_EMAIL, EVCS_ELECTRICIAN_EMAIL.
A secret may come from a file: EVCS_SECRET_KEY_FILE, EVCS_DATABASE_FILE, EVCS_EMAIL_PASSWORD_FILE.
Without any of them a local run on SQLite works.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from server import logs
from server.database import parse_database

BASE_DIR = Path(__file__).resolve().parent.parent
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}: {value!r} is neither 1 nor 0")
    return value.lower() in TRUE


def _list(name: str, default: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def _secret(name: str, default: str) -> str:
    """The variable, or what stands in the file that NAME_FILE names."""
    place = os.environ.get(f"{name}_FILE")
    if place is None:
        return os.environ.get(name, default)
    try:
        return Path(place).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {place}: {error.strerror}") from error


DEBUG = _flag("EVCS_DEBUG", False)
ALLOWED_HOSTS = _list("EVCS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = _list("EVCS_TRUSTED_ORIGINS", "")

SECRET_KEY = _secret("EVCS_SECRET_KEY", "")
if not SECRET_KEY:
    # Known to everybody, so it may only ever guard this machine itself.
    if set(ALLOWED_HOSTS) - {"localhost", "127.0.0.1", "[::1]", "testserver"}:
        raise ImproperlyConfigured(
            "EVCS_SECRET_KEY is not set; a server that other machines reach needs a secret of its "
            "own, 50 random characters or more"
        )
    SECRET_KEY = "insecure-local-run-only-" + "0123456789abcdef" * 3

STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("EVCS_STATIC_ROOT", str(BASE_DIR / ".run" / "static"))

DATABASES = {"default": parse_database(_secret("EVCS_DATABASE", "evcs.sqlite3"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "server.mmetering",
    "evcs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Serves what collectstatic has put into STATIC_ROOT; a proxy in front may do it as well.
    *(["whitenoise.middleware.WhiteNoiseMiddleware"] if Path(STATIC_ROOT).is_dir() else []),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "server.urls"
WSGI_APPLICATION = "server.wsgi.application"
CSRF_FAILURE_VIEW = "evcs.pages.guard.stale_form"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "de"
LANGUAGES = [("de", "Deutsch"), ("en", "English")]
TIME_ZONE = "Europe/Berlin"
USE_TZ = True
USE_I18N = True
LOGIN_URL = "evcs:login"
LOGIN_REDIRECT_URL = "evcs:home"

TLS_PROXY = _flag("EVCS_TLS_PROXY", False)
if TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31536000

EVCS = {
    "FLAT_MODEL": "mmetering.Flat",
    "LANDLORD_EMAIL": os.environ.get("EVCS_LANDLORD_EMAIL", ""),
    "ELECTRICIAN_EMAIL": os.environ.get("EVCS_ELECTRICIAN_EMAIL", ""),
}

EMAIL_HOST = os.environ.get("EVCS_EMAIL_HOST", "localhost")
if not EMAIL_HOST and (EVCS["LANDLORD_EMAIL"] or EVCS["ELECTRICIAN_EMAIL"]):
    raise ImproperlyConfigured(
        "EVCS_EMAIL_HOST is empty, so the addresses of EVCS_LANDLORD_EMAIL and "
        "EVCS_ELECTRICIAN_EMAIL cannot be told anything: name the mail server, or take them out"
    )
EMAIL_PORT = int(os.environ.get("EVCS_EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EVCS_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = _secret("EVCS_EMAIL_PASSWORD", "")
# Submission (587) begins in clear and turns to TLS; 465 is TLS from the first byte.
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_PORT == 587, EMAIL_PORT == 465
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("EVCS_EMAIL_FROM", "evcs@localhost")

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Whose address is counted by: what the proxy says of the caller, and nobody else's word.
    "NUM_PROXIES": 1 if TLS_PROXY else 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "evcs",
    "DESCRIPTION": "What a charging station and the people of the house ask of the server.",
    "VERSION": "1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # The words of evcs.kinds are the admin's, and German.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {"TimeQualityEnum": "evcs.kinds.TimeQuality"},
}

LOGGING = logs.configuration()
