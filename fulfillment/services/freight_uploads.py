"""A courier's bill between upload and import: kept sealed for a day, so that people see it read before it counts.

A short file is read while the page waits, and a short bill is judged then. What is longer is left to a worker: the wish
is written down, told as a fact, and whoever comes first after the commit does it (`work_off`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from fulfillment.contracts.bill_sheets import BillError, open_table, parcels_of
from fulfillment.models import FreightUpload
from fulfillment.services.freight_intake import Sums, digest_of, first_rows, saved_columns, take_in_bill
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.secretfield import unseal
from ordercenter.events.types import FreightUploaded

logger = structlog.get_logger(__name__)

KEPT = timedelta(days=1)
SHOWN_ROWS, SHOWN_ERRORS = 10, 50
# A file of so many bytes, a bill of so many lines are there before anybody wonders where the page is.
SHORT_BYTES, SHORT_LINES = 200_000, 2_000
UNREADABLE = "common.table_unreadable"


@dataclass(frozen=True)
class Reading:
    """What is in a file, read with certain columns. Plain values: it is kept beside the file.

    columns: our column -> heading; rows: the first ones; days as ISO text, amounts as decimal text.
    """

    columns: Mapping[str, str]
    headings: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    total: str = "0"
    errors: list[dict[str, Any]] = field(default_factory=list)
    error_count: int = 0
    first_day: str | None = None
    last_day: str | None = None


def keep_upload(
    *,
    content: bytes,
    file_name: str,
    carrier_id: int,
    at: datetime,
    actor: Actor,
    columns: Mapping[str, str] | None = None,
    wish: Mapping[str, Any] | None = None,
) -> FreightUpload:
    """Keep a file until it is taken in; those that nobody took in for a day are forgotten.

    wish: to be taken in like this as soon as it is read, see `wish_import`. Emits FreightUploaded for a file that is
    too long to be read while somebody waits.
    """
    with unit_of_work(at=at, actor=actor) as work:
        FreightUpload.objects.filter(created_at__lt=at - KEPT).delete()
        upload = FreightUpload.objects.create(
            carrier_id=carrier_id,
            file_name=file_name[:200],
            file_sha256=digest_of(content),
            content=base64.b64encode(content).decode(),
            size=len(content),
            columns=dict(columns) if columns is not None else None,
            wish=dict(wish) if wish is not None else None,
            created_at=at,
            created_by_id=actor.user_id,
        )
        if not is_short(upload) or wish is not None:
            work.record(FreightUploaded(freight_upload_id=upload.pk))
    return upload


def is_short(upload: FreightUpload) -> bool:
    """Whether the file may be read while somebody waits."""
    return upload.size <= SHORT_BYTES


def content_of(upload: FreightUpload) -> bytes:
    """The file as it was uploaded."""
    return base64.b64decode(unseal(upload.content))


def read_content(content: bytes, columns: Mapping[str, str]) -> Reading:
    """What is in a file, by these columns. Raises SheetUnreadable."""
    table = open_table(content, columns)
    errors: list[BillError] = []
    sums = Sums()
    rows = first_rows(sums.counted(parcels_of(table, errors)), SHOWN_ROWS)
    return Reading(
        columns=dict(table.columns),
        headings=[heading for heading in table.headings if heading],
        rows=[
            {
                **asdict(row),
                "amount": str(row.amount),
                "billed_on": row.billed_on.isoformat() if row.billed_on else None,
                "parts": {name: str(amount) for name, amount in row.parts.items()},
            }
            for row in rows
        ],
        count=sums.count,
        total=str(sums.total),
        errors=[asdict(error) for error in errors[:SHOWN_ERRORS]],
        error_count=len(errors),
        first_day=sums.first_day.isoformat() if sums.first_day else None,
        last_day=sums.last_day.isoformat() if sums.last_day else None,
    )


def wish_reading(*, upload_id: int, columns: Mapping[str, str], at: datetime, actor: Actor) -> None:
    """Let a worker read this file with these columns. Emits FreightUploaded."""
    with unit_of_work(at=at, actor=actor) as work:
        FreightUpload.objects.filter(pk=upload_id, bill=None).update(
            columns=dict(columns), reading=None, wish=None, problem=""
        )
        work.record(FreightUploaded(freight_upload_id=upload_id))


def wish_import(
    *,
    upload_id: int,
    columns: Mapping[str, str],
    at: datetime,
    actor: Actor,
    starts_on: date | None = None,
    ends_on: date | None = None,
    warehouse_id: int | None = None,
    product_id: int | None = None,
) -> None:
    """Let a worker take this file in; whoever wished it has done it. Emits FreightUploaded."""
    wish = wish_of(actor=actor, starts_on=starts_on, ends_on=ends_on, warehouse_id=warehouse_id, product_id=product_id)
    with unit_of_work(at=at, actor=actor) as work:
        FreightUpload.objects.filter(pk=upload_id, bill=None).update(columns=dict(columns), wish=wish, problem="")
        work.record(FreightUploaded(freight_upload_id=upload_id))


def wish_of(
    *,
    actor: Actor,
    starts_on: date | None = None,
    ends_on: date | None = None,
    warehouse_id: int | None = None,
    product_id: int | None = None,
) -> dict[str, Any]:
    """How a file is to be taken in, as plain values."""
    return {
        "actor": [actor.kind, actor.label, actor.user_id],
        "starts_on": starts_on.isoformat() if starts_on else None,
        "ends_on": ends_on.isoformat() if ends_on else None,
        "warehouse_id": warehouse_id,
        "product_id": product_id,
    }


def forget_upload(*, upload_id: int) -> None:
    """It was taken in, or somebody thought better of it."""
    FreightUpload.objects.filter(pk=upload_id).delete()


def work_off_uploads() -> int:
    """Read the files that wait to be read, take in those that wait to be taken in; returns how many there were.

    For one worker at a time. One that is stopped leaves the file as it was, and the next one begins it anew.
    """
    unread = FreightUpload.objects.filter(
        reading__isnull=True, wish__isnull=True, bill=None, problem="", size__gt=SHORT_BYTES
    )
    wanted = FreightUpload.objects.filter(wish__isnull=False, bill=None, problem="")
    waiting = [*wanted.order_by("pk").values_list("pk", flat=True), *unread.order_by("pk").values_list("pk", flat=True)]
    for upload_id in waiting:
        upload = FreightUpload.objects.filter(pk=upload_id).first()
        if upload is None:
            continue
        try:
            _work_off(upload)
        except OrderCenterError as error:
            FreightUpload.objects.filter(pk=upload.pk).update(problem=error.code)
        except Exception:  # the border of one file: the next one has nothing to do with it
            logger.exception("courier_bill.file_not_read", upload=upload.pk)
            FreightUpload.objects.filter(pk=upload.pk).update(problem="common.internal_error")
    return len(waiting)


def _work_off(upload: FreightUpload) -> None:
    content = content_of(upload)
    columns = saved_columns(upload.carrier_id, content) if upload.columns is None else upload.columns
    if upload.wish is None:
        reading = asdict(read_content(content, columns))
        # Somebody may have matched the columns anew while it was read.
        same = {"columns__isnull": True} if upload.columns is None else {"columns": upload.columns}
        FreightUpload.objects.filter(pk=upload.pk, wish__isnull=True, **same).update(reading=reading)
        return
    kind, label, user_id = upload.wish["actor"]
    starts_on, ends_on = (
        date.fromisoformat(day) if (day := upload.wish[d]) else None for d in ("starts_on", "ends_on")
    )
    with transaction.atomic():
        # The bill and the mark that the file became it: both or neither.
        done = take_in_bill(
            content=content,
            file_name=upload.file_name,
            carrier_id=upload.carrier_id,
            at=timezone.now(),
            actor=Actor(kind, label, user_id),
            starts_on=starts_on,
            ends_on=ends_on,
            warehouse_id=upload.wish["warehouse_id"],
            product_id=upload.wish["product_id"],
            columns=columns,
        )
        changes: dict[str, Any] = {"bill_id": done.bill_id}
        if done.errors:
            changes = {"reading": asdict(read_content(content, columns)), "wish": None, "problem": UNREADABLE}
        FreightUpload.objects.filter(pk=upload.pk).update(**changes)
