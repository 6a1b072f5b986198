"""Where things are: the REST API under its base, the pages and the admin beside it."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path
from django.views.generic import RedirectView

handler404 = "evcs.pages.guard.not_found"
urlpatterns = [
    path("api/evcs/v1/", include("evcs.api.urls")),
    path("", RedirectView.as_view(pattern_name="evcs:home")),
    path("evcs/", include("evcs.pages.urls")),
    path("admin/", admin.site.urls),
]
# Only with EVCS_DEBUG; elsewhere WhiteNoise serves STATIC_ROOT (settings.MIDDLEWARE).
urlpatterns += staticfiles_urlpatterns()
