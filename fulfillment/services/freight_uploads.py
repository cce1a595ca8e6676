"""A courier's bill between upload and import: kept sealed for a day, so that people see it read before it counts."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from fulfillment.models import FreightUpload
from fulfillment.services.freight_bills import digest_of
from ordercenter.common.secretfield import unseal

KEPT = timedelta(days=1)


def keep_upload(*, content: bytes, file_name: str, carrier_id: int, at: datetime, user_id: int | None) -> FreightUpload:
    """Keep a file until it is taken in; those that nobody took in for a day are forgotten."""
    FreightUpload.objects.filter(created_at__lt=at - KEPT).delete()
    return FreightUpload.objects.create(
        carrier_id=carrier_id,
        file_name=file_name[:200],
        file_sha256=digest_of(content),
        content=base64.b64encode(content).decode(),
        created_at=at,
        created_by_id=user_id,
    )


def content_of(upload: FreightUpload) -> bytes:
    """The file as it was uploaded."""
    return base64.b64decode(unseal(upload.content))


def forget_upload(*, upload_id: int) -> None:
    """It was taken in, or somebody thought better of it."""
    FreightUpload.objects.filter(pk=upload_id).delete()
