"""Apartments and meters in the admin, so that the project can be used without mmetering."""

from django.contrib import admin

from server.mmetering.models import Flat, Meter


@admin.register(Flat)
class FlatAdmin(admin.ModelAdmin):
    """Apartments."""

    list_display = ["name", "modus"]
    list_filter = ["modus"]
    search_fields = ["name"]


@admin.register(Meter)
class MeterAdmin(admin.ModelAdmin):
    """Meters of apartments."""

    list_display = ["seriennummer", "flat", "addresse", "active", "available"]
    list_filter = ["active", "available"]
    search_fields = ["seriennummer", "flat__name"]
