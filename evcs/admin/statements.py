"""Closed months and statements to download, tariffs and recipients to enter."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html_join

from evcs.admin.readonly import NoDelete, ReadOnly
from evcs.admin.searching import FindsFlat
from evcs.models import ClosedMonth, Statement, StatementMail, StatementRecipient, Tariff
from evcs.services import recipients, statement_files, tariffs
from evcs.services.errors import UsageError


class Downloads(ReadOnly, admin.ModelAdmin):
    """Rows with ``content`` and ``sha256`` that can be taken as files."""

    def get_urls(self) -> list[Any]:
        """Add the address of the files."""
        name = f"{self.model._meta.model_name}_file"
        mine = path("<int:pk>/file/<str:kind>/", self.admin_site.admin_view(self.file), name=name)
        return [mine, *super().get_urls()]

    def file(self, request: HttpRequest, pk: int, kind: str) -> HttpResponse:
        """Send one of them."""
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None or not self.has_view_permission(request, found) or not found.content:
            raise Http404
        try:
            name, data = statement_files.of(found.content, found.sha256, kind, "de")
        except ValueError as error:
            raise Http404 from error
        return HttpResponse(
            data,
            content_type=statement_files.FORMATS[kind][0],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @admin.display(description="Dateien")
    def files(self, row: Any) -> str:
        """Return the links."""
        if not row.content:
            return "–"
        name = f"admin:{self.model._meta.model_name}_file"
        links = ((reverse(name, args=[row.pk, kind]), kind) for kind in statement_files.FORMATS)
        return format_html_join(" ", '<a href="{}">{}</a>', links)


@admin.register(ClosedMonth)
class ClosedMonthAdmin(Downloads):
    """Months that are billed."""

    list_display = ["month", "closed_at", "closed_by", "override_by", "override_reason", "files"]
    search_fields = ["month", "override_by", "override_reason", "sha256"]
    readonly_fields = ["files"]


@admin.register(Statement)
class StatementAdmin(FindsFlat, Downloads):
    """Statements."""

    list_display = ["closed", "flat", "sha256", "files"]
    list_filter = ["closed"]
    list_select_related = ["closed", "flat"]
    search_fields = ["closed__month", "sha256"]
    readonly_fields = ["files"]


@admin.register(StatementMail)
class StatementMailAdmin(FindsFlat, ReadOnly, admin.ModelAdmin):
    """What was mailed."""

    list_display = ["at", "email", "statement"]
    list_select_related = ["statement__closed"]
    search_fields = ["email", "statement__closed__month"]
    flat_path = "statement__flat"


@admin.register(StatementRecipient)
class StatementRecipientAdmin(NoDelete, admin.ModelAdmin):
    """Who gets an apartment's statement."""

    list_display = ["flat", "email", "language", "session_mails"]
    search_fields = ["email", "address"]

    def save_model(self, request: Any, obj: StatementRecipient, form: Any, change: bool) -> None:
        """Write it by the service, which knows since when a wish counts."""
        recipients.store(obj)


class TariffForm(forms.ModelForm):
    """A tariff, held against the rules of the service before anything is stored."""

    class Meta:
        model = Tariff
        fields = ["valid_from", "price_per_kwh", "currency", "vat_percent"]

    def clean(self) -> dict[str, Any]:
        """Tell what the service would refuse."""
        data = super().clean()
        day = self.instance.valid_from if self.instance.pk else data.get("valid_from")
        if day and not self.errors:
            try:
                tariffs.refuse(day, data["price_per_kwh"], data["vat_percent"], data["currency"])
            except UsageError as error:
                raise forms.ValidationError(error.told()) from error
        return data


@admin.register(Tariff)
class TariffAdmin(NoDelete, admin.ModelAdmin):
    """What a kWh costs."""

    form = TariffForm
    list_display = ["valid_from", "price_per_kwh", "currency", "vat_percent"]
    search_fields = ["valid_from", "currency"]

    def get_readonly_fields(self, request: Any, obj: Tariff | None = None) -> list[str]:
        """Another day is another tariff."""
        return ["valid_from"] if obj else []

    def save_model(self, request: Any, obj: Tariff, form: Any, change: bool) -> None:
        """Set it."""
        made = tariffs.set_price(obj.valid_from, obj.price_per_kwh, obj.vat_percent, obj.currency)
        obj.pk = made.pk
