"""Showing personal data in clear: a permission of its own, and a record of every look."""

from __future__ import annotations

from typing import Any

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.contacts import clear_data
from ordercenter.catalog.errors import ContactUnknown
from ordercenter.catalog.models import Contact
from ordercenter.common.actor import Actor


def reveal_contact(*, contact_id: int, reason: str, actor: Actor) -> dict[str, Any]:
    """Name, phone, address and zip of a contact in clear; writes the deed "contact.reveal" in the same transaction.

    The caller has checked the permission and the scope. Raises ContactUnknown.
    """
    with unit_of_work(actor=actor, reason=reason) as work:
        contact = Contact.objects.filter(pk=contact_id).first()
        if contact is None:
            raise ContactUnknown(contact_id=contact_id)
        record_deed(work, action="contact.reveal", subject=f"contact:{contact_id}", reason=reason)
        return clear_data(contact)
