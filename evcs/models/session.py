"""Charging sessions: the facts of START and END, and what is concluded from them."""

from __future__ import annotations

from decimal import Decimal

from django.db import models

from evcs.kinds import AuthorizedBy, EndReason, Flag, SessionMailKind, SessionState, TimeQuality
from evcs.models.station import Station
from evcs.models.tag import Tag
from evcs.settings import evcs_settings


class Session(models.Model):
    """One charge. Energy in Wh, registers as the meter counts them.

    ``open_slot`` is 1 while the session is open and null afterwards: a unique constraint over it
    keeps a station at one open session on every database, without a condition (which MariaDB would
    leave out). ``provisional_*`` and ``orphan_*`` never mix with the own END.
    """

    station = models.ForeignKey(
        Station, models.PROTECT, related_name="sessions", verbose_name="Station"
    )
    uuid = models.UUIDField("UUID", unique=True)
    seq = models.BigIntegerField("laufende Nummer")
    open_slot = models.SmallIntegerField("läuft", null=True, blank=True)
    received_at = models.DateTimeField("eingegangen am")

    tag_uid = models.CharField("Kartennummer", max_length=20)
    tag = models.ForeignKey(
        Tag, models.PROTECT, null=True, blank=True, related_name="sessions", verbose_name="Karte"
    )
    flat = models.ForeignKey(
        evcs_settings.FLAT_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="Wohnung",
    )
    authorized_by = models.CharField(
        "freigegeben durch", max_length=8, choices=AuthorizedBy.choices
    )

    started_at = models.DateTimeField("Beginn")
    time_quality = models.CharField("Uhrzeit", max_length=12, choices=TimeQuality.choices)
    started_effective = models.DateTimeField("Beginn, wie gebucht")
    start_serial = models.CharField("Zähler am Beginn", max_length=64, null=True, blank=True)
    start_wh = models.BigIntegerField("Zählerstand am Beginn (Wh)", null=True, blank=True)
    start_l1_wh = models.BigIntegerField("davon L1 (Wh)", null=True, blank=True)
    start_l2_wh = models.BigIntegerField("davon L2 (Wh)", null=True, blank=True)
    start_l3_wh = models.BigIntegerField("davon L3 (Wh)", null=True, blank=True)

    end_received_at = models.DateTimeField("Ende eingegangen am", null=True, blank=True)
    ended_at = models.DateTimeField("Ende", null=True, blank=True)
    end_time_quality = models.CharField(
        "Uhrzeit am Ende", max_length=12, choices=TimeQuality.choices, blank=True
    )
    end_reason = models.CharField(
        "beendet durch", max_length=20, choices=EndReason.choices, blank=True
    )
    end_serial = models.CharField("Zähler am Ende", max_length=64, null=True, blank=True)
    end_wh = models.BigIntegerField("Zählerstand am Ende (Wh)", null=True, blank=True)
    end_l1_wh = models.BigIntegerField("davon L1 am Ende (Wh)", null=True, blank=True)
    end_l2_wh = models.BigIntegerField("davon L2 am Ende (Wh)", null=True, blank=True)
    end_l3_wh = models.BigIntegerField("davon L3 am Ende (Wh)", null=True, blank=True)
    end_estimated = models.BooleanField("Ende geschätzt", default=False)
    stop_tag = models.CharField("beendet mit Karte", max_length=20, null=True, blank=True)
    interruptions = models.JSONField("Unterbrechungen", default=list, blank=True)

    provisional_at = models.DateTimeField("vorläufig beendet am", null=True, blank=True)
    provisional_wh = models.BigIntegerField("vorläufiger Endstand (Wh)", null=True, blank=True)
    orphan_strikes = models.SmallIntegerField("Meldungen ohne diesen Vorgang", default=0)
    orphan_at = models.DateTimeField("verwaist seit", null=True, blank=True)
    orphan_serial = models.CharField("Zähler dabei", max_length=64, null=True, blank=True)
    orphan_wh = models.BigIntegerField("Zählerstand dabei (Wh)", null=True, blank=True)

    # Concluded by services.settlement from everything above, never written by hand.
    energy_wh = models.BigIntegerField("Energie (Wh)", default=0)
    closed_at = models.DateTimeField("abgeschlossen am", null=True, blank=True)
    # The month of ``closed_at`` in the house's time; ``month`` may be a later one.
    ended_month = models.DateField("Monat des Endes", null=True, blank=True)
    # What counts for ``flat`` in ``month``; stays as it is once that month is closed.
    month = models.DateField("Monat", null=True, blank=True)
    booked_wh = models.BigIntegerField("gebucht (Wh)", default=0)
    # Names between commas, ",conflict,estimated,": one text that every database can search.
    flags_text = models.CharField("Bemerkungen", max_length=255, blank=True)

    class Meta:
        verbose_name = "Ladevorgang"
        verbose_name_plural = "Ladevorgänge"
        ordering = ["-started_effective", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["station", "open_slot"], name="evcs_one_open_session_per_station"
            )
        ]
        indexes = [
            models.Index(fields=["station", "seq"], name="evcs_session_station_seq"),
            # What still waits for its END is looked for at every START.
            models.Index(
                fields=["station", "end_received_at", "seq"], name="evcs_session_waiting_for_end"
            ),
            models.Index(fields=["flat", "month"], name="evcs_session_flat_month"),
            models.Index(fields=["station", "month"], name="evcs_session_station_month"),
            models.Index(fields=["station", "ended_month"], name="evcs_session_station_ended"),
            models.Index(fields=["month"], name="evcs_session_month"),
            models.Index(fields=["tag_uid", "open_slot"], name="evcs_session_tag_open"),
            models.Index(fields=["started_effective"], name="evcs_session_started"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.uuid})"

    @property
    def state(self) -> SessionState:
        """Open, provisionally ended, or ended by its own END."""
        if self.end_received_at is not None:
            return SessionState.ENDED
        return SessionState.OPEN if self.open_slot else SessionState.PROVISIONAL

    @property
    def flags(self) -> list[str]:
        """The names of what is doubtful, in alphabetical order."""
        return [name for name in self.flags_text.split(",") if name]

    @flags.setter
    def flags(self, names: set[Flag] | set[str]) -> None:
        ordered = sorted(str(name) for name in names)
        self.flags_text = f",{','.join(ordered)}," if ordered else ""

    @property
    def energy_kwh(self) -> Decimal:
        """The energy in kWh with three decimals."""
        return Decimal(self.energy_wh).scaleb(-3)


