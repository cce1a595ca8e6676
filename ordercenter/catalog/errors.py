"""What the catalogue refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class ContactUnknown(OrderCenterError):
    """There is no such contact, or not for this caller."""

    code = "catalog.contact_unknown"
    title = _("There is no such contact.")
    status = 404

    def __init__(self, *, contact_id: int):
        super().__init__(f"contact {contact_id} is unknown")
        self.contact_id = contact_id
