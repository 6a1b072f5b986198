"""Who may see a page, and what every answer carries, refusals included."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import NoReverseMatch, Resolver404, URLPattern, path, resolve, reverse
from django.utils.translation import gettext as _
from django.views.csrf import csrf_failure
from django.views.defaults import page_not_found

# Nothing comes from elsewhere, nothing is written into a page that runs.
CSP = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
ANYBODY = "anybody"
LOGIN = "login"
View = Callable[..., HttpResponse]


def page(
    route: str, view: View, name: str, needs: str, methods: tuple[str, ...] = ("GET", "HEAD")
) -> URLPattern:
    """Return the address of a page.

    ``needs``: a permission, LOGIN (the view itself looks whose it is), or ANYBODY.
    """
    return path(route, _guarded(view, needs, methods), name=name)


def _guarded(view: View, needs: str, methods: tuple[str, ...]) -> View:
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _with_headers(_answer(view, needs, methods, request, *args, **kwargs))

    return guarded


def _answer(
    view: View,
    needs: str,
    methods: tuple[str, ...],
    request: HttpRequest,
    *args: Any,
    **kwargs: Any,
) -> HttpResponse:
    if needs != ANYBODY and not request.user.is_authenticated:
        # After a login people begin with a page, not with what was posted to.
        after = request.get_full_path() if request.method == "GET" else reverse("evcs:home")
        return redirect_to_login(after, login_url())
    if request.method not in methods:
        response = _missing(request, status=405)
        response.headers["Allow"] = ", ".join(methods)
        return response
    try:
        if needs not in (ANYBODY, LOGIN) and not request.user.has_perm(needs):
            raise PermissionDenied
        return view(request, *args, **kwargs)
    except PermissionDenied:
        context = {"title": _("Not for this login")}
        return render(request, "evcs/pages/refused.html", context, status=403)
    except Http404:
        return _missing(request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A project's ``handler404``: addresses below the pages that there are not look like a page."""
    if request.path.startswith(reverse("evcs:home")):
        return _with_headers(_missing(request))
    return page_not_found(request, exception)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A project's ``CSRF_FAILURE_VIEW``: mostly a page that was open before the last login."""
    if not request.path.startswith(reverse("evcs:home")):
        return csrf_failure(request, reason)
    context = {"title": _("This page was too old")}
    return _with_headers(render(request, "evcs/pages/stale_form.html", context, status=403))


def _missing(request: HttpRequest, status: int = 404) -> HttpResponse:
    context = {"title": _("There is nothing here")}
    return render(request, "evcs/pages/missing.html", context, status=status)


def _with_headers(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["Cache-Control"] = "no-store"
    return response


def login_url() -> str:
    """Return the host's login page if it has one, else ours."""
    try:
        url = resolve_url(settings.LOGIN_URL)
        if url.startswith("/"):
            resolve(url)
    except (NoReverseMatch, Resolver404):
        return reverse("evcs:login")
    return url
