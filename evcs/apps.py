"""The app's entry for INSTALLED_APPS."""

from django.apps import AppConfig


class EvcsConfig(AppConfig):
    """Charging stations."""

    name = "evcs"
    verbose_name = "Ladestationen"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks."""
        from evcs import checks  # noqa: F401
