"""The versions of a connector: written once, activated with a reason; what is active is what every call works by."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from django.utils.translation import gettext as _

from channels_sync.connector.documents import ConnectorInvalid, Mistake, read_document
from channels_sync.models import ChannelAccount, ConnectorVersion
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.strictjson import UnreadableBody, loads_strict

MAX_DOCUMENT_BYTES = 200_000


class ConnectorVersionUnknown(OrderCenterError):
    """There is no such version of this account's connector."""

    code = "channels.connector_version_unknown"
    status = 404

    def __init__(self, *, account_id: int, number: int):
        super().__init__(f"account {account_id} has no connector version {number}")
        self.account_id, self.number = account_id, number


def document_of(text: str) -> dict[str, object]:
    """The document that a person wrote, checked whole. Raises ConnectorInvalid."""
    try:
        document = loads_strict(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_DOCUMENT_BYTES, floats_as=float)
    except UnreadableBody as error:
        text = _("This is not JSON that can be read: %(why)s") % {"why": str(error)}
        raise ConnectorInvalid(mistakes=[Mistake("$", text)]) from None
    read_document(document)
    return document  # type: ignore[no-any-return] # an object: anything else is a mistake


def write_version(*, account: ChannelAccount, text: str, note: str, at: datetime, actor: Actor) -> ConnectorVersion:
    """Keep a checked document as the account's next version; the same as the newest one is not kept twice.

    Raises ConnectorInvalid. Nothing works by it before it is activated.
    """
    document = document_of(text)
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    with unit_of_work(at=at, actor=actor) as work:
        # One after the other, so that two people never make the same number.
        ChannelAccount.objects.select_for_update().get(pk=account.pk)
        newest = ConnectorVersion.objects.filter(account=account).order_by("-number").first()
        if newest is not None and newest.digest == digest:
            return newest
        version = ConnectorVersion.objects.create(
            account=account,
            number=newest.number + 1 if newest is not None else 1,
            document=document,
            digest=digest,
            note=note[:200],
            made_at=at,
            made_by_id=actor.user_id,
        )
        record_deed(
            work,
            action="connector.write",
            subject=f"account:{account.pk}",
            details={"version": version.number, "digest": digest},
        )
    return version


def activate_version(*, account_id: int, number: int, reason: str, at: datetime, actor: Actor) -> ConnectorVersion:
    """Work by this version from now on, also an older one. Messages that could not be read can be replayed then.

    Raises ConnectorVersionUnknown, ConnectorInvalid (a version of before, which the program no longer takes).
    """
    with unit_of_work(at=at, actor=actor) as work:
        account = ChannelAccount.objects.select_for_update().get(pk=account_id)
        version = ConnectorVersion.objects.filter(account_id=account_id, number=number).first()
        if version is None:
            raise ConnectorVersionUnknown(account_id=account_id, number=number)
        read_document(version.document)
        account.options = {**account.options, "connector": version.document, "connector_version": number}
        account._change_reason = reason[:100]  # type: ignore[attr-defined] # where django-simple-history looks
        account.save(update_fields=["options"])
        record_deed(
            work,
            action="connector.activate",
            subject=f"account:{account_id}",
            reason=reason,
            details={"version": number, "digest": version.digest},
        )
    return version
