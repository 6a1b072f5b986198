"""Who gets an apartment's statements, and mails about its charges if wished."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from evcs.models import StatementRecipient
from evcs.services.transactions import in_transaction


@in_transaction
def store(recipient: StatementRecipient) -> None:
    """Write what a person entered. A wish to be mailed that is new, or goes to another address,
    counts from now on: the charges of the tenant before are nobody's to read."""
    recipient.mails_since = _wanted_since(recipient)
    recipient.save()


def _wanted_since(recipient: StatementRecipient) -> dt.datetime | None:
    if not (recipient.session_mails and recipient.email):
        return None
    same = StatementRecipient.objects.filter(
        pk=recipient.pk, session_mails=True, email=recipient.email, mails_since__isnull=False
    )
    return same.values_list("mails_since", flat=True).first() or timezone.now()
