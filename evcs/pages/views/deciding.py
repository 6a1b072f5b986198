"""What the views that change something share: one call of a service, then a message."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import gettext as _

from evcs.pages.wording import refusal
from evcs.services.errors import ServiceError, UsageError


def carried_out(request: HttpRequest, what: str, act: Callable[[], object]) -> bool:
    """Do it and say ``what`` was done, or why not."""
    try:
        act()
    except (UsageError, ServiceError) as error:
        messages.error(request, refusal(error))
        return False
    messages.success(request, what)
    return True


def carried_out_by(request: HttpRequest, form: Form, what: str, act: Callable[[], object]) -> bool:
    """The same for a form; why not then stands in the form."""
    if not form.is_valid():
        return False
    try:
        act()
    except (UsageError, ServiceError) as error:
        form.add_error(None, refusal(error))
        return False
    messages.success(request, what)
    return True


def tell_invalid(request: HttpRequest) -> None:
    """Say that a small form was not filled in."""
    messages.error(request, _("Something is missing; nothing was changed."))
