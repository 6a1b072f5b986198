"""The app's entry; its label is that of the original, so references to it hold in both."""

from django.apps import AppConfig


class MmeteringConfig(AppConfig):
    """mmetering's tables under mmetering's label."""

    name = "server.mmetering"
    label = "mmetering"
    verbose_name = "mmetering"
    # The original's tables have 32-bit keys.
    default_auto_field = "django.db.models.AutoField"
