"""Forgetting who a person was (persons). What is billed stays as it is.

Register values, times, the number of the tag and the frozen statements are books. What says who it
was goes: labels, addresses, the login's hold on the apartment, what was noted of their tags beside
the books. A tag's number without its label names nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.apps import apps
from django.contrib.contenttypes.models import ContentType

from evcs.models import QuarantineItem, Resident, StatementRecipient, Tag
from evcs.services import persons, tag_lists
from evcs.services.persons import Person
from evcs.services.transactions import in_transaction

# In the place of a tag's number in a message that still waits for a person.
MASK = "********"


@dataclass(slots=True)
class Forgotten:
    """How many of each were cleared; ``left`` says what was not, why, and what to do about it."""

    labels: int = 0
    addresses: int = 0
    logins: int = 0
    unknown_tags: int = 0
    refused_starts: int = 0
    messages: int = 0
    mails: int = 0
    left: list[str] = field(default_factory=list)


@in_transaction
def forget(person: Person) -> Forgotten:
    """Clear what says who the person was. Whoever lives there now is entered again."""
    done = Forgotten()
    # Worked out before anything goes that they are worked out from.
    own, held = persons.own_tags(person), persons.assignments(person)
    address = persons.recipient(person)
    mails = persons.mails(person)
    mailed = list(mails.values_list("pk", flat=True))
    done.unknown_tags = persons.unknown_tags(person).delete()[0]
    done.refused_starts = persons.refused(person).delete()[0]
    done.messages = _messages(person)
    done.labels = Tag.objects.filter(pk__in=own).exclude(label="").update(label="")
    done.left += sorted(
        {
            f"the label of tag {one.tag.uid}: others had it as well, or have it now; if it is not "
            f"theirs, evcs_tag {one.tag.uid} --label ''"
            for one in held
            if one.tag_id not in own and one.tag.label
        }
    )
    done.mails = mails.model._default_manager.filter(pk__in=mailed).delete()[0]
    done.addresses = _address(person, address, done.left)
    keys = [row.pk for row in person.residents]
    done.logins = Resident.objects.filter(pk__in=keys).delete()[0]
    tag_lists.changed()
    return done


def _address(person: Person, mine: StatementRecipient | None, left: list[str]) -> int:
    found = StatementRecipient.objects.filter(flat_id=person.flat_id).first()
    if found is None:
        return 0
    _clear_history(found)
    if mine is None:
        if found.address or found.email:
            left.append(
                "the apartment's address and e-mail: by what is known they are somebody else's; "
                "if they are not, clear them in the admin (Empfänger)"
            )
        return 0
    told = bool(found.address or found.email)
    StatementRecipient.objects.filter(pk=found.pk).update(
        address="", email="", language="de", session_mails=False
    )
    return int(told)


def _clear_history(recipient: StatementRecipient) -> None:
    """The admin notes what a row was called; recipients were once called by their address."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import LogEntry

    kind = ContentType.objects.get_for_model(StatementRecipient)
    rows = LogEntry.objects.filter(content_type=kind, object_id=str(recipient.pk))
    rows.update(object_repr=str(recipient))


def _messages(person: Person) -> int:
    """Empty what is settled; take the tags out of what somebody still has to read.

    The rows stay: their numbers tell a message that is sent once more from a new one.
    """
    found = persons.quarantined(person)
    for item, uids in found:
        kept = QuarantineItem.objects.filter(pk=item.pk)
        if item.settled_at is not None:
            kept.update(raw="", reason="", note="")
            continue
        pattern = re.compile("|".join(map(re.escape, sorted(uids))), re.IGNORECASE)
        kept.update(raw=pattern.sub(MASK, item.raw), reason=pattern.sub(MASK, item.reason))
    return len(found)
