"""The addresses under the base. The last pattern answers all others, so that every answer under
the base is the server's word."""

from django.urls import path, re_path

from evcs.api import people_views, schema, statement_views, station_views  # noqa: F401

SESSION = r"^sessions/(?P<uuid>[^/]+)"

urlpatterns = [
    path("", station_views.HelloView.as_view()),
    path("health", station_views.HealthView.as_view()),
    path("sessions", people_views.SessionsView.as_view()),
    re_path(SESSION + r"\Z", station_views.StartView.as_view()),
    re_path(SESSION + r"/end\Z", station_views.EndView.as_view()),
    re_path(SESSION + r"/readings\Z", station_views.ReadingsView.as_view()),
    path("heartbeat", station_views.HeartbeatView.as_view()),
    path("tags", station_views.TagsView.as_view()),
    path("quarantine", station_views.QuarantineView.as_view()),
    re_path(r"^flats/(?P<flat_id>[0-9]+)/consumption\Z", people_views.ConsumptionView.as_view()),
    path("months", statement_views.MonthsView.as_view()),
    re_path(r"^months/(?P<month>[^/]+)/report\Z", statement_views.ReportView.as_view()),
    re_path(
        r"^months/(?P<month>[^/]+)/statements/(?P<flat_id>[^/]+)\Z",
        statement_views.StatementView.as_view(),
    ),
    re_path("", station_views.NothingHereView.as_view()),
]