class SessionChange(models.Model):
    """A value of a session that was replaced: what it was, what it became, why. Append-only."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="changes", verbose_name="Ladevorgang"
    )
    at = models.DateTimeField("Zeitpunkt")
    field = models.CharField("Feld", max_length=40)
    old = models.CharField("vorher", max_length=100, null=True)
    new = models.CharField("nachher", max_length=100, null=True)
    cause = models.CharField("Anlass", max_length=40)

    class Meta:
        verbose_name = "Änderung"
        verbose_name_plural = "Änderungen"
        ordering = ["session_id", "pk"]

    def __str__(self) -> str:
        return f"{self.session_id} {self.field}: {self.old} -> {self.new}"


class SessionReview(models.Model):
    """A person looked at what is doubtful in a session, ``flags_text`` at that time. Append-only.

    A flag that comes later wants a look of its own.
    """

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="reviews", verbose_name="Ladevorgang"
    )
    at = models.DateTimeField("Zeitpunkt")
    flags_text = models.CharField("Bemerkungen", max_length=255)
    by_name = models.CharField("durch", max_length=100)
    note = models.CharField("Notiz", max_length=200)

    class Meta:
        verbose_name = "Prüfung"
        verbose_name_plural = "Prüfungen"
        ordering = ["session_id", "pk"]

    def __str__(self) -> str:
        return f"{self.session_id} {self.by_name}"


class SessionMail(models.Model):
    """What a resident was told of a session; each once."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="mails", verbose_name="Ladevorgang"
    )
    kind = models.CharField("Art", max_length=8, choices=SessionMailKind.choices)
    at = models.DateTimeField("Zeitpunkt")

    class Meta:
        verbose_name = "Nachricht zum Ladevorgang"
        verbose_name_plural = "Nachrichten zu Ladevorgängen"
        constraints = [
            models.UniqueConstraint(fields=["session", "kind"], name="evcs_session_mailed_once")
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.kind}"


class Reading(models.Model):
    """The register and power within a session, about once a minute."""

    session = models.ForeignKey(
        Session, models.PROTECT, related_name="readings", verbose_name="Ladevorgang"
    )
    n = models.BigIntegerField("Nummer")
    at = models.DateTimeField("Zeitpunkt")
    import_wh = models.BigIntegerField("Zählerstand (Wh)")
    power_w = models.BigIntegerField("Leistung (W)", null=True, blank=True)

    class Meta:
        verbose_name = "Messwert"
        verbose_name_plural = "Messwerte"
        ordering = ["session_id", "n"]
        constraints = [
            models.UniqueConstraint(fields=["session", "n"], name="evcs_reading_once_per_session")
        ]

    def __str__(self) -> str:
        return f"{self.session_id}/{self.n}"
