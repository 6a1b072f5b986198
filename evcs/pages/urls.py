"""All addresses of the pages, and what each needs. What does not stand here is not reachable."""

from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import reverse_lazy
from django.views.i18n import set_language

from evcs.pages.guard import ANYBODY, LOGIN, page
from evcs.pages.views import (
    downloads,
    live,
    months,
    my,
    review,
    sessions,
    stations,
    tags,
    tariffs,
)

app_name = "evcs"

POST = ("POST",)
FORM = ("GET", "HEAD", "POST")
SEE, CHANGE = "evcs.view_session", "evcs.change_session"
STATEMENT, CLOSE = "evcs.view_statement", "evcs.add_closedmonth"
STATION, NEW_STATION = "evcs.change_station", "evcs.add_station"
TAG, NEW_TAG = "evcs.change_tag", "evcs.add_tag"
PRICE, NO_PRICE = "evcs.add_tariff", "evcs.delete_tariff"
UNKNOWN, QUARANTINE = "evcs.change_unknowntag", "evcs.change_quarantineitem"

_login = LoginView.as_view(template_name="evcs/pages/login.html", next_page="evcs:home")
_logout = LogoutView.as_view(next_page="evcs:login")
_password = PasswordChangeView.as_view(
    template_name="evcs/pages/password.html", success_url=reverse_lazy("evcs:home")
)

urlpatterns = [
    page("", live.home, "home", LOGIN),
    page("login/", _login, "login", ANYBODY, FORM),
    page("logout/", _logout, "logout", LOGIN, POST),
    page("password/", _password, "password", LOGIN, FORM),
    page("language/", set_language, "language", ANYBODY, POST),
    page("stations/", live.board, "live", SEE),
    page("stations/fragment/", live.fragment, "live-fragment", SEE),
    page("stations/new/", stations.create, "new-station", NEW_STATION, POST),
    page("stations/<int:pk>/", stations.one, "station", SEE),
    page("stations/<int:pk>/stop/", live.stop, "stop", STATION, POST),
    page("stations/<int:pk>/enable/", stations.enable, "enable", STATION, POST),
    page("stations/<int:pk>/reset/", stations.reset, "reset", STATION, POST),
    page("stations/<int:pk>/tokens/new/", stations.new_token, "new-token", STATION, POST),
    page("stations/<int:pk>/tokens/end/", stations.revoke_tokens, "revoke-tokens", STATION, POST),
    page("sessions/", sessions.listing, "sessions", SEE),
    page("sessions/<int:pk>/", sessions.one, "session", SEE),
    page("sessions/<int:pk>/correct/", sessions.correct, "correct", CHANGE, POST),
    page("sessions/<int:pk>/move/", sessions.move, "move", CHANGE, POST),
    page("sessions/<int:pk>/review/", sessions.review, "review-session", CHANGE, POST),
    page("review/", review.listing, "review", SEE),
    page("review/tags/<int:pk>/adopt/", review.adopt, "adopt", UNKNOWN, POST),
    page("review/tags/<int:pk>/aside/", review.set_aside, "set-aside", UNKNOWN, POST),
    page("review/messages/<int:pk>/settle/", review.settle, "settle", QUARANTINE, POST),
    page("tags/", tags.listing, "tags", SEE),
    page("tags/new/", tags.create, "new-tag", NEW_TAG, POST),
    page("tags/<int:pk>/", tags.one, "tag", SEE),
    page("tags/<int:pk>/give/", tags.give, "give-tag", TAG, POST),
    page("tags/<int:pk>/release/", tags.release, "release-tag", TAG, POST),
    page("tags/<int:pk>/edit/", tags.edit, "edit-tag", TAG, POST),
    page("tags/<int:pk>/block/", tags.block, "block", TAG, POST),
    page("tags/<int:pk>/accept/", tags.accept, "accept", TAG, POST),
    page("prices/", tariffs.listing, "tariffs", SEE),
    page("prices/set/", tariffs.set_price, "set-tariff", PRICE, POST),
    page("prices/<int:pk>/remove/", tariffs.remove, "remove-tariff", NO_PRICE, POST),
    page("months/", months.listing, "months", SEE),
    page("months/<str:month>/", months.one, "month", SEE),
    page("months/<str:month>/close/", months.close, "close-month", CLOSE, POST),
    page("months/<str:month>/report/<str:kind>/", downloads.report, "report", STATEMENT),
    page("statements/<int:pk>/<str:kind>/", downloads.statement, "statement", STATEMENT),
    page("my/", my.overview, "my", LOGIN),
    page("my/fragment/", my.fragment, "my-fragment", LOGIN),
    page("my/sessions/<int:pk>/", my.session, "my-session", LOGIN),
    page("my/statements/<int:pk>/<str:kind>/", my.statement, "my-statement", LOGIN),
    page("my/tags/<int:pk>/block/", my.block, "my-block", LOGIN, POST),
]
