"""An apartment as somebody types it at a command: by its name, or by its id."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import CommandError

from evcs.settings import evcs_settings


def find_flat(text: str) -> Any:
    """Return the apartment. Names are not unique in mmetering: of several the id tells which.

    A name that is another one's id wins, as a name is what people mean. Raises CommandError.
    """
    flats = apps.get_model(evcs_settings.FLAT_MODEL)._default_manager
    found = list(flats.filter(**{evcs_settings.FLAT_NAME_FIELD: text}).order_by("pk"))
    if not found and text.isascii() and text.isdigit() and len(text) <= 18:
        found = list(flats.filter(pk=int(text)))
    if not found:
        raise CommandError(f"there is no apartment {text!r}; make it in the admin first")
    if len(found) > 1:
        ids = ", ".join(str(flat.pk) for flat in found)
        raise CommandError(f"several apartments are called {text!r}; give the id instead: {ids}")
    return found[0]
