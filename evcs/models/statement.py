"""Statements: what was billed when a month was closed, as it was, and where it is mailed to."""

from __future__ import annotations

from django.db import models

from evcs.models.month import ClosedMonth
from evcs.settings import evcs_settings


class Statement(models.Model):
    """One apartment's statement of a closed month. Written once, never changed.

    ``content`` is canonical JSON (services.canonical), ``sha256`` the hash of its bytes; PDF, XLSX
    and CSV are rendered from it and from nothing else. ``flat`` is null for what belongs to nobody;
    ``flat_key`` is its id as text, empty for that one, so that it can be unique.
    """

    closed = models.ForeignKey(
        ClosedMonth, models.PROTECT, related_name="statements", verbose_name="Monat"
    )
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="Wohnung",
    )
    flat_key = models.CharField("Schlüssel der Wohnung", max_length=40, blank=True)
    content = models.TextField("Inhalt")
    sha256 = models.CharField("SHA-256", max_length=64)

    class Meta:
        verbose_name = "Abrechnung"
        verbose_name_plural = "Abrechnungen"
        ordering = ["-closed__month", "flat_key"]
        constraints = [
            models.UniqueConstraint(
                fields=["closed", "flat_key"], name="evcs_statement_once_a_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.closed} {self.flat_key or '-'}"


class StatementRecipient(models.Model):
    """Who gets an apartment's statement: address lines for the letter, a mail address, a language.

    Without ``email`` the statement is only kept and shown.
    """

    LANGUAGES = [("de", "Deutsch"), ("en", "English")]

    flat = models.OneToOneField(
        evcs_settings.FLAT_MODEL, models.PROTECT, related_name="+", verbose_name="Wohnung"
    )
    address = models.TextField("Anschrift", blank=True)
    email = models.EmailField("E-Mail", blank=True)
    language = models.CharField("Sprache", max_length=2, choices=LANGUAGES, default="de")
    session_mails = models.BooleanField(
        "Ladevorgänge melden",
        default=False,
        help_text="Eine Nachricht, wenn ein Ladevorgang beginnt, und eine, was er ergeben hat.",
    )
    # Since when the wish and this address stand together: what came before is nobody's to read.
    mails_since = models.DateTimeField("gemeldet wird seit", null=True, editable=False)

    class Meta:
        verbose_name = "Empfänger"
        verbose_name_plural = "Empfänger"
        ordering = ["flat_id"]

    def __str__(self) -> str:
        # Not the address: the admin's history keeps what a row was called (services.person_forget).
        return f"{self.flat_id}"


class StatementMail(models.Model):
    """A statement that was mailed. One for each address: a second run sends nothing twice."""

    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="mails", verbose_name="Abrechnung"
    )
    email = models.EmailField("E-Mail")
    at = models.DateTimeField("Zeitpunkt")

    class Meta:
        verbose_name = "Versand"
        verbose_name_plural = "Versand"
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["statement", "email"], name="evcs_mailed_once")
        ]

    def __str__(self) -> str:
        return f"{self.statement_id} -> {self.email}"
